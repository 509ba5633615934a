"""Values as an OPC UA server sends them, as values of a tag's kind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.decoder.layout import DATE_TIME, NUMBER_DTYPES, to_filetime_ticks
from dualspan_edge.decoder.model import ItemRun, RunForm
from dualspan_frame import BinaryColumn, ValueKind, Values

# Status codes of Part 6, Annex A.
BAD_NO_DATA = 0x809B0000
BAD_OUT_OF_RANGE = 0x803C0000
BAD_TYPE_MISMATCH = 0x80740000
BAD_ENCODING_LIMITS_EXCEEDED = 0x80080000
SEVERITY_BITS = 0xC0000000
# A value longer than this is not stored: the server is not trusted with the memory of everything behind it.
MAX_VALUE_BYTES = 65_536

_BOOLEAN, _UINT64 = 1, 9
_INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 8, 9})
_STRING_VARIANT = b"\x0c"


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """`n` values of one kind.

    Attributes:
        values: What a block of the kind holds.
        status: uint32, shape (n,): as it came, or why there is no value.
    """

    values: Values
    status: NDArray[np.uint32]


def convert(run: ItemRun, kind: ValueKind) -> Converted:
    """The values of `run` as values of `kind`.

    A value that is absent becomes NaN, 0, false or empty with a status that is not Good (Bad_NoData); one of another
    type likewise with Bad_TypeMismatch; an unsigned one above 2^63 - 1 is clipped with Bad_OutOfRange; a text or
    Variant longer than `MAX_VALUE_BYTES` is left out with Bad_EncodingLimitsExceeded.
    """
    if run.form is RunForm.ABSENT or run.values is None:
        good = (run.status & SEVERITY_BITS) == 0
        return Converted(no_values(kind, len(run)), np.where(good, np.uint32(BAD_NO_DATA), run.status))
    if kind is ValueKind.BYTES:
        return _bounded(_as_variants(run), run.status)
    if isinstance(run.values, BinaryColumn):
        matches = kind is ValueKind.TEXT and run.form is RunForm.TEXT
        return _bounded(run.values, run.status) if matches else _mismatch(run, kind)
    return _convert_numbers(run, run.values, kind)


def no_values(kind: ValueKind, count: int) -> Values:
    """`count` times what stands where there is no value."""
    match kind:
        case ValueKind.FLOAT64:
            return np.full(count, np.nan)
        case ValueKind.INT64:
            return np.zeros(count, np.int64)
        case ValueKind.BOOL:
            return np.zeros(count, np.bool_)
        case ValueKind.TEXT | ValueKind.BYTES:
            return BinaryColumn.empty(count)


def _convert_numbers(run: ItemRun, numbers: NDArray[Any], kind: ValueKind) -> Converted:
    if kind is ValueKind.FLOAT64 and run.built_in != DATE_TIME:
        return Converted(numbers.astype(np.float64, copy=False), run.status)
    if kind is ValueKind.BOOL and run.built_in == _BOOLEAN:
        return Converted(numbers.astype(np.bool_, copy=False), run.status)
    if kind is ValueKind.INT64 and run.built_in == _UINT64:
        too_large = numbers > np.uint64(np.iinfo(np.int64).max)
        clipped = np.minimum(numbers, np.uint64(np.iinfo(np.int64).max)).astype(np.int64)
        return Converted(clipped, np.where(too_large, np.uint32(BAD_OUT_OF_RANGE), run.status))
    if kind is ValueKind.INT64 and (run.built_in in _INTEGERS or run.built_in in {_BOOLEAN, DATE_TIME}):
        return Converted(numbers.astype(np.int64, copy=False), run.status)
    return _mismatch(run, kind)


def _mismatch(run: ItemRun, kind: ValueKind) -> Converted:
    return Converted(no_values(kind, len(run)), np.full(len(run), BAD_TYPE_MISMATCH, np.uint32))


def _as_variants(run: ItemRun) -> BinaryColumn:
    """The values as OPC UA Variants (Part 6, 5.2.2.16)."""
    if isinstance(run.values, BinaryColumn):
        if run.form is RunForm.VARIANT:
            return run.values
        texts = run.values.to_list()
        return BinaryColumn.from_list(_STRING_VARIANT + len(text).to_bytes(4, "little") + text for text in texts)
    numbers: NDArray[Any] = np.asarray(run.values)
    if run.built_in == DATE_TIME:
        numbers = to_filetime_ticks(numbers)
    encoded = np.empty(len(run), [("type", "u1"), ("value", NUMBER_DTYPES[run.built_in])])
    encoded["type"] = run.built_in
    encoded["value"] = numbers
    return BinaryColumn.from_lengths(np.full(len(run), encoded.itemsize, np.int64), encoded.view(np.uint8))


def _bounded(contents: BinaryColumn, status: NDArray[np.uint32]) -> Converted:
    too_long = contents.lengths > MAX_VALUE_BYTES
    if not too_long.any():
        return Converted(contents, status)
    kept = [b"" if drop else content for content, drop in zip(contents.to_list(), too_long, strict=True)]
    return Converted(BinaryColumn.from_list(kept), np.where(too_long, np.uint32(BAD_ENCODING_LIMITS_EXCEEDED), status))
