"""The answers to CreateMonitoredItems and ModifyMonitoredItems (Part 4, 5.13.2 and 5.13.3).

Results whose filter has nothing to say are records of one length: all of them are one NumPy view.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.decoder.cursor import Cursor
from dualspan_edge.decoder.response import open_response
from dualspan_edge.decoder.wire import advance, skip_extension_object
from dualspan_edge.errors import DecodeError

_CREATE_RESPONSE, _MODIFY_RESPONSE = (0, 754), (0, 766)
_REVISED = (("sampling", "<f8"), ("queue", "<u4"))
_CREATED = np.dtype([("status", "<u4"), ("item", "<u4"), *_REVISED])
_MODIFIED = np.dtype([("status", "<u4"), *_REVISED])
# An ExtensionObject without type and body, as the FilterResult behind each.
_NO_FILTER = ("filter", "u1", (3,))
_NOT_GOOD = 0xC0000000
# No interval is longer; what a server says beyond it means nothing.
_LONGEST_MS = 1e12


class ItemResult(NamedTuple):
    """What a server made of one monitored item.

    Attributes:
        status: Its status code.
        item_id: The server's id; 0 in an answer to ModifyMonitoredItems.
        sampling_ms: The sampling interval that it has chosen, in milliseconds.
        queue_size: How many values it keeps.
    """

    status: int
    item_id: int = 0
    sampling_ms: float = 0.0
    queue_size: int = 0

    @property
    def is_good(self) -> bool:
        """The item runs as this says."""
        return not self.status & _NOT_GOOD


def decode_item_results(body: bytes, asked: int, *, modified: bool = False) -> list[ItemResult]:
    """Decodes a message that answers CreateMonitoredItems or (`modified`) ModifyMonitoredItems.

    Args:
        body: The message as it leaves the secure channel, from the TypeId on.
        asked: How many items were asked for.
        modified: It answers ModifyMonitoredItems.

    Raises:
        ServiceRefusedError: The server refuses the whole call.
        DecodeError: The message is none of these, is cut off, lies, or has another number of results.
    """
    position, end = open_response(body, _MODIFY_RESPONSE if modified else _CREATE_RESPONSE)
    cursor, layout = Cursor(body, position, end), _MODIFIED if modified else _CREATED
    answered = cursor.count(layout.itemsize + 3)
    if answered != asked:
        raise DecodeError(f"the server answers {answered} results to {asked} operations")
    rows = np.frombuffer(body, np.dtype([*layout.descr, _NO_FILTER]), asked, cursor.position)
    if rows["filter"].any():
        rows = _one_by_one(body, cursor.position, layout, asked)
    intervals = np.nan_to_num(rows["sampling"], nan=0.0, posinf=_LONGEST_MS).clip(0.0, _LONGEST_MS)
    items = [0] * asked if modified else rows["item"].tolist()
    columns = (rows["status"].tolist(), items, intervals.tolist(), rows["queue"].tolist())
    return [ItemResult(*row) for row in zip(*columns, strict=True)]


def _one_by_one(body: bytes, position: int, layout: np.dtype[Any], count: int) -> NDArray[Any]:
    rows = np.empty(count, layout)
    for row in range(count):
        start, position = position, advance(position, layout.itemsize, len(body))
        rows[row] = np.frombuffer(body, layout, 1, start)[0]
        position = skip_extension_object(body, position, len(body))
    return rows
