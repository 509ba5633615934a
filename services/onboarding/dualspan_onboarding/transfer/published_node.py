"""One node of published-nodes JSON: which variable it is, and how it is sampled."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dualspan_onboarding.rules import DEFAULT_INTERVAL_US, MAX_INTERVAL_US, MAX_QUEUE_SIZE
from dualspan_onboarding.sampling import (
    WHOLE_VALUE,
    AcquisitionMode,
    Address,
    DataChangeTrigger,
    DeadbandType,
    TagSource,
)
from dualspan_onboarding.transfer.columns import text_of
from dualspan_onboarding.transfer.entries import Place, Problem, Reference, Refused, Remark, Value, shown
from dualspan_onboarding.transfer.published_fields import NODE_TAKEN, NODE_WITHOUT
from dualspan_onboarding.transfer.references import parse_reference, with_path
from dualspan_onboarding.transfer.scan import lowered

# .NET's TimeSpan: [d.]hh:mm[:ss[.fffffff]], or days alone.
_TIMESPAN = re.compile(
    r"(?:(?P<days>\d{1,6})\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2})(?:\.(?P<part>\d{1,7}))?)?",
    re.ASCII,
)
_TRIGGERS = {
    "status": DataChangeTrigger.STATUS,
    "statusvalue": DataChangeTrigger.STATUS_VALUE,
    "statusvaluetimestamp": DataChangeTrigger.STATUS_VALUE_TIMESTAMP,
}
_DEADBANDS = {"absolute": DeadbandType.ABSOLUTE, "percent": DeadbandType.PERCENT, "none": DeadbandType.NONE}
_VALUE_ATTRIBUTES = frozenset({"value", "13"})
_USUAL_HEARTBEATS = frozenset({"watchdoglkv", "0"})


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its name as written, its place, its value."""

    name: str
    place: Place
    value: Any


@dataclass(slots=True)
class ReadNode:
    """What a node says. Without a reference and without problems, it has no counterpart here."""

    reference: Reference | None = None
    address: Address = WHOLE_VALUE
    settings: dict[str, Value] = field(default_factory=dict[str, Value])
    problems: list[Problem] = field(default_factory=list[Problem])
    remarks: list[Remark] = field(default_factory=list[Remark])


def silent(value: object) -> bool:
    """Whether a member says nothing: null, or text without a character."""
    return value is None or (isinstance(value, str) and not value.strip())


def of_type(member: Member, kind: type) -> object:
    """The member's value, if it is of this type; raises Refused."""
    value = member.value
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not fits:
        words = {str: "text in quotes", bool: "true or false", int: "a whole number"}.get(kind, kind.__name__)
        raise Refused(
            "WRONG_TYPE", f"{member.name} is {shown(value)}, which is not {words}.", f"Write {words}, or leave it out."
        )
    return value


def interval_of(members: Mapping[str, Member], key: str, unit: int) -> int | None:
    """An interval in microseconds; the Timespan twin wins. None if neither is there; raises Refused.

    Args:
        members: By name in lower case.
        key: The name of the number.
        unit: Microseconds of 1.
    """
    twin, plain = members.get(f"{key}timespan"), members.get(key)
    if twin is not None and not silent(twin.value):
        return _bounded(twin, _timespan(twin))
    if plain is None or silent(plain.value):
        return None
    number = plain.value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        of_type(plain, int)
    return _bounded(plain, number * unit)


def _bounded(member: Member, microseconds: float) -> int:
    if not 0 <= microseconds <= MAX_INTERVAL_US:
        raise Refused(
            "INTERVAL_OUT_OF_RANGE",
            f"{member.name} is {shown(member.value)}, which is not between 0 and 24 hours.",
            "Write an interval of a day at the most.",
        )
    return round(microseconds)


def _timespan(member: Member) -> int:
    text = str(of_type(member, str)).strip()
    match = _TIMESPAN.fullmatch(text)
    parts = {} if match is None else match.groupdict(default="0")
    wrong = not parts or int(parts["hours"]) > 23 or int(parts["minutes"]) > 59 or int(parts["seconds"]) > 59
    if wrong:
        raise Refused(
            "MALFORMED_TIMESPAN", f"{member.name} is {shown(text)!r}, which is no timespan.", "Write 00:00:01.500."
        )
    seconds = (int(parts["days"]) * 24 + int(parts["hours"])) * 3600 + int(parts["minutes"]) * 60
    return (seconds + int(parts["seconds"])) * 1_000_000 + round(int(parts["part"].ljust(7, "0")) / 10)


