"""HistoryRead of raw values (Part 11, 6.5.3): many nodes at once, a bounded number of values, where to go on."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua

from dualspan_edge.decoder import DecodeError
from dualspan_edge.decoder.history import HistoryResponse, decode_history_response
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.services import read_attributes, value_of

_TIMEOUT = 60.0
# What is taken where a server states no limit.
_UNSTATED_NODES = 50
_LARGEST_NODES = 200
_NEVER = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LIMIT = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData


@dataclass(frozen=True, slots=True)
class HistoryNode:
    """A node whose history is read.

    Attributes:
        node: The node.
        index_range: The part of an array; empty: all of it.
        continuation: Where the last answer ended; empty at the beginning.
    """

    node: ua.NodeId
    index_range: str = ""
    continuation: bytes = b""


async def nodes_per_call(connection: Connection) -> int:
    """How many nodes a server takes in one HistoryRead."""
    (answer,) = await read_attributes(connection.session, [(standard_node(_LIMIT), ua.AttributeIds.Value)], 1)
    stated = value_of(answer)
    return min(stated, _LARGEST_NODES) if isinstance(stated, int) and stated > 0 else _UNSTATED_NODES


async def read_history(
    connection: Connection, nodes: Sequence[HistoryNode], start: int, end: int, most: int
) -> HistoryResponse:
    """Values of nodes from `start` on, before `end`, at most so many of each.

    Args:
        connection: Where.
        nodes: Which.
        start: Microseconds since 1970; 0: backwards from `end`, included.
        end: Microseconds since 1970.
        most: Values of each node.

    Raises:
        DecodeError: The server sends what no server may send.
        TimeoutError, ConnectionError: It does not answer.
    """
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.ReturnBounds = False
    details.StartTime, details.EndTime = _datetime(start), _datetime(end)
    details.NumValuesPerNode = ua.UInt32(most)
    response = decode_history_response(await _send(connection, details, nodes, release=False))
    if not response.service_result & 0x80000000 and len(response.nodes) != len(nodes):
        raise DecodeError(f"the server answered with the history of {len(response.nodes)} nodes, not {len(nodes)}")
    return response


async def release(connection: Connection, nodes: Sequence[HistoryNode]) -> None:
    """Gives continuation points back that are not used to the end."""
    held = [node for node in nodes if node.continuation]
    if held:
        await _send(connection, ua.ReadRawModifiedDetails(), held, release=True)


async def _send(
    connection: Connection, details: ua.ReadRawModifiedDetails, nodes: Sequence[HistoryNode], *, release: bool
) -> bytes:
    request = ua.HistoryReadRequest()
    parameters = request.Parameters
    parameters.HistoryReadDetails = details  # pyright: ignore[reportAttributeAccessIssue]  # asyncua wraps it itself
    parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    parameters.ReleaseContinuationPoints = release
    parameters.NodesToRead = [_value_id(node) for node in nodes]
    return bytes(await connection.session._send_request(request, _TIMEOUT))  # noqa: SLF001 - the public method decodes before it can be checked


def _value_id(node: HistoryNode) -> ua.HistoryReadValueId:
    value_id = ua.HistoryReadValueId()
    value_id.NodeId = node.node
    value_id.IndexRange = node.index_range or None  # pyright: ignore[reportAttributeAccessIssue]  # a null String
    value_id.ContinuationPoint = node.continuation or None  # pyright: ignore[reportAttributeAccessIssue]  # a null ByteString
    return value_id


def _datetime(microseconds: int) -> dt.datetime:
    """A time as asyncua has it; 0 becomes the DateTime that means none (Part 6, 5.2.2.5)."""
    return _EPOCH + dt.timedelta(microseconds=microseconds) if microseconds else _NEVER


def microseconds_of(moment: dt.datetime) -> int:
    """A time as asyncua has it, in microseconds since 1970."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
    return (aware - _EPOCH) // dt.timedelta(microseconds=1)
