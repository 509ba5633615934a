"""Monitored items: how they are asked for, changed and ended, and what the server says of them."""

from collections.abc import Sequence

from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.decoder.monitoring import ItemResult, decode_item_results
from dualspan_edge.errors import ServiceRefusedError
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.requests import (
    CREATE_ITEMS_REQUEST,
    MODIFY_ITEMS_REQUEST,
    AskedTag,
    created_item,
    items_parameters,
    modified_item,
)
from dualspan_edge.opcua.services import in_portions
from dualspan_edge.opcua.words import status_words

# Calls under way at once: a server that is far away, or takes few items in a call, is not waited for each time.
_TOGETHER = 4
# While the server makes so many, the next are on their way.
_PORTION = 2500
BAD_NODE_ID_UNKNOWN = 0x80340000
BAD_UNEXPECTED_ERROR = 0x80010000
_FILTER_CODES = frozenset(
    {
        ua.StatusCodes.BadDeadbandFilterInvalid,
        ua.StatusCodes.BadFilterNotAllowed,
        ua.StatusCodes.BadMonitoredItemFilterInvalid,
        ua.StatusCodes.BadMonitoredItemFilterUnsupported,
    }
)


async def create_items(connection: Connection, subscription_id: int, members: Sequence[AskedTag]) -> list[ItemResult]:
    """CreateMonitoredItems: one result for each."""
    portion = min(connection.limits.items_per_call, _PORTION)

    async def create(part: Sequence[AskedTag]) -> list[ItemResult]:
        items = [created_item(asked) for asked in part]
        return await _ask(connection, subscription_id, items)

    return await in_portions(create, members, portion, _TOGETHER)


async def modify_items(
    connection: Connection, subscription_id: int, members: Sequence[tuple[int, AskedTag]]
) -> list[ItemResult]:
    """ModifyMonitoredItems: one result for each item's id and what becomes of it."""

    async def modify(part: Sequence[tuple[int, AskedTag]]) -> list[ItemResult]:
        items = [modified_item(item_id, asked) for item_id, asked in part]
        return await _ask(connection, subscription_id, items, modified=True)

    return await in_portions(modify, members, connection.limits.items_per_call)


async def _ask(
    connection: Connection, subscription_id: int, items: Sequence[bytes], *, modified: bool = False
) -> list[ItemResult]:
    request = MODIFY_ITEMS_REQUEST if modified else CREATE_ITEMS_REQUEST
    body = await connection.ask(request, items_parameters(subscription_id, items))
    try:
        return decode_item_results(body, len(items), modified=modified)
    except ServiceRefusedError as error:
        if len(items) > 1:
            raise UaStatusCodeError(error.code) from error
        return [ItemResult(error.code)]


async def delete_items(connection: Connection, subscription_id: int, item_ids: Sequence[int]) -> None:
    """DeleteMonitoredItems; what the server does not have any more is as good."""

    async def delete(part: Sequence[int]) -> list[ua.StatusCode]:
        asked = ua.DeleteMonitoredItemsParameters()
        asked.SubscriptionId = ua.UInt32(subscription_id)
        asked.MonitoredItemIds = [ua.UInt32(item_id) for item_id in part]
        return await connection.session.delete_monitored_items(asked)

    await in_portions(delete, item_ids, connection.limits.items_per_call)


def is_modifiable(old: gateway.TagConfiguration, new: gateway.TagConfiguration) -> bool:
    """Whether a running item can be changed in place: it stays in its subscription, at its node."""

    def place(tag: gateway.TagConfiguration) -> gateway.TagConfiguration:
        fixed = gateway.TagConfiguration()
        fixed.CopyFrom(tag)
        fixed.ClearField("sampling_interval")
        fixed.ClearField("queue_size")
        kept = sampling.Acquisition(mode=tag.acquisition.mode, register_node=tag.acquisition.register_node)
        fixed.acquisition.CopyFrom(kept)
        return fixed

    return place(old) == place(new)


def active(tag: gateway.TagConfiguration, result: ItemResult, wanted: int) -> gateway.TagReport:
    """The server monitors a tag; `wanted` is the size of the queue that it was asked for."""
    detail = ""
    if result.queue_size < wanted:
        detail = (
            f"the server keeps {result.queue_size} values instead of {wanted} between two notifications: "
            "publish more often or sample less often, or values may be lost"
        )
    told = report(tag, onboarding.TAG_STATE_ACTIVE, result.status, detail)
    told.revised_sampling_interval.FromMicroseconds(int(result.sampling_ms * 1000))
    told.revised_queue_size = result.queue_size
    return told


def refused(tag: gateway.TagConfiguration, code: int) -> gateway.TagReport:
    """The server does not monitor a tag."""
    return report(tag, onboarding.TAG_STATE_REFUSED, code or BAD_UNEXPECTED_ERROR, _words(tag, code))


def change_refused(tag: gateway.TagConfiguration, code: int) -> gateway.TagReport:
    """The server does not monitor a tag in another way than before."""
    words = f"the change is refused and it goes on as before: {_words(tag, code)}"
    return report(tag, onboarding.TAG_STATE_REFUSED, code or BAD_UNEXPECTED_ERROR, words)


def _words(tag: gateway.TagConfiguration, code: int) -> str:
    words = status_words(code)
    if code not in _FILTER_CODES:
        return words
    if tag.source == sampling.TAG_SOURCE_EVENTS:
        return f"the node gives no events that can be filtered; choose another event notifier ({words})"
    if tag.acquisition.deadband_type == sampling.DEADBAND_TYPE_PERCENT:
        return f"a deadband in per cent needs a number with an EURange; use an absolute one, or none ({words})"
    if tag.acquisition.deadband_type == sampling.DEADBAND_TYPE_ABSOLUTE:
        return f"the server has no deadband for this variable; use none ({words})"
    return words


def report(
    tag: gateway.TagConfiguration, state: onboarding.TagState.ValueType, code: int, detail: str
) -> gateway.TagReport:
    """How a tag fares."""
    return gateway.TagReport(tag_id=tag.tag_id, state=state, status_code=code, detail=detail)
