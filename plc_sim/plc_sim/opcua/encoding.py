"""OPC UA binary encoding of columns of DataValues (Part 6, 5.2.2.16 and 5.2.2.17).

asyncua encodes one object per value; here a column becomes bytes through one NumPy structured array.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILETIME_EPOCH = 116_444_736_000_000_000
"""100 ns ticks between 1601-01-01 (OPC UA's zero) and 1970-01-01."""

BAD = 0x8000_0000
OVERFLOW = 0x0000_0480
"""InfoType DataValue (0x400) and the Overflow bit (0x80), Part 4, 7.39.1."""

_VALUE, _STATUS, _SOURCE, _SERVER = 0x01, 0x02, 0x04, 0x08


class Stamps(IntEnum):
    """TimestampsToReturn of Part 4, 7.40."""

    SOURCE = 0
    SERVER = 1
    BOTH = 2
    NEITHER = 3


class BuiltInType(IntEnum):
    """The built-in types that the simulator serves, with the numbers of Part 6, 5.1.2."""

    BOOLEAN = 1
    BYTE = 3
    INT16 = 4
    UINT16 = 5
    INT32 = 6
    UINT32 = 7
    INT64 = 8
    UINT64 = 9
    FLOAT = 10
    DOUBLE = 11
    STRING = 12
    DATETIME = 13
    LOCALIZED_TEXT = 21
    EXTENSION_OBJECT = 22


SCALAR_DTYPES: dict[BuiltInType, np.dtype[Any]] = {
    BuiltInType.BOOLEAN: np.dtype("?"),
    BuiltInType.BYTE: np.dtype("u1"),
    BuiltInType.INT16: np.dtype("<i2"),
    BuiltInType.UINT16: np.dtype("<u2"),
    BuiltInType.INT32: np.dtype("<i4"),
    BuiltInType.UINT32: np.dtype("<u4"),
    BuiltInType.INT64: np.dtype("<i8"),
    BuiltInType.UINT64: np.dtype("<u8"),
    BuiltInType.FLOAT: np.dtype("<f4"),
    BuiltInType.DOUBLE: np.dtype("<f8"),
    BuiltInType.DATETIME: np.dtype("<i8"),
}
"""NumPy types of the fixed-width built-in types; DATETIME columns hold microseconds since the Unix epoch."""


def filetime(timestamps_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn microseconds since the Unix epoch (int64) into OPC UA's 100 ns ticks since 1601 (int64)."""
    return timestamps_us * 10 + FILETIME_EPOCH


@dataclass(frozen=True, slots=True)
class DataValues:
    """A column of DataValues of one built-in type.

    Attributes:
        kind: The built-in type of the values.
        timestamps: int64[n], microseconds since the Unix epoch: the source timestamps.
        values: [n] of the type's dtype, or a sequence of n encoded Variants for types without a fixed width.
        status: uint32[n], OPC UA status codes; a Bad one is sent without its value (Part 4, 7.11).
    """

    kind: BuiltInType
    timestamps: NDArray[np.int64]
    values: NDArray[Any] | Sequence[bytes]
    status: NDArray[np.uint32]


def mask_of(stamps: Stamps, *, value: bool, status: bool) -> int:
    """Encoding mask of a DataValue with these parts."""
    mask = (_VALUE if value else 0) | (_STATUS if status else 0)
    if stamps in {Stamps.SOURCE, Stamps.BOTH}:
        mask |= _SOURCE
    if stamps in {Stamps.SERVER, Stamps.BOTH}:
        mask |= _SERVER
    return mask


def row_dtype(kind: BuiltInType, mask: int, *, handle: bool) -> np.dtype[Any]:
    """Layout of one encoded DataValue, led by its ClientHandle where it is part of a notification."""
    fields: list[tuple[str, Any]] = [("handle", "<u4")] if handle else []
    fields.append(("mask", "u1"))
    if mask & _VALUE:
        fields += [("type", "u1"), ("value", SCALAR_DTYPES[kind])]
    if mask & _STATUS:
        fields.append(("status", "<u4"))
    if mask & _SOURCE:
        fields.append(("source", "<i8"))
    if mask & _SERVER:
        fields.append(("server", "<i8"))
    return np.dtype(fields)


def encode(column: DataValues, stamps: Stamps, server_us: int, handle: int | None = None) -> bytes:
    """Encode a column as consecutive DataValues, each led by `handle` if one is given.

    The server timestamp of every value is `server_us` (microseconds since the Unix epoch).
    """
    if column.kind not in SCALAR_DTYPES or not isinstance(column.values, np.ndarray) or column.values.ndim != 1:
        return _encode_variants(column, stamps, server_us, handle)
    bad = (column.status & BAD) != 0
    edges = np.flatnonzero(bad[1:] != bad[:-1]) + 1
    starts = [0, *edges.tolist()]
    stops = [*edges.tolist(), len(bad)]
    parts = [_encode_run(column, slice(a, b), stamps, server_us, handle) for a, b in zip(starts, stops, strict=True)]
    return b"".join(parts)


def _encode_run(column: DataValues, span: slice, stamps: Stamps, server_us: int, handle: int | None) -> bytes:
    """Encode rows whose parts are the same, so that they share one layout."""
    status = column.status[span]
    if not len(status):
        return b""
    good = not bool(status[0] & BAD)
    mask = mask_of(stamps, value=good, status=bool(status.any()))
    rows = np.zeros(len(status), row_dtype(column.kind, mask, handle=handle is not None))
    rows["mask"] = mask
    if handle is not None:
        rows["handle"] = handle
    if good:
        rows["type"] = int(column.kind)
        values = np.asarray(column.values)[span]
        rows["value"] = filetime(values) if column.kind is BuiltInType.DATETIME else values
    if mask & _STATUS:
        rows["status"] = status
    if mask & _SOURCE:
        rows["source"] = filetime(column.timestamps[span])
    if mask & _SERVER:
        rows["server"] = server_us * 10 + FILETIME_EPOCH
    return rows.tobytes()


def _encode_variants(column: DataValues, stamps: Stamps, server_us: int, handle: int | None) -> bytes:
    """Encode values without a fixed width: strings, arrays and structures come as encoded Variants."""
    server = struct.pack("<q", server_us * 10 + FILETIME_EPOCH)
    sources = filetime(column.timestamps)
    out: list[bytes] = []
    for variant, status, source in zip(column.values, column.status.tolist(), sources.tolist(), strict=True):
        good = not status & BAD
        mask = mask_of(stamps, value=good, status=status != 0)
        if handle is not None:
            out.append(struct.pack("<I", handle))
        out.append(bytes([mask]))
        if good:
            out.append(variant)
        if status:
            out.append(struct.pack("<I", status))
        if mask & _SOURCE:
            out.append(struct.pack("<q", source))
        if mask & _SERVER:
            out.append(server)
    return b"".join(out)


def string(text: str) -> bytes:
    """Encode a String (Part 6, 5.2.2.4)."""
    data = text.encode()
    return struct.pack("<i", len(data)) + data


def variant_string(text: str) -> bytes:
    """Encode a Variant of a String."""
    return b"\x0c" + string(text)


def variant_text(text: str, locale: str) -> bytes:
    """Encode a Variant of a LocalizedText (Part 6, 5.2.2.14)."""
    return b"\x15\x03" + string(locale) + string(text)


def variant_array(kind: BuiltInType, row: NDArray[Any]) -> bytes:
    """Encode a Variant of a one-dimensional array of a fixed-width type."""
    data = np.ascontiguousarray(row, SCALAR_DTYPES[kind])
    return struct.pack("<Bi", int(kind) | 0x80, len(data)) + data.tobytes()


def variant_structure(namespace: int, encoding_id: int, body: bytes) -> bytes:
    """Encode a Variant of a structure: an ExtensionObject with a numeric encoding id (Part 6, 5.2.2.15)."""
    return struct.pack("<BBHIBi", 22, 0x02, namespace, encoding_id, 1, len(body)) + body
