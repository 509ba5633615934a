"""Items of fixed width as NumPy structured dtypes.

A MonitoredItemNotification (Part 4, 7.25.2) is its ClientHandle and a DataValue; the DataValue's mask says which
parts follow. Mask and built-in type together fix the size, so all items that share both lie at one stride.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.errors import DecodeError

HAS_VALUE, HAS_STATUS, HAS_SOURCE_TIME, HAS_SERVER_TIME, HAS_SOURCE_PICOS, HAS_SERVER_PICOS = 1, 2, 4, 8, 16, 32
RESERVED_BITS = 0xC0
DATE_TIME = 13

# Built-in types that are decoded as columns. Guid and StatusCode have a fixed width too, but are no numbers.
NUMBER_DTYPES: dict[int, str] = {
    1: "u1",
    2: "<i1",
    3: "<u1",
    4: "<i2",
    5: "<u2",
    6: "<i4",
    7: "<u4",
    8: "<i8",
    9: "<u8",
    10: "<f4",
    11: "<f8",
    DATE_TIME: "<i8",
}
_FILETIME_TO_UNIX_MICROSECONDS = 11_644_473_600_000_000
# What stands before the DataValue of an item: its ClientHandle in a notification, nothing in the answer to a Read.
HANDLE, NO_HANDLE = 4, 0
# Key of an item: its mask, and where it has a value the Variant's encoding byte above it.
ItemKey: TypeAlias = int


def item_key(body: bytes, position: int, end: int, lead: int = HANDLE) -> ItemKey:
    """The key of the item at `position`; raises DecodeError if it is cut off or its mask does not exist."""
    at = position + lead
    if at + 1 > end:
        raise DecodeError(f"an item at offset {position} is cut off")
    mask = body[at]
    if mask & RESERVED_BITS:
        raise DecodeError(f"DataValue mask {mask:#04x} at offset {at} does not exist")
    if not mask & HAS_VALUE:
        return mask
    if at + 2 > end:
        raise DecodeError(f"an item at offset {position} is cut off")
    return mask | body[at + 1] << 8


@lru_cache(maxsize=1024)
def fixed_layout(key: ItemKey, lead: int = HANDLE) -> np.dtype[np.void] | None:
    """The dtype of items with this key; None if their width is not fixed or they are no numbers."""
    mask, built_in = key & 0xFF, key >> 8
    fields: list[tuple[str, str]] = [("handle", "<u4")] if lead else []
    fields.append(("mask", "u1"))
    if mask & HAS_VALUE:
        fields.append(("type", "u1"))
        if built_in:
            if built_in not in NUMBER_DTYPES:
                return None
            fields.append(("value", NUMBER_DTYPES[built_in]))
    optional = (
        (HAS_STATUS, "status", "<u4"),
        (HAS_SOURCE_TIME, "source_time", "<i8"),
        (HAS_SOURCE_PICOS, "source_picos", "<u2"),
        (HAS_SERVER_TIME, "server_time", "<i8"),
        (HAS_SERVER_PICOS, "server_picos", "<u2"),
    )
    fields += [(name, form) for bit, name, form in optional if mask & bit]
    return np.dtype(fields)


def to_unix_microseconds(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """OPC UA DateTime, 100 ns since 1601 (Part 6, 5.2.2.5), as microseconds since 1970."""
    return ticks // 10 - _FILETIME_TO_UNIX_MICROSECONDS


def to_filetime_ticks(microseconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The opposite of `to_unix_microseconds`."""
    return (microseconds + _FILETIME_TO_UNIX_MICROSECONDS) * 10


def ticks_to_microseconds(ticks: int) -> int:
    """One DateTime as microseconds since 1970; 0 where it is null (0 or less)."""
    return ticks // 10 - _FILETIME_TO_UNIX_MICROSECONDS if ticks > 0 else 0


def timestamps(items: NDArray[np.void], key: ItemKey, fallback: int) -> NDArray[np.int64]:
    """When each item was sampled.

    Args:
        items: Items of one key, shape (n,).
        key: Their key.
        fallback: Microseconds, for items with no time at all.

    Returns:
        int64 microseconds, shape (n,): the source's time, else the server's, else `fallback`; a DateTime of 0 or
        less is null (Part 6, 5.2.2.5).
    """
    result = np.full(len(items), fallback, np.int64)
    sources = [name for bit, name in ((HAS_SOURCE_TIME, "source_time"), (HAS_SERVER_TIME, "server_time")) if key & bit]
    for name in reversed(sources if sources and (items[sources[0]] <= 0).any() else sources[:1]):
        ticks = items[name]
        result = np.where(ticks > 0, to_unix_microseconds(ticks), result)
    return result