class NodeReader:
    """Reads the nodes of one entry.

    Args:
        defaults: By field: what the entry says for all its nodes.
    """

    def __init__(self, defaults: Mapping[str, Value]) -> None:
        self._defaults = defaults

    def read(self, place: Place, value: Mapping[str, Any], line_of: Callable[[str], int]) -> ReadNode:
        """What a node says.

        Args:
            place: Of the node.
            value: The node.
            line_of: The line of a member.
        """
        members = {key: Member(name, place.of(name), member) for key, (name, member) in lowered(value).items()}
        node = ReadNode(settings=dict(self._defaults))

        def located(name: str) -> Place:
            return place.of(name, line_of(name))

        for step in (_which, _intervals, _heartbeat, _filter, _others):
            try:
                step(members, node)
            except _AtMember as wrong:
                node.problems.append(wrong.refused.at(located(wrong.member.name)))
            except Refused as refused:
                node.problems.append(refused.at(place))
        self._remarks(members, node)
        node.remarks = [Remark(located(r.place.field), r.value, r.message) for r in node.remarks]
        return node

    @staticmethod
    def _remarks(members: Mapping[str, Member], node: ReadNode) -> None:
        for key, member in members.items():
            if key in NODE_TAKEN or silent(member.value) or member.value is False:
                continue
            why = NODE_WITHOUT.get(key, "it is no member that is known here")
            _remark(node, member, f"{shown(member.name)} is not taken over: {why}.")


class _AtMember(Exception):
    """A refusal of one member."""

    def __init__(self, member: Member, refused: Refused) -> None:
        super().__init__(refused.message)
        self.member = member
        self.refused = refused


def _remark(node: ReadNode, member: Member, message: str) -> None:
    node.remarks.append(Remark(member.place, shown(member.value), message))


def _said(members: Mapping[str, Member], key: str) -> Member | None:
    member = members.get(key)
    return None if member is None or silent(member.value) else member


def _text(member: Member) -> str:
    try:
        return str(of_type(member, str))
    except Refused as refused:
        raise _AtMember(member, refused) from refused


def _truth(members: Mapping[str, Member], key: str) -> bool | None:
    member = _said(members, key)
    if member is None:
        return None
    try:
        return bool(of_type(member, bool))
    except Refused as refused:
        raise _AtMember(member, refused) from refused


def _which(members: Mapping[str, Member], node: ReadNode) -> None:
    """The node, or why it cannot be a tag."""
    attribute = _said(members, "attributeid")
    if attribute is not None and str(attribute.value).lower() not in _VALUE_ATTRIBUTES:
        _remark(node, attribute, "The node is left out: only values are stored, not other attributes.")
        return
    changes = _said(members, "modelchangehandling")
    if changes is not None:
        _remark(node, changes, "The node is left out: changes of the model show when the server is browsed again.")
        return
    node.reference = _reference(members)
    events = _said(members, "eventfilter")
    part = _said(members, "indexrange")
    if events is not None:
        node.address = Address(TagSource.EVENTS)
        _remark(node, events, "All events are stored, with their standard fields: the filter's clauses are not taken.")
    elif part is not None:
        node.address = Address(index_range=_text(part).strip())


def _reference(members: Mapping[str, Member]) -> Reference:
    stated = _said(members, "id")
    expanded = _said(members, "expandednodeid")
    path = _said(members, "browsepath")
    references = [_parsed(member) for member in (stated, expanded) if member is not None]
    if len(references) == 2 and not references[0].index and not references[1].index and references[0] != references[1]:
        raise Refused("TWO_NODES", "Id and ExpandedNodeId name two nodes.", "Take one of them out.")
    # An index drifts when the server restarts; the URI that stands beside it does not.
    start = min(references, key=lambda reference: bool(reference.index), default=None)
    if path is None:
        if start is None:
            raise Refused("NODE_MISSING", "The node has no Id.", "Write Id, ExpandedNodeId or BrowsePath.")
        return start
    elements = path.value if isinstance(path.value, list) else [path.value]
    if not elements or not all(isinstance(element, str) for element in elements):
        refused = Refused("WRONG_TYPE", "BrowsePath is no list of texts.", 'Write ["Objects", "Press", "Temperature"].')
        raise _AtMember(path, refused)
    try:
        return with_path(start, elements)
    except Refused as refused:
        raise _AtMember(path, refused) from refused


def _parsed(member: Member) -> Reference:
    try:
        return parse_reference(_text(member))
    except Refused as refused:
        raise _AtMember(member, refused) from refused


def _interval(members: Mapping[str, Member], key: str, unit: int) -> int | None:
    try:
        return interval_of(members, key, unit)
    except Refused as refused:
        twin, plain = _said(members, f"{key}timespan"), _said(members, key)
        raise _AtMember(twin or plain or Member(key, Place(0), None), refused) from refused


