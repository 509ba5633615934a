"""The answer to Read (Part 4, 5.10.2), where the same attribute of many nodes stands in a row.

DataValues with the same parts and a type of fixed width are records of one length: a run of them is one NumPy view.
What has no fixed width is read one by one.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.decoder.cursor import Cursor, numeric_key
from dualspan_edge.decoder.items import decode_items
from dualspan_edge.decoder.layout import DATE_TIME, NO_HANDLE, NUMBER_DTYPES
from dualspan_edge.decoder.model import DataChange
from dualspan_edge.decoder.response import open_response
from dualspan_edge.decoder.wire import skip_data_value
from dualspan_edge.errors import DecodeError

_READ_RESPONSE = (0, 634)
_VALUE_BIT, _STATUS_BIT, _KNOWN_BITS = 0x01, 0x02, 0x3F
# Bits of a DataValue's mask behind value and status, and their sizes: timestamps and picoseconds.
_REST_SIZES = ((0x04, 8), (0x08, 8), (0x10, 2), (0x20, 2))
_NODE_ID = 17
# A Boolean is to be a Boolean here, and a DateTime, which no attribute is, is read one by one.
_FORMATS = {built_in: form for built_in, form in NUMBER_DTYPES.items() if built_in != DATE_TIME} | {1: "?"}
# By the first byte of a NodeId: format of its namespace index, place and format of its identifier, its length.
_NODE_ID_FORMS = {1: ("u1", (4, "<u2"), 4), 2: ("<u2", (5, "<u4"), 7)}
# A shorter run costs more as a view than one by one.
_SHORT = 8
# So many values are read one by one before a run is looked for again.
_STRETCH = 64


class Attribute(NamedTuple):
    """What a server answered for one attribute: its status and, if that is good, its value."""

    status: int
    value: object


class ReadAnswer(NamedTuple):
    """The attributes of one call, and how many texts were no UTF-8."""

    attributes: list[Attribute]
    repaired: int


class ValueShape(NamedTuple):
    """Of which built-in type a current value is, and whether it is an array; type 0 is null."""

    built_in: int
    is_array: bool


def decode_read_response(body: bytes, asked: int) -> ReadAnswer:
    """Decodes a message that answers a Read.

    Args:
        body: The message as it leaves the secure channel, from the TypeId on.
        asked: How many attributes were asked for.

    Raises:
        ServiceRefusedError: The server refuses the whole call.
        DecodeError: The message is none of these, is cut off, lies, or has another number of results.
    """
    cursor = _open(body, asked)
    found: list[Attribute] = []
    while len(found) < asked:
        left = asked - len(found)
        run, after = _run(body, cursor, left)
        if run and len(run) >= min(left, _SHORT):
            found += run
            cursor.position = after
        else:
            found += [_attribute(cursor) for _ in range(min(left, _STRETCH))]
    return ReadAnswer(found, cursor.repaired)


def decode_value_shapes(body: bytes, asked: int) -> list[ValueShape]:
    """Decodes a message that answers a Read of values, only as far as to tell what they are.

    Raises:
        ServiceRefusedError, DecodeError: As in `decode_read_response`.
    """
    cursor = _open(body, asked)
    shapes: list[ValueShape] = []
    for _ in range(asked):
        start = cursor.position
        mask = cursor.byte()
        encoding = cursor.byte() if mask & _VALUE_BIT else 0
        cursor.position = skip_data_value(body, start, len(body))
        shapes.append(ValueShape(encoding & 0x3F, bool(encoding & 0x80)))
    return shapes


def decode_values(body: bytes, asked: int, fallback: int) -> DataChange:
    """Decodes a message that answers a Read of values as columns, as if it were a notification.

    Args:
        body: The message as it leaves the secure channel, from the TypeId on.
        asked: How many values were asked for.
        fallback: Microseconds since 1970, for values without a time.

    Returns:
        The values; the handle of each is its place in the request.

    Raises:
        ServiceRefusedError, DecodeError: As in `decode_read_response`.
    """
    cursor = _open(body, asked)
    runs, _ = decode_items(body, cursor.position, len(body), asked, fallback, NO_HANDLE)
    return DataChange(asked, tuple(runs))


def _open(body: bytes, asked: int) -> Cursor:
    position, end = open_response(body, _READ_RESPONSE)
    cursor = Cursor(body, position, end)
    answered = cursor.count(1)
    if answered != asked:
        raise DecodeError(f"the server answers {answered} results to {asked} operations")
    return cursor


def _attribute(cursor: Cursor) -> Attribute:
    mask = cursor.byte()
    if mask & ~_KNOWN_BITS:
        raise DecodeError(f"DataValue mask {mask:#04x} before offset {cursor.position} does not exist")
    value = cursor.variant() if mask & _VALUE_BIT else None
    status = cursor.uint32() if mask & _STATUS_BIT else 0
    cursor.skip(sum(size for bit, size in _REST_SIZES if mask & bit))
    return _judged(status, value)


def _judged(status: int, value: object) -> Attribute:
    """A value behind a bad status is none."""
    return Attribute(status, None if status & 0x80000000 else value)


@lru_cache(maxsize=256)
def _layout(mask: int, built_in: int, form: int) -> "np.dtype[Any] | None":
    """The record of a DataValue; None if such DataValues have no fixed length.

    Args:
        mask: Its first byte.
        built_in: The byte behind it, if it has a value: type and array bits.
        form: The first byte of the value, which matters for NodeIds.
    """
    rest = sum(size for bit, size in _REST_SIZES if mask & bit)
    parts: dict[str, tuple[int, str]] = {"mask": (0, "u1")}
    size = 1
    if mask & _VALUE_BIT:
        parts["type"] = (1, "u1")
        if built_in in _FORMATS:
            parts["value"] = (2, _FORMATS[built_in])
            size = 2 + np.dtype(_FORMATS[built_in]).itemsize
        elif built_in == _NODE_ID and form == 0:
            parts |= {"form": (2, "u1"), "id": (3, "u1")}
            size = 4
        elif built_in == _NODE_ID and form in _NODE_ID_FORMS:
            namespace, identifier, length = _NODE_ID_FORMS[form]
            parts |= {"form": (2, "u1"), "namespace": (3, namespace), "id": identifier}
            size = 2 + length
        else:
            return None
    if mask & _STATUS_BIT:
        parts["status"] = (size, "<u4")
        size += 4
    if size == 1:
        return None
    offsets, formats = zip(*parts.values(), strict=True)
    return np.dtype({"names": list(parts), "formats": formats, "offsets": offsets, "itemsize": size + rest})


def _run(body: bytes, cursor: Cursor, most: int) -> tuple[list[Attribute], int]:
    """The DataValues from here on that have the same layout as the first, and the position behind them."""
    start, room = cursor.position, len(body) - cursor.position
    head = body[start : start + 3].ljust(3, b"\0")
    layout = _layout(*head)
    if layout is None or room < layout.itemsize:
        return [], start
    rows = np.frombuffer(body, layout, min(most, room // layout.itemsize), start)
    same = rows["mask"] == head[0]
    for name, constant in (("type", head[1]), ("form", head[2])):
        if name in layout.fields:  # pyright: ignore[reportOperatorIssue] - a structured dtype has fields
            same &= rows[name] == constant
    if not same.all():
        rows = rows[: int(same.argmin())]
    return _attributes(rows), start + len(rows) * layout.itemsize


def _attributes(rows: NDArray[Any]) -> list[Attribute]:
    names = rows.dtype.names or ()
    if "type" not in names:
        return [Attribute(status, None) for status in rows["status"].tolist()]
    if "id" not in names:
        found = [Attribute(0, value) for value in rows["value"].tolist()]
    else:
        namespaces = rows["namespace"].tolist() if "namespace" in names else [0] * len(rows)
        pairs = list(zip(namespaces, rows["id"].tolist(), strict=True))
        known: dict[tuple[int, int], Attribute] = {pair: Attribute(0, numeric_key(*pair)) for pair in set(pairs)}
        found = [known[pair] for pair in pairs]
    # Some servers say with each value that it is good.
    if "status" not in names or not rows["status"].any():
        return found
    return [_judged(status, each.value) for status, each in zip(rows["status"].tolist(), found, strict=True)]
