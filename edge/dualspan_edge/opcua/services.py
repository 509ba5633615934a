"""Services on many nodes: in as many calls as the server's limits ask for."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan_edge.decoder import check_read_response
from dualspan_edge.errors import ServiceRefusedError
from dualspan_edge.opcua.nodeids import standard_node

_T = TypeVar("_T")
_R = TypeVar("_R")
# What is taken where a server states no limit (0, or no such node).
_UNSTATED_PER_CALL = 1000
_UNSTATED_SUBSCRIPTIONS = 32
_UNSTATED_ITEMS = 1_000_000
_TOO_MUCH = frozenset(
    {ua.StatusCodes.BadTooManyOperations, ua.StatusCodes.BadEncodingLimitsExceeded, ua.StatusCodes.BadResponseTooLarge}
)
_IDS = ua.ObjectIds
_OPERATION_LIMITS = (
    _IDS.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    _IDS.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    _IDS.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    _IDS.Server_ServerCapabilities_MaxSubscriptionsPerSession,
    _IDS.Server_ServerCapabilities_MaxMonitoredItemsPerSubscription,
    _IDS.Server_ServerCapabilities_OperationLimits_MaxNodesPerRegisterNodes,
)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server allows (Part 5, 6.3.2, 6.3.11)."""

    nodes_per_read: int = _UNSTATED_PER_CALL
    nodes_per_browse: int = _UNSTATED_PER_CALL
    items_per_call: int = _UNSTATED_PER_CALL
    subscriptions: int = _UNSTATED_SUBSCRIPTIONS
    items_per_subscription: int = _UNSTATED_ITEMS
    nodes_per_register: int = _UNSTATED_PER_CALL


async def in_portions(
    work: Callable[[Sequence[_T]], Awaitable[list[_R]]], items: Sequence[_T], portion: int, together: int = 1
) -> list[_R]:
    """The results of `work` on all items, called with `portion` at most; with fewer if the server says too many.

    Args:
        work: One call.
        items: What the results are of, in their order.
        portion: Items in a call.
        together: Calls that are sent before the first is answered.
    """
    waiting = _cut([range(len(items))], portion)
    results: dict[int, list[_R]] = {}
    while waiting:
        calls = [waiting.popleft() for _ in range(min(together, len(waiting)))]
        parts = [items[call.start : call.stop] for call in calls]
        # All of them are heard out: what a server has made must be known, even where another call failed.
        answers = await asyncio.gather(*(work(part) for part in parts), return_exceptions=True)
        for call, answer in zip(reversed(calls), reversed(answers), strict=True):
            if isinstance(answer, UaStatusCodeError) and answer.code in _TOO_MUCH and len(call) > 1:
                together = 1
                waiting = _cut([call, *waiting], len(call) // 2)
            elif isinstance(answer, BaseException):
                raise answer
            elif len(answer) != len(call):
                raise ua.UaError(f"the server answered {len(answer)} results to {len(call)} operations")
            else:
                results[call.start] = answer
    return [result for start in sorted(results) for result in results[start]]


def _cut(calls: Iterable[range], portion: int) -> deque[range]:
    """The same items in calls of `portion` at most."""
    return deque(call[start : start + portion] for call in calls for start in range(0, len(call), portion))


@contextlib.contextmanager
def refusals() -> Generator[None]:
    """A refused call as asyncua's own error, which all others handle already."""
    try:
        yield
    except ServiceRefusedError as error:
        raise UaStatusCodeError(error.code) from error


async def read_attributes(
    session: UaSession, nodes: Sequence[tuple[ua.NodeId, ua.AttributeIds]], portion: int
) -> list[ua.DataValue]:
    """One DataValue for each (node, attribute), a bad status in it where that cannot be read."""

    async def read(part: Sequence[tuple[ua.NodeId, ua.AttributeIds]]) -> list[ua.DataValue]:
        request = ua.ReadRequest()
        request.Parameters.NodesToRead = [
            ua.ReadValueId(NodeId=node, AttributeId=attribute) for node, attribute in part
        ]
        body = await session._send_request(request)  # noqa: SLF001 - the public method decodes before it can be checked
        check_read_response(bytes(body))
        response = struct_from_binary(ua.ReadResponse, body)
        response.ResponseHeader.ServiceResult.check()
        return response.Results

    return await in_portions(read, nodes, portion)


def value_of(data_value: ua.DataValue) -> object:
    """The value in a DataValue; None if it has none or a bad status."""
    if data_value.Value is None or (data_value.StatusCode is not None and not data_value.StatusCode.is_good()):
        return None
    return data_value.Value.Value


async def read_limits(session: UaSession) -> ServerLimits:
    """The limits that the server states; ours where it states none."""
    nodes = [(standard_node(number), ua.AttributeIds.Value) for number in _OPERATION_LIMITS]
    stated = [value_of(value) for value in await read_attributes(session, nodes, len(nodes))]
    read, browse, items, subscriptions, per_subscription, register = (
        value if isinstance(value, int) and value > 0 else None for value in stated
    )
    return ServerLimits(
        nodes_per_read=min(read or _UNSTATED_PER_CALL, 10_000),
        nodes_per_browse=min(browse or _UNSTATED_PER_CALL, _UNSTATED_PER_CALL),
        items_per_call=min(items or _UNSTATED_PER_CALL, 10_000),
        subscriptions=min(subscriptions or _UNSTATED_SUBSCRIPTIONS, 100),
        items_per_subscription=per_subscription or _UNSTATED_ITEMS,
        nodes_per_register=min(register or _UNSTATED_PER_CALL, 10_000),
    )


async def read_namespaces(session: UaSession) -> list[str]:
    """The server's NamespaceArray.

    Raises:
        ua.UaError: The server does not give it.
    """
    node = (standard_node(_IDS.Server_NamespaceArray), ua.AttributeIds.Value)
    (answer,) = await read_attributes(session, [node], 1)
    array = value_of(answer)
    if not isinstance(array, list):
        raise ua.UaError("the server does not give its NamespaceArray")
    return [str(uri) for uri in array]
