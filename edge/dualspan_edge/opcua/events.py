"""Events and conditions (Part 4, 7.22.3; Part 9): which fields are asked for, and what is made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan.frame.v1 import event_pb2 as frame
from dualspan_edge.decoder import EventFields
from dualspan_edge.decoder.cursor import Name, NodeKey, numeric_key
from dualspan_edge.decoder.layout import ticks_to_microseconds
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.words import status_words
from dualspan_edge.samples import EventSample

_log = structlog.get_logger(__name__)
_IDS = ua.ObjectIds
_BASE, _CONDITION = _IDS.BaseEventType, _IDS.ConditionType
_ACKNOWLEDGEABLE, _ALARM, _LIMIT = _IDS.AcknowledgeableConditionType, _IDS.AlarmConditionType, _IDS.LimitAlarmType
# A text is cut after so many characters: one event must not crowd out the others.
_LONGEST_TEXT = 4000
_MAX_SEVERITY = 1000
_REFRESH_EVENTS = frozenset(numeric_key(0, number) for number in (_IDS.RefreshStartEventType, _IDS.RefreshEndEventType))
_OVERFLOW_EVENT = numeric_key(0, _IDS.EventQueueOverflowEventType)

Namer: TypeAlias = Callable[[NodeKey], str]
"""The text of a NodeId with its namespace as URI."""


@dataclass(frozen=True, slots=True)
class _Clause:
    """One select clause: a field of a type, by BrowseNames; without any, the NodeId of the instance itself."""

    type_id: int
    path: tuple[str, ...]


_CLAUSES: dict[str, _Clause] = {
    "event_id": _Clause(_BASE, ("EventId",)),
    "event_type": _Clause(_BASE, ("EventType",)),
    "source_node": _Clause(_BASE, ("SourceNode",)),
    "source_name": _Clause(_BASE, ("SourceName",)),
    "time": _Clause(_BASE, ("Time",)),
    "receive_time": _Clause(_BASE, ("ReceiveTime",)),
    "message": _Clause(_BASE, ("Message",)),
    "severity": _Clause(_BASE, ("Severity",)),
    "condition_id": _Clause(_CONDITION, ()),
    "condition_name": _Clause(_CONDITION, ("ConditionName",)),
    "condition_class_name": _Clause(_CONDITION, ("ConditionClassName",)),
    "branch_id": _Clause(_CONDITION, ("BranchId",)),
    "retain": _Clause(_CONDITION, ("Retain",)),
    "enabled": _Clause(_CONDITION, ("EnabledState", "Id")),
    "quality": _Clause(_CONDITION, ("Quality",)),
    "comment": _Clause(_CONDITION, ("Comment",)),
    "client_user_id": _Clause(_CONDITION, ("ClientUserId",)),
    "last_severity": _Clause(_CONDITION, ("LastSeverity",)),
    "acknowledged": _Clause(_ACKNOWLEDGEABLE, ("AckedState", "Id")),
    "confirmed": _Clause(_ACKNOWLEDGEABLE, ("ConfirmedState", "Id")),
    "active": _Clause(_ALARM, ("ActiveState", "Id")),
    "input_node": _Clause(_ALARM, ("InputNode",)),
    "suppressed": _Clause(_ALARM, ("SuppressedState", "Id")),
    "suppressed_or_shelved": _Clause(_ALARM, ("SuppressedOrShelved",)),
    "state_name": _Clause(_LIMIT, ("LimitState", "CurrentState")),
}
_PLACES = {name: place for place, name in enumerate(_CLAUSES)}


def event_filter(minimum_severity: int) -> ua.EventFilter:
    """The fields of every event, condition and alarm; with a minimum, only events of that severity and above."""
    chosen = ua.EventFilter()
    chosen.SelectClauses = [_operand(clause) for clause in _CLAUSES.values()]
    if minimum_severity:
        severity, least = _operand(_CLAUSES["severity"]), ua.LiteralOperand()
        least.Value = ua.Variant(minimum_severity, ua.VariantType.UInt16)
        element = ua.ContentFilterElement()
        element.FilterOperator = ua.FilterOperator.GreaterThanOrEqual
        element.FilterOperands = [severity, least]
        chosen.WhereClause.Elements = [element]
    return chosen


def _operand(clause: _Clause) -> ua.SimpleAttributeOperand:
    operand = ua.SimpleAttributeOperand()
    operand.TypeDefinitionId = standard_node(clause.type_id)
    operand.BrowsePath = [ua.QualifiedName(name) for name in clause.path]
    attribute = ua.AttributeIds.Value if clause.path else ua.AttributeIds.NodeId
    operand.AttributeId = attribute  # pyright: ignore[reportAttributeAccessIssue]  # an IntEnum
    return operand


@dataclass(frozen=True, slots=True)
class Arrived:
    """The events of one notification.

    Attributes:
        samples: To be stored.
        overflowed: Handles of items whose queue the server says has overflowed (Part 4, 7.22.3).
    """

    samples: tuple[EventSample, ...]
    overflowed: tuple[int, ...]


def take_events(events: Sequence[EventFields], name: Namer, now: int) -> Arrived:
    """Events as samples.

    Args:
        events: As they came, their fields in the order of `event_filter`.
        name: Makes texts of NodeIds.
        now: Microseconds since 1970, for events without a time.
    """
    samples: list[EventSample] = []
    overflowed: list[int] = []
    for event in events:
        fields = _Fields(event.fields, name)
        kind = fields.of("event_type")
        if kind in _REFRESH_EVENTS:
            continue
        if kind == _OVERFLOW_EVENT:
            overflowed.append(event.handle)
        message = _message(fields)
        timestamp = message.time.ToMicroseconds() if message.HasField("time") else now
        samples.append(EventSample(event.handle, timestamp, message.SerializeToString(deterministic=True)))
    return Arrived(tuple(samples), tuple(overflowed))


class _Fields:
    """The fields of one event by name, each of the type that it should have, or of none."""

    def __init__(self, values: Sequence[object], name: Namer) -> None:
        self._values = values
        self._name = name

    def of(self, field: str) -> object:
        place = _PLACES[field]
        return self._values[place] if place < len(self._values) else None

    def text(self, field: str) -> str:
        value = self.of(field)
        return value[:_LONGEST_TEXT] if isinstance(value, str) else ""

    def node(self, field: str) -> str:
        value = self.of(field)
        return self._name(value)[:_LONGEST_TEXT] if isinstance(value, NodeKey) else ""

    def word(self, field: str) -> str:
        value = self.of(field)
        return value.text[:_LONGEST_TEXT] if isinstance(value, Name) else self.text(field)

    def number(self, field: str, most: int) -> int:
        value = self.of(field)
        return min(max(value, 0), most) if isinstance(value, int) else 0

    def truth(self, field: str) -> bool | None:
        value = self.of(field)
        return value if isinstance(value, bool) else None

    def any_of(self, *fields: str) -> bool:
        return any(self.of(field) is not None for field in fields)


def _message(fields: _Fields) -> frame.OpcUaEvent:
    message = frame.OpcUaEvent(
        event_type=fields.node("event_type"),
        source_node=fields.node("source_node"),
        source_name=fields.text("source_name"),
        message=fields.text("message"),
        severity=fields.number("severity", _MAX_SEVERITY),
    )
    event_id = fields.of("event_id")
    if isinstance(event_id, bytes):
        message.event_id = event_id
    for field, stamp in (("time", message.time), ("receive_time", message.receive_time)):
        ticks = fields.of(field)
        if isinstance(ticks, int) and (microseconds := ticks_to_microseconds(ticks)) > 0:
            stamp.FromMicroseconds(min(microseconds, _LATEST))
    if fields.any_of("condition_id", "condition_name", "retain"):
        message.condition.CopyFrom(_condition(fields))
    if fields.any_of("active", "input_node", "suppressed_or_shelved"):
        message.alarm.CopyFrom(_alarm(fields))
    return message


# The end of the year 9999, which is as far as a Timestamp reaches.
_LATEST = 253_402_300_799_999_999


def _condition(fields: _Fields) -> frame.ConditionFields:
    return frame.ConditionFields(
        condition_id=fields.node("condition_id"),
        condition_name=fields.text("condition_name"),
        condition_class_name=fields.text("condition_class_name"),
        branch_id=_unless_null(fields.node("branch_id")),
        retain=bool(fields.truth("retain")),
        enabled=fields.truth("enabled"),
        quality=fields.number("quality", 0xFFFFFFFF),
        comment=fields.text("comment"),
        client_user_id=fields.text("client_user_id"),
        last_severity=fields.number("last_severity", _MAX_SEVERITY),
        acknowledged=fields.truth("acknowledged"),
        confirmed=fields.truth("confirmed"),
    )


def _unless_null(node: str) -> str:
    return "" if node == "i=0" else node


def _alarm(fields: _Fields) -> frame.AlarmFields:
    return frame.AlarmFields(
        active=fields.truth("active"),
        input_node=_unless_null(fields.node("input_node")),
        suppressed=fields.truth("suppressed"),
        suppressed_or_shelved=fields.truth("suppressed_or_shelved"),
        state_name=fields.text("state_name"),
    )


async def refresh_conditions(session: UaSession, subscription_id: int) -> str:
    """Has the server repeat every condition that is of interest (Part 9, 5.5.7).

    Returns:
        Why the server does not, in words; empty if it does.
    """
    request = ua.CallMethodRequest()
    request.ObjectId = standard_node(_CONDITION)
    request.MethodId = standard_node(_IDS.ConditionType_ConditionRefresh)
    request.InputArguments = [ua.Variant(subscription_id, ua.VariantType.UInt32)]
    try:
        (result,) = await session.call([request])
    except UaStatusCodeError as error:
        code = int(error.code)
    else:
        code = 0 if result.StatusCode.is_good() else int(result.StatusCode.value)
    if not code:
        return ""
    _log.info("conditions_not_refreshed", subscription=subscription_id, reason=status_words(code))
    return f"the server does not repeat conditions that were raised before; only new ones come ({status_words(code)})"
