"""Monitored items: how they are asked for, changed and ended, and what the server says of them."""

from collections.abc import Sequence

from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError
from google.protobuf.duration_pb2 import Duration

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.events import event_filter
from dualspan_edge.opcua.plan import PlannedTag, queue_size, sampling_ms
from dualspan_edge.opcua.services import in_portions
from dualspan_edge.opcua.words import status_words

# Calls under way at once: a server that is far away, or takes few items in a call, is not waited for each time.
_TOGETHER = 4
BAD_NODE_ID_UNKNOWN = 0x80340000
BAD_UNEXPECTED_ERROR = 0x80010000
_TRIGGERS = {
    sampling.DATA_CHANGE_TRIGGER_STATUS: ua.DataChangeTrigger.Status,
    sampling.DATA_CHANGE_TRIGGER_STATUS_VALUE_TIMESTAMP: ua.DataChangeTrigger.StatusValueTimestamp,
}
_DEADBANDS = {
    sampling.DEADBAND_TYPE_ABSOLUTE: ua.DeadbandType.Absolute,
    sampling.DEADBAND_TYPE_PERCENT: ua.DeadbandType.Percent,
}
_FILTER_CODES = frozenset(
    {
        ua.StatusCodes.BadDeadbandFilterInvalid,
        ua.StatusCodes.BadFilterNotAllowed,
        ua.StatusCodes.BadMonitoredItemFilterInvalid,
        ua.StatusCodes.BadMonitoredItemFilterUnsupported,
    }
)


def item_request(member: PlannedTag, handle: int) -> ua.MonitoredItemCreateRequest:
    """How a tag is asked for."""
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor.NodeId = member.node
    attribute = ua.AttributeIds.EventNotifier if member.is_events else ua.AttributeIds.Value
    request.ItemToMonitor.AttributeId = attribute  # pyright: ignore[reportAttributeAccessIssue]  # an IntEnum
    request.ItemToMonitor.IndexRange = ua.String(member.tag.index_range) if member.tag.index_range else None
    request.MonitoringMode = ua.MonitoringMode.Reporting
    request.RequestedParameters = parameters(member, handle)
    return request


def parameters(member: PlannedTag, handle: int) -> ua.MonitoringParameters:
    """Sampling, queue and filter of a tag."""
    tag = member.tag
    asked = ua.MonitoringParameters()
    asked.ClientHandle = ua.UInt32(handle)
    # Events are not sampled; 0 is what the standard has for them (Part 4, 5.13.1.2).
    asked.SamplingInterval = ua.Double(0.0 if member.is_events else sampling_ms(tag))
    asked.QueueSize = ua.UInt32(queue_size(tag))
    asked.DiscardOldest = not tag.acquisition.discard_newest
    asked.Filter = event_filter(tag.acquisition.minimum_severity) if member.is_events else _data_filter(tag)
    return asked


def _data_filter(tag: gateway.TagConfiguration) -> ua.DataChangeFilter | None:
    """The filter of a variable; None where it is the standard's default, which every server has."""
    how = tag.acquisition
    if how.trigger not in _TRIGGERS and how.deadband_type not in _DEADBANDS:
        return None
    chosen = ua.DataChangeFilter()
    chosen.Trigger = _TRIGGERS.get(how.trigger, ua.DataChangeTrigger.StatusValue)
    chosen.DeadbandType = ua.UInt32(_DEADBANDS.get(how.deadband_type, ua.DeadbandType.None_))
    chosen.DeadbandValue = ua.Double(how.deadband_value)
    return chosen


async def create_items(
    connection: Connection, subscription_id: int, requests: Sequence[ua.MonitoredItemCreateRequest]
) -> list[ua.MonitoredItemCreateResult]:
    """CreateMonitoredItems: one result for each request."""

    async def create(part: Sequence[ua.MonitoredItemCreateRequest]) -> list[ua.MonitoredItemCreateResult]:
        asked = ua.CreateMonitoredItemsParameters()
        asked.SubscriptionId = ua.UInt32(subscription_id)
        asked.TimestampsToReturn = ua.TimestampsToReturn.Both
        asked.ItemsToCreate = list(part)
        try:
            return await connection.session.create_monitored_items(asked)
        except UaStatusCodeError as error:
            if len(part) > 1:
                raise
            return [ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(error.code)))]

    return await in_portions(create, requests, connection.limits.items_per_call, _TOGETHER)


async def modify_items(
    connection: Connection, subscription_id: int, requests: Sequence[ua.MonitoredItemModifyRequest]
) -> list[ua.MonitoredItemModifyResult]:
    """ModifyMonitoredItems: one result for each request."""

    async def modify(part: Sequence[ua.MonitoredItemModifyRequest]) -> list[ua.MonitoredItemModifyResult]:
        asked = ua.ModifyMonitoredItemsParameters()
        asked.SubscriptionId = ua.UInt32(subscription_id)
        asked.TimestampsToReturn = ua.TimestampsToReturn.Both
        asked.ItemsToModify = list(part)
        try:
            return await connection.session.modify_monitored_items(asked)
        except UaStatusCodeError as error:
            if len(part) > 1:
                raise
            return [ua.MonitoredItemModifyResult(StatusCode=ua.StatusCode(ua.UInt32(error.code)))]

    return await in_portions(modify, requests, connection.limits.items_per_call)


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


def active(
    tag: gateway.TagConfiguration,
    result: ua.MonitoredItemCreateResult | ua.MonitoredItemModifyResult,
    detail: str = "",
) -> gateway.TagReport:
    """The server monitors a tag."""
    wanted = queue_size(tag)
    if int(result.RevisedQueueSize) < wanted:
        detail = (
            f"the server keeps {result.RevisedQueueSize} values instead of {wanted} between two notifications: "
            "publish more often or sample less often, or values may be lost"
        )
    told = report(tag, onboarding.TAG_STATE_ACTIVE, int(result.StatusCode.value), detail)
    revised = Duration()
    revised.FromMicroseconds(int(max(float(result.RevisedSamplingInterval), 0.0) * 1000))
    told.revised_sampling_interval.CopyFrom(revised)
    told.revised_queue_size = int(result.RevisedQueueSize)
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
