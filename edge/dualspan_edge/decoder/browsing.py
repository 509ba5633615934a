"""The answers to Browse and BrowseNext (Part 4, 5.8.2 and 5.8.3)."""

from typing import NamedTuple

from dualspan_edge.decoder.cursor import Cursor, ForeignNode, Name, NodeKey
from dualspan_edge.decoder.response import open_response

_BROWSE_RESPONSE, _BROWSE_NEXT_RESPONSE = (0, 530), (0, 536)
_SMALLEST_RESULT = 12
# NodeId, Boolean, NodeId, QualifiedName, LocalizedText, NodeClass, NodeId.
_SMALLEST_REFERENCE = 18
# No server needs more to find its place again.
_MAX_POINT_BYTES = 4096


class Reference(NamedTuple):
    """One ReferenceDescription (Part 4, 7.29)."""

    reference_type: NodeKey
    is_forward: bool
    node: NodeKey
    foreign: ForeignNode | None
    browse_name: Name
    display_name: str
    node_class: int
    type_definition: NodeKey
    foreign_type: ForeignNode | None


class BrowseResult(NamedTuple):
    """One BrowseResult (Part 4, 7.6); the continuation point is empty at the end."""

    status: int
    continuation_point: bytes
    references: list[Reference]


class BrowseAnswer(NamedTuple):
    """The results of one call.

    Attributes:
        results: One for each node.
        unread: References behind the most that were wanted.
        repaired: Texts that were no UTF-8.
    """

    results: list[BrowseResult]
    unread: int
    repaired: int


def decode_browse_response(body: bytes, most: int, *, following: bool = False) -> BrowseAnswer:
    """Decodes a message that answers a Browse, or (`following`) a BrowseNext.

    Args:
        body: The message as it leaves the secure channel, from the TypeId on.
        most: References of all results that are read; those behind are passed over and counted.
        following: It answers a BrowseNext.

    Raises:
        ServiceRefusedError: The server refuses the whole call.
        DecodeError: The message is none of these, is cut off, or lies about a length or a count.
    """
    position, end = open_response(body, _BROWSE_NEXT_RESPONSE if following else _BROWSE_RESPONSE)
    cursor = Cursor(body, position, end)
    results: list[BrowseResult] = []
    unread = 0
    for _ in range(cursor.count(_SMALLEST_RESULT)):
        status, point = cursor.uint32(), cursor.byte_string(_MAX_POINT_BYTES)
        count = cursor.count(_SMALLEST_REFERENCE)
        wanted = min(count, most)
        most -= wanted
        references = [_reference(cursor) for _ in range(wanted)]
        for _ in range(count - wanted):
            _reference(cursor)
        unread += count - wanted
        results.append(BrowseResult(status, point, references))
    return BrowseAnswer(results, unread, cursor.repaired)


def _reference(cursor: Cursor) -> Reference:
    reference_type = cursor.node_key()
    is_forward = cursor.byte() != 0
    node, foreign = cursor.expanded_node_key()
    browse_name = cursor.name()
    display_name = cursor.localized_text()
    node_class = cursor.int32()
    type_definition, foreign_type = cursor.expanded_node_key()
    return Reference(
        reference_type, is_forward, node, foreign, browse_name, display_name, node_class, type_definition, foreign_type
    )
