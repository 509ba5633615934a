"""The answer to HistoryRead as columns (Part 11, 6.5.3; Part 4, 5.11.3).

A node's history is an array of DataValues. Each gets the number of its node in front, which makes it what a
notification holds: an item. So values of all nodes are decoded together, by the code that decodes notifications.
"""

from dataclasses import dataclass

import numpy as np

from dualspan_edge.decoder.items import decode_items
from dualspan_edge.decoder.layout import fixed_layout, item_key
from dualspan_edge.decoder.model import ItemRun
from dualspan_edge.decoder.wire import (
    advance,
    read_count,
    read_int32,
    read_node_id,
    read_uint32,
    skip_bytes,
    skip_data_value,
    skip_diagnostic_info,
    skip_diagnostic_infos,
    skip_extension_object,
)
from dualspan_edge.errors import DecodeError

_SERVICE_FAULT, _HISTORY_READ_RESPONSE, _HISTORY_DATA = (0, 397), (0, 667), (0, 658)
# A DataValue's least size, and the room that its number takes.
_SMALLEST_VALUE, _NUMBER = 1, 4
_SMALLEST_RESULT = 10
_FIRST_WINDOW = 64


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What the server said of one node.

    Attributes:
        status: Of the operation.
        continuation: Where to go on; empty if there is no more.
        count: Values.
    """

    status: int
    continuation: bytes
    count: int


@dataclass(frozen=True, slots=True)
class HistoryResponse:
    """A HistoryReadResponse, or the ServiceFault that came instead of one.

    Attributes:
        service_result: Status code of the service; the rest is empty if it is bad.
        nodes: One per node of the request.
        runs: All values; `handle` is the place of the node.
    """

    service_result: int
    nodes: tuple[NodeAnswer, ...] = ()
    runs: tuple[ItemRun, ...] = ()


def decode_history_response(body: bytes) -> HistoryResponse:
    """Decodes a message that answers a HistoryRead request for raw values.

    Args:
        body: The message from the TypeId on.

    Raises:
        DecodeError: The message is none, is cut off, or lies about a length or a count.
    """
    end = len(body)
    type_id, position = read_node_id(body, 0, end)
    service_result, position = _read_header(body, position, end)
    if type_id == _SERVICE_FAULT or service_result & 0x80000000:
        return HistoryResponse(service_result or 0x80000000)
    if type_id != _HISTORY_READ_RESPONSE:
        raise DecodeError(f"a HistoryReadResponse was expected, not {type_id}")
    count, position = read_count(body, position, end, _SMALLEST_RESULT)
    nodes: list[NodeAnswer] = []
    items: list[bytes] = []
    for number in range(count):
        answer, position = _read_result(body, position, end, number, items)
        nodes.append(answer)
    skip_diagnostic_infos(body, position, end)
    joined = b"".join(items)
    runs, _ = decode_items(joined, 0, len(joined), sum(node.count for node in nodes), 0)
    return HistoryResponse(service_result, tuple(nodes), tuple(runs))


def _read_header(body: bytes, position: int, end: int) -> tuple[int, int]:
    """The ServiceResult, and the position behind the ResponseHeader (Part 4, 7.34)."""
    service_result, position = read_uint32(body, advance(position, 12, end), end)
    position = skip_diagnostic_info(body, position, end)
    strings, position = read_count(body, position, end, 4)
    for _ in range(strings):
        position = skip_bytes(body, position, end)
    return service_result, skip_extension_object(body, position, end)


def _read_result(body: bytes, position: int, end: int, number: int, items: list[bytes]) -> tuple[NodeAnswer, int]:
    """One HistoryReadResult; its values are added to `items`, with the number of the node."""
    status, position = read_uint32(body, position, end)
    length, position = read_int32(body, position, end)
    after = advance(position, max(length, 0), end)
    continuation = body[position:after]
    type_id, position = read_node_id(body, after, end)
    position = advance(position, 1, end)
    if body[position - 1] == 0:
        return NodeAnswer(status, continuation, 0), position
    length, position = read_int32(body, position, end)
    after = advance(position, max(length, 0), end)
    if type_id != _HISTORY_DATA:
        return NodeAnswer(status, continuation, 0), after
    count, position = read_count(body, position, after, _SMALLEST_VALUE)
    _number_values(body, position, after, (count, number), items)
    return NodeAnswer(status, continuation, count), after


def _number_values(body: bytes, position: int, end: int, counted: tuple[int, int], items: list[bytes]) -> None:
    """Adds `count` DataValues that begin at `position` to `items`, each behind the number of its node."""
    left, number = counted
    prefix = number.to_bytes(_NUMBER, "little")
    while left:
        # An item's key stands behind its number, which is not there yet.
        key = item_key(body, position - _NUMBER, end)
        layout = fixed_layout(key)
        if layout is None:
            after = skip_data_value(body, position, end)
            items += (prefix, body[position:after])
            position, left = after, left - 1
            continue
        size = layout.itemsize - _NUMBER
        length = _alike(body, position, size, min(left, (end - position) // size), has_type=bool(key & 1))
        if not length:
            raise DecodeError(f"a value at offset {position} is cut off")
        numbered = np.empty((length, layout.itemsize), np.uint8)
        numbered[:, :_NUMBER] = np.frombuffer(prefix, np.uint8)
        numbered[:, _NUMBER:] = np.frombuffer(body, np.uint8, length * size, position).reshape(length, size)
        items.append(numbered.tobytes())
        position, left = position + length * size, left - length


def _alike(body: bytes, position: int, size: int, at_most: int, *, has_type: bool) -> int:
    """How many values of this size follow each other that have the mask, and the type, of the first."""
    alike, window = 0, _FIRST_WINDOW
    key_bytes = 2 if has_type else 1
    first = np.frombuffer(body, np.uint8, key_bytes, position) if at_most else np.empty(0, np.uint8)
    while alike < at_most:
        window = min(window, at_most - alike)
        values = np.frombuffer(body, np.uint8, window * size, position + alike * size).reshape(window, size)
        same = (values[:, :key_bytes] == first).all(axis=1)
        if not same.all():
            return alike + int(same.argmin())
        alike += window
        window *= 2
    return alike
