"""The items of a DataChangeNotification as columns.

Three steps, each only as far as the body needs it:

1. All items share mask and type, as they do when a subscription holds one type: one structured view of the body.
   The first item's key fixes its size, so the second item's position is known; its key being equal fixes the third
   item's position, and so on: that the mask and type columns of the view are constant is not a guess but a proof.
2. Items differ: a walk notes where each stretch of equal keys begins, by the same argument; long stretches are
   measured with views of doubling size, so that the walk stays linear in the body. Stretches of equal key are then
   gathered into one run.
3. Strings, arrays, structures: one at a time, but only the position and the length of each is taken.
"""

from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.decoder.layout import (
    DATE_TIME,
    HANDLE,
    HAS_SERVER_PICOS,
    HAS_SERVER_TIME,
    HAS_SOURCE_PICOS,
    HAS_SOURCE_TIME,
    HAS_STATUS,
    HAS_VALUE,
    ItemKey,
    fixed_layout,
    item_key,
    ticks_to_microseconds,
    timestamps,
    to_unix_microseconds,
)
from dualspan_edge.decoder.model import ItemRun, RunForm, RunValues
from dualspan_edge.decoder.wire import advance, read_uint32, skip_bytes, skip_variant
from dualspan_edge.errors import DecodeError
from dualspan_frame import BinaryColumn

# A stretch this long is measured by a view; a shorter one is cheaper to walk.
_WALK_AT_MOST = 8
_FIRST_WINDOW = 64
_STRING, _GUID, _LOCALIZED_TEXT = 12, 14, 21


@dataclass(slots=True)
class _Uneven:
    """Items of one form whose widths differ, as lists."""

    index: list[int] = field(default_factory=list)
    handle: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    timestamp: list[int] = field(default_factory=list)
    content: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Form:
    """What goes for all items of a message: their time if they have none, and what stands before each."""

    fallback: int
    lead: int


def decode_items(
    body: bytes, start: int, end: int, count: int, fallback: int, lead: int = HANDLE
) -> tuple[list[ItemRun], int]:
    """Decodes `count` items that begin at `start`.

    Args:
        body: The message.
        start: Position of the first item.
        end: The position that no item may pass.
        count: How many there are; already known to fit at the least size of an item.
        fallback: Microseconds since 1970, for items without a time.
        lead: HANDLE, or NO_HANDLE for plain DataValues; their handles are their indexes.

    Returns:
        The runs, and the position behind the last item.

    Raises:
        DecodeError: An item is cut off or cannot be.
    """
    if count == 0:
        return [], start
    form = _Form(fallback, lead)
    key = item_key(body, start, end, lead)
    layout = fixed_layout(key, lead)
    if layout is not None and count * layout.itemsize <= end - start:
        items = np.frombuffer(body, layout, count, start)
        if _equal_keys(items, key) == count:
            run = _columns(items, key, np.arange(count, dtype=np.int64), form)
            return [run], start + count * layout.itemsize
    return _decode_mixed(body, start, end, count, form)


def _equal_keys(items: NDArray[np.void], key: ItemKey) -> int:
    """How many items from the first on have this key."""
    same: NDArray[np.bool_] = items["mask"] == (key & 0xFF)
    if key & HAS_VALUE:
        same &= items["type"] == (key >> 8)
    first_other = int(same.argmin())
    return len(items) if same[first_other] else first_other


def _columns(items: NDArray[np.void], key: ItemKey, index: NDArray[np.int64], form: _Form) -> ItemRun:
    built_in = key >> 8
    status = items["status"].astype(np.uint32) if key & HAS_STATUS else np.zeros(len(items), np.uint32)
    values: RunValues = None
    if built_in:
        column = items["value"]
        if built_in == DATE_TIME:
            values = to_unix_microseconds(column)
        elif built_in == 1:
            values = column != 0
        else:
            values = np.ascontiguousarray(column)
    return ItemRun(
        form=RunForm.NUMBER if built_in else RunForm.ABSENT,
        built_in=built_in,
        index=index,
        handle=np.ascontiguousarray(items["handle"]) if form.lead else index.astype(np.uint32),
        status=status,
        timestamp=timestamps(items, key, form.fallback),
        values=values,
    )


def _decode_mixed(body: bytes, start: int, end: int, count: int, form: _Form) -> tuple[list[ItemRun], int]:
    stretches: dict[ItemKey, list[tuple[int, int, int]]] = {}
    uneven: dict[RunForm, _Uneven] = {}
    position, done = start, 0
    while done < count:
        key = item_key(body, position, end, form.lead)
        layout = fixed_layout(key, form.lead)
        if layout is None:
            position = _take_uneven(body, position, end, (key, done, form), uneven)
            done += 1
            continue
        length = _stretch(body, (position, end), (key, form.lead), layout, count - done)
        stretches.setdefault(key, []).append((position, done, length))
        position += length * layout.itemsize
        done += length
    runs = [_gather(body, key, parts, form) for key, parts in stretches.items()]
    runs += [_uneven_run(of, items) for of, items in uneven.items()]
    return runs, position


