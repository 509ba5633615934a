"""Requests on very many nodes, encoded without an object for each."""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from asyncua import ua
from asyncua.ua.ua_binary import extensionobject_to_binary, nodeid_to_binary

from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.opcua.events import event_filter
from dualspan_edge.opcua.plan import PlannedTag, sampling_ms

READ_REQUEST, CREATE_ITEMS_REQUEST, MODIFY_ITEMS_REQUEST = 631, 751, 763
BOTH_TIMESTAMPS, NO_TIMESTAMPS = 2, 3
_TRIGGERS = {
    int(sampling.DATA_CHANGE_TRIGGER_STATUS): ua.DataChangeTrigger.Status,
    int(sampling.DATA_CHANGE_TRIGGER_STATUS_VALUE_TIMESTAMP): ua.DataChangeTrigger.StatusValueTimestamp,
}
_DEADBANDS = {
    int(sampling.DEADBAND_TYPE_ABSOLUTE): ua.DeadbandType.Absolute,
    int(sampling.DEADBAND_TYPE_PERCENT): ua.DeadbandType.Percent,
}
_VALUE, _EVENT_NOTIFIER = int(ua.AttributeIds.Value), int(ua.AttributeIds.EventNotifier)
_READ_HEAD = struct.Struct("<dii")
_ITEMS_HEAD = struct.Struct("<Iii")
_REPORTING = struct.pack("<i", int(ua.MonitoringMode.Reporting))
_SAMPLING = struct.Struct("<Id")
_QUEUE = struct.Struct("<I?")
_ITEM_ID = struct.Struct("<I")


class AskedTag(NamedTuple):
    """A tag that is to be monitored, with its ClientHandle and the size of its queue."""

    member: PlannedTag
    handle: int
    queue: int


@lru_cache(maxsize=1024)
def behind_node(attribute: int, index_range: str = "") -> bytes:
    """What follows the NodeId in a ReadValueId: attribute and range; no data encoding."""
    text = index_range.encode()
    return struct.pack("<Ii", attribute, len(text) or -1) + text + struct.pack("<Hi", 0, -1)


def read_parameters(values: Sequence[tuple[bytes, bytes]], timestamps: int = NO_TIMESTAMPS) -> bytes:
    """The parameters of a Read (Part 4, 5.10.2): nothing from the server's cache.

    Args:
        values: Encoded NodeId and `behind_node` of each attribute.
        timestamps: Which are to be returned.
    """
    return b"".join(
        (_READ_HEAD.pack(0.0, timestamps, len(values)), *(part for node, behind in values for part in (node, behind)))
    )


def items_parameters(subscription_id: int, items: Sequence[bytes]) -> bytes:
    """The parameters of CreateMonitoredItems and ModifyMonitoredItems, with both timestamps."""
    return b"".join((_ITEMS_HEAD.pack(subscription_id, BOTH_TIMESTAMPS, len(items)), *items))


def created_item(asked: AskedTag) -> bytes:
    """A MonitoredItemCreateRequest (Part 4, 5.13.2.2)."""
    member = asked.member
    attribute = _EVENT_NOTIFIER if member.is_events else _VALUE
    place = nodeid_to_binary(member.node) + behind_node(attribute, member.tag.index_range)
    return place + _REPORTING + _parameters(asked)


def modified_item(item_id: int, asked: AskedTag) -> bytes:
    """A MonitoredItemModifyRequest (Part 4, 5.13.3.2)."""
    return _ITEM_ID.pack(item_id) + _parameters(asked)


def _parameters(asked: AskedTag) -> bytes:
    """MonitoringParameters: sampling, filter and queue of a tag."""
    member, how = asked.member, asked.member.tag.acquisition
    if member.is_events:
        # Events are not sampled; 0 is what the standard has for them (Part 4, 5.13.1.2).
        interval, chosen = 0.0, _encoded_event_filter(how.minimum_severity)
    else:
        interval, chosen = sampling_ms(member.tag), _data_filter(how.trigger, how.deadband_type, how.deadband_value)
    return _SAMPLING.pack(asked.handle, interval) + chosen + _QUEUE.pack(asked.queue, not how.discard_newest)


@lru_cache(maxsize=1024)
def _data_filter(trigger: int, deadband_type: int, deadband_value: float) -> bytes:
    """The filter of a variable; a null one where it is the standard's default, which every server has."""
    if trigger not in _TRIGGERS and deadband_type not in _DEADBANDS:
        return bytes(3)
    chosen = ua.DataChangeFilter()
    chosen.Trigger = _TRIGGERS.get(trigger, ua.DataChangeTrigger.StatusValue)
    chosen.DeadbandType = ua.UInt32(_DEADBANDS.get(deadband_type, ua.DeadbandType.None_))
    chosen.DeadbandValue = ua.Double(deadband_value)
    return extensionobject_to_binary(chosen)


@lru_cache(maxsize=64)
def _encoded_event_filter(minimum_severity: int) -> bytes:
    return extensionobject_to_binary(event_filter(minimum_severity))
