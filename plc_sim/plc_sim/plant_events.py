"""Events of a plant's conditions (Part 9), and the monitored items that report them (Part 4, 5.13.1.6)."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from plc_sim.model.alarms import AlarmBook, ConditionEvent
from plc_sim.opcua.event_filter import CONDITION_ID, EventFilter, Fields, FilterRefusedError, Supertypes
from plc_sim.opcua.nodes import text
from plc_sim.opcua.sampling import Batch
from plc_sim.opcua.standard import node_id, status_code
from plc_sim.opcua.subscription_service import SubscriptionLimits

_IDS, _TYPES = ua.ObjectIds, ua.VariantType
_SERVER = node_id(_IDS.Server)
CONDITION_TYPE = node_id(_IDS.OffNormalAlarmType)
_MOST_QUEUED = 1000


def _moment(at_us: int) -> ua.Variant:
    return ua.Variant(datetime.fromtimestamp(at_us / 1e6, UTC), _TYPES.DateTime)


def _words(content: str) -> ua.Variant:
    return ua.Variant(text(content), _TYPES.LocalizedText)


def _plain(event_id: bytes, kind: ua.NodeId, source: ua.NodeId, name: str, at_us: int) -> dict[tuple[str, ...], Any]:
    """Fields of BaseEventType (Part 5, 6.4.2)."""
    return {
        ("EventId",): ua.Variant(event_id, _TYPES.ByteString),
        ("EventType",): ua.Variant(kind, _TYPES.NodeId),
        ("SourceNode",): ua.Variant(source, _TYPES.NodeId),
        ("SourceName",): ua.Variant(name, _TYPES.String),
        ("Time",): _moment(at_us),
        ("ReceiveTime",): _moment(at_us),
        ("Message",): _words(name),
        ("Severity",): ua.Variant(1, _TYPES.UInt16),
    }


def _two_state(name: str, words: tuple[str, str], value: bool) -> dict[tuple[str, ...], ua.Variant]:  # noqa: FBT001 - a state
    return {(name,): _words(words[not value]), (name, "Id"): ua.Variant(value, _TYPES.Boolean)}


def condition_node(namespace: int, machine: str, condition: str) -> ua.NodeId:
    """ConditionId: the NodeId of a condition."""
    return node_id(f"{machine}/Alarms/{condition}", namespace)


def condition_fields(event: ConditionEvent, namespace: int) -> Fields:
    """Fields of OffNormalAlarmType (Part 9, 5.8.2) as far as these conditions have them."""
    source = node_id(event.machine, namespace)
    fields = _plain(event.event_id, CONDITION_TYPE, source, event.machine, event.time_us)
    fields |= {
        CONDITION_ID: ua.Variant(condition_node(namespace, event.machine, event.condition), _TYPES.NodeId),
        ("Message",): _words(event.message),
        ("Severity",): ua.Variant(event.severity, _TYPES.UInt16),
        ("LastSeverity",): ua.Variant(event.last_severity, _TYPES.UInt16),
        ("ConditionName",): ua.Variant(event.condition, _TYPES.String),
        ("ConditionClassId",): ua.Variant(node_id(_IDS.ProcessConditionClassType), _TYPES.NodeId),
        ("ConditionClassName",): _words("Process"),
        ("BranchId",): ua.Variant(ua.NodeId(), _TYPES.NodeId),
        ("Retain",): ua.Variant(event.retain, _TYPES.Boolean),
        ("Quality",): ua.Variant(ua.StatusCode(), _TYPES.StatusCode),
        ("Comment",): _words(event.comment),
        ("ClientUserId",): ua.Variant(event.user, _TYPES.String),
        ("InputNode",): ua.Variant(ua.NodeId(), _TYPES.NodeId),
        ("NormalState",): ua.Variant(ua.NodeId(), _TYPES.NodeId),
        ("SuppressedOrShelved",): ua.Variant(False, _TYPES.Boolean),
        **_two_state("EnabledState", ("Enabled", "Disabled"), value=True),
        **_two_state("ActiveState", ("Active", "Inactive"), value=event.active),
        **_two_state("AckedState", ("Acknowledged", "Unacknowledged"), value=event.acked),
    }
    return fields


_KNOWN = tuple(condition_fields(ConditionEvent(0, 0, "", "", False, True, 1, 1, ""), 0))


@dataclass(slots=True)
class _Item:
    """A monitored item on an event notifier."""

    handle: int
    machine: str  # "" for all of them
    filter: EventFilter
    queue: int
    cursor: int
    reporting: bool
    waiting: deque[Fields] = field(default_factory=deque)
    overflowed: bool = False


class EventItems:
    """The event items of one subscription.

    Args:
        book: What happens.
        namespace: Index of the plant's machines.
        supertypes: Finds what an event type is a kind of.
        limits: Of filters.
    """

    def __init__(self, book: AlarmBook, namespace: int, supertypes: Supertypes, limits: SubscriptionLimits) -> None:
        self._book = book
        self._namespace = namespace
        self._supertypes = supertypes
        self._limits = limits
        self._items: dict[int, _Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: int) -> bool:
        return item_id in self._items

    def add(self, item_id: int, request: ua.MonitoredItemCreateRequest, machine: str) -> ua.MonitoredItemCreateResult:
        """Create an item on the events of a machine ("": of all), or say in the result why not."""
        result = ua.MonitoredItemCreateResult()
        parameters = request.RequestedParameters
        try:
            wanted = self._filter(parameters.Filter)
        except FilterRefusedError as err:
            result.StatusCode = status_code(err.code)
            return result
        self._items[item_id] = _Item(
            int(parameters.ClientHandle),
            machine,
            wanted,
            self._queue(parameters),
            self._book.sequence,
            request.MonitoringMode == ua.MonitoringMode.Reporting,
        )
        result.MonitoredItemId = ua.UInt32(item_id)
        result.RevisedQueueSize = ua.UInt32(self._items[item_id].queue)
        result.FilterResult = wanted.results(_KNOWN)  # pyright: ignore[reportAttributeAccessIssue]  # asyncua wraps it
        return result

    def modify(self, item_id: int, parameters: ua.MonitoringParameters) -> ua.MonitoredItemModifyResult:
        """Change an item."""
        result = ua.MonitoredItemModifyResult()
        item = self._items[item_id]
        try:
            item.filter = self._filter(parameters.Filter)
        except FilterRefusedError as err:
            result.StatusCode = status_code(err.code)
            return result
        item.handle, item.queue = int(parameters.ClientHandle), self._queue(parameters)
        result.RevisedQueueSize = ua.UInt32(item.queue)
        return result

    def _filter(self, asked: object) -> EventFilter:
        limits = self._limits
        return EventFilter.of(asked, most_fields=limits.max_select_clauses, most_elements=limits.max_where_elements)

    @staticmethod
    def _queue(parameters: ua.MonitoringParameters) -> int:
        return min(int(parameters.QueueSize) or _MOST_QUEUED, _MOST_QUEUED)  # 0 and 1: as the server sees fit

    def remove(self, item_id: int) -> bool:
        """Delete an item; False if there is none of that id."""
        return self._items.pop(item_id, None) is not None

    def set_mode(self, item_id: int, mode: ua.MonitoringMode) -> None:
        """Items that do not report miss what happens meanwhile."""
        item = self._items[item_id]
        item.reporting = mode == ua.MonitoringMode.Reporting
        item.cursor = self._book.sequence

    def refresh(self, now_us: int, only: int | None = None) -> None:
        """Tell again what is retained, between a start and an end (Part 9, 5.5.7 and 5.5.8), on all items or one."""
        self._book.advance(now_us)
        for item_id, item in self._items.items():
            if only not in {None, item_id}:
                continue
            self._take(item)
            item.waiting.append(self._mark(_IDS.RefreshStartEventType, now_us))
            for event in self._book.retained():
                self._offer(item, event)
            item.waiting.append(self._mark(_IDS.RefreshEndEventType, now_us))

    def _mark(self, kind: int, now_us: int) -> Fields:
        return _plain(now_us.to_bytes(16, "big"), node_id(kind), _SERVER, "Server", now_us)

    def _offer(self, item: _Item, event: ConditionEvent) -> None:
        if item.machine not in {"", event.machine}:
            return
        fields = condition_fields(event, self._namespace)
        if item.filter.passes(fields, self._supertypes):
            item.waiting.append(fields)

    def _take(self, item: _Item) -> None:
        events, item.cursor = self._book.since(item.cursor), self._book.sequence
        for event in events:
            self._offer(item, event)
        if len(item.waiting) > item.queue:
            while len(item.waiting) > item.queue:
                item.waiting.popleft()
            item.overflowed = True

    def collect(self, now_us: int, limit: int) -> Batch | None:
        """What has happened, in messages of at most `limit` events (0: no limit)."""
        if not self._items:
            return None
        self._book.advance(now_us)
        parts: list[bytes] = []
        for item in self._items.values():
            if not item.reporting:
                continue
            self._take(item)
            if item.overflowed:
                item.overflowed = False
                item.waiting.appendleft(self._mark(_IDS.EventQueueOverflowEventType, now_us))
            while item.waiting and not (limit and len(parts) >= limit):
                parts.append(_encoded(item, item.waiting.popleft()))
        if not parts:
            return None
        body = b"".join((len(parts).to_bytes(4, "little"), *parts))
        return Batch(body, len(parts), any(item.waiting for item in self._items.values()), events=True)


def _encoded(item: _Item, fields: Fields) -> bytes:
    """EventFieldList (Part 4, 7.25.3)."""
    return struct_to_binary(
        ua.EventFieldList(ClientHandle=ua.UInt32(item.handle), EventFields=item.filter.select(fields))
    )