def _intervals(members: Mapping[str, Member], node: ReadNode) -> None:
    publishing = _interval(members, "opcpublishinginterval", 1000)
    if publishing is not None:
        node.settings["publishing_interval_us"] = publishing
    plain = _said(members, "opcsamplinginterval")
    if plain is not None and plain.value == -1 and _said(members, "opcsamplingintervaltimespan") is None:
        # Part 4, 7.21: the subscription's own interval.
        interval = int(node.settings.get("publishing_interval_us", DEFAULT_INTERVAL_US))
        node.settings["sampling_interval_us"] = interval
        if node.address.source is not TagSource.EVENTS:
            words = f"-1 means the publishing interval: the value is sampled every {interval / 1000:g} ms."
            _remark(node, plain, words)
        return
    sampling = _interval(members, "opcsamplinginterval", 1000)
    if sampling is not None:
        node.settings["sampling_interval_us"] = sampling


def _heartbeat(members: Mapping[str, Member], node: ReadNode) -> None:
    heartbeat = _interval(members, "heartbeatinterval", 1_000_000)
    if heartbeat is not None:
        node.settings["heartbeat_us"] = heartbeat
    behaviour = _said(members, "heartbeatbehavior")
    if behaviour is not None and str(behaviour.value).lower() not in _USUAL_HEARTBEATS:
        _remark(node, behaviour, "The gateway repeats the last value it has, and marks it as repeated.")


def _filter(members: Mapping[str, Member], node: ReadNode) -> None:
    """Trigger and deadband; they are for values only."""
    if node.address.source is TagSource.EVENTS:
        for key in ("datachangetrigger", "deadbandtype", "deadbandvalue"):
            member = _said(members, key)
            if member is not None:
                _remark(node, member, f"{member.name} is passed over: events have none.")
        for key in ("heartbeat_us", "sampling_interval_us"):
            node.settings.pop(key, None)
        return
    trigger = _said(members, "datachangetrigger")
    if trigger is not None:
        node.settings["trigger"] = _word(trigger, _TRIGGERS)
    kind, value = _said(members, "deadbandtype"), _said(members, "deadbandvalue")
    if kind is None:
        if value is not None:
            _remark(node, value, f"{value.name} is passed over: there is no DeadbandType.")
        return
    node.settings["deadband_type"] = _word(kind, _DEADBANDS)
    if value is not None:
        node.settings["deadband_value"] = _deadband(value, node)


def _word(member: Member, words: Mapping[str, Any]) -> Any:
    word = str(member.value).strip().lower()
    if word not in words:
        refused = Refused(
            "UNKNOWN_WORD",
            f"{member.name} is {shown(member.value)}, which is none of {', '.join(words)}.",
            "Write one of these words, or leave it out.",
        )
        raise _AtMember(member, refused)
    return words[word]


def _deadband(member: Member, node: ReadNode) -> float:
    number = member.value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        refused = Refused("WRONG_TYPE", f"DeadbandValue is {shown(number)}, which is no number.", "Write 0.5.")
        raise _AtMember(member, refused)
    largest = 100.0 if node.settings.get("deadband_type") is DeadbandType.PERCENT else math.inf
    # As OPC Publisher does: what is out of range is brought into it, and said here.
    bounded = min(max(float(number), 0.0), largest)
    if bounded != number:
        _remark(node, member, f"DeadbandValue is taken as {bounded:g}.")
    return bounded


def _others(members: Mapping[str, Member], node: ReadNode) -> None:
    cyclic = _truth(members, "usecyclicread")
    register = _truth(members, "registernode")
    newest = _truth(members, "discardnew")
    if cyclic is not None:
        node.settings["mode"] = AcquisitionMode.CYCLIC_READ if cyclic else AcquisitionMode.SUBSCRIPTION
    if register is not None:
        node.settings["register_node"] = register
    if newest is not None:
        node.settings["discard_newest"] = newest
    _queue(members, node)
    _display_name(members, node)


def _queue(members: Mapping[str, Member], node: ReadNode) -> None:
    queue = _said(members, "queuesize")
    if queue is None:
        return
    number = queue.value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MAX_QUEUE_SIZE:
        refused = Refused(
            "NUMBER_OUT_OF_RANGE",
            f"QueueSize is {shown(number)}, which is not a whole number from 0 to {MAX_QUEUE_SIZE}.",
            "Leave it out: the queue is sized so that nothing is lost between two notifications.",
        )
        raise _AtMember(queue, refused)
    node.settings["queue_size"] = number


def _display_name(members: Mapping[str, Member], node: ReadNode) -> None:
    name, field_id = _said(members, "displayname"), _said(members, "datasetfieldid")
    chosen = name or field_id
    if chosen is None:
        return
    try:
        node.settings["display_name"] = text_of(_text(chosen))
    except Refused as refused:
        raise _AtMember(chosen, refused) from refused
    if name is not None and field_id is not None and field_id.value != name.value:
        _remark(node, field_id, "DataSetFieldId is not taken over: DisplayName is what people call the tag.")