def _stretch(
    body: bytes, span: tuple[int, int], wanted: tuple[ItemKey, int], layout: np.dtype[np.void], at_most: int
) -> int:
    """How many items of one key follow each other from the beginning of a span on; at least 1."""
    (position, end), (key, lead), size = span, wanted, layout.itemsize
    at_most = min(at_most, (end - position) // size)
    if at_most == 0:
        raise DecodeError(f"an item at offset {position} is cut off")
    mask, built_in = key & 0xFF, key >> 8
    length = 1
    while length < min(at_most, _WALK_AT_MOST):
        at = position + length * size + lead
        if body[at] != mask or (mask & HAS_VALUE and body[at + 1] != built_in):
            return length
        length += 1
    window = _FIRST_WINDOW
    while length < at_most:
        window = min(window, at_most - length)
        equal = _equal_keys(np.frombuffer(body, layout, window, position + length * size), key)
        length += equal
        if equal < window:
            break
        window *= 2
    return length


def _gather(body: bytes, key: ItemKey, parts: list[tuple[int, int, int]], form: _Form) -> ItemRun:
    """One run of all stretches of a key."""
    layout = fixed_layout(key, form.lead)
    if layout is None:
        raise DecodeError("only items of fixed width are gathered")
    if len(parts) == 1:
        position, first, length = parts[0]
        items = np.frombuffer(body, layout, length, position)
        return _columns(items, key, np.arange(first, first + length, dtype=np.int64), form)
    position, first, length = (np.array(column, np.int64) for column in zip(*parts, strict=True))
    within = np.arange(int(length.sum()), dtype=np.int64) - np.repeat(np.cumsum(length) - length, length)
    index = np.repeat(first, length) + within
    offsets = np.repeat(position, length) + within * layout.itemsize
    octets = np.frombuffer(body, np.uint8)[offsets[:, None] + np.arange(layout.itemsize)]
    return _columns(octets.view(layout)[:, 0], key, index, form)


def _take_uneven(
    body: bytes, position: int, end: int, item: tuple[ItemKey, int, _Form], uneven: dict[RunForm, _Uneven]
) -> int:
    key, index, form = item
    value_start = position + form.lead + 1
    value_end = skip_variant(body, value_start, end)
    status, timestamp, after = _read_tail(body, value_end, end, key & 0xFF, form.fallback)
    of, content = content_of(body, value_start, value_end, key >> 8)
    items = uneven.setdefault(of, _Uneven())
    items.index.append(index)
    items.handle.append(read_uint32(body, position, end)[0] if form.lead else index)
    items.status.append(status)
    items.timestamp.append(timestamp)
    items.content.append(content)
    return after


def content_of(body: bytes, start: int, end: int, encoding: int) -> tuple[RunForm, bytes]:
    """How the Variant at `start`, which is known to end at `end`, is handed out if it is no number."""
    if encoding == _STRING:
        return RunForm.TEXT, as_utf8(body[start + 5 : end])
    if encoding == _LOCALIZED_TEXT:
        return RunForm.TEXT, as_utf8(_text_of(body, start + 1, end))
    if encoding == _GUID:
        return RunForm.TEXT, str(UUID(bytes_le=body[start + 1 : end])).encode()
    return RunForm.VARIANT, body[start:end]


def _text_of(body: bytes, start: int, end: int) -> bytes:
    """The text of the LocalizedText at `start`, which is known to end at `end`."""
    position = start + 1
    if body[start] & 1:
        position = skip_bytes(body, position, end)
    return body[position + 4 : end] if body[start] & 2 else b""


def as_utf8(content: bytes) -> bytes:
    """The same text as valid UTF-8: what is not, becomes the replacement character."""
    if content.isascii():
        return content
    return content.decode("utf-8", "replace").encode()


def _read_tail(body: bytes, position: int, end: int, mask: int, fallback: int) -> tuple[int, int, int]:
    """Status, timestamp in microseconds and the position behind what follows a DataValue's value."""
    status = 0
    if mask & HAS_STATUS:
        status, position = read_uint32(body, position, end)
    timestamp = 0
    for time_bit, picos_bit in ((HAS_SOURCE_TIME, HAS_SOURCE_PICOS), (HAS_SERVER_TIME, HAS_SERVER_PICOS)):
        if mask & time_bit:
            after = advance(position, 8, end)
            ticks = int.from_bytes(body[position:after], "little", signed=True)
            timestamp = timestamp or ticks_to_microseconds(ticks)
            position = after
        if mask & picos_bit:
            position = advance(position, 2, end)
    return status, timestamp or fallback, position


def _uneven_run(form: RunForm, items: _Uneven) -> ItemRun:
    return ItemRun(
        form=form,
        built_in=0,
        index=np.array(items.index, np.int64),
        handle=np.array(items.handle, np.uint32),
        status=np.array(items.status, np.uint32),
        timestamp=np.array(items.timestamp, np.int64),
        values=BinaryColumn.from_list(items.content),
    )
