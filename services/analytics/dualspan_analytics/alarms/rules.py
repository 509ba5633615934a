"""What a rule says: whom it watches, when it is raised, what the operator is to do. Times are microseconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import TypeAlias

_MOST_DELAY_US = 7 * 24 * 3600 * 1_000_000
_MOST_STATES = 64
_MOST_ASSETS = 10_000
_CODES = 1 << 30
LEVELS = ("LL", "L", "H", "HH")


class Priority(IntEnum):
    """How soon the operator has to act; the numbers of the contract."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class SignalKind(IntEnum):
    """Where a signal's samples come from."""

    PROPERTY = 1
    KPI = 2
    ANOMALY = 3


@dataclass(frozen=True, slots=True, order=True)
class Signal:
    """What a condition watches.

    Attributes:
        kind: Where its samples come from.
        asset: The asset's id.
        name: The property, the KPI, or the model of the anomaly score.
        index: Of an indexed property; 0 for any other.
    """

    kind: SignalKind
    asset: str
    name: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of up to four.

    Attributes:
        level: `HH`, `H`, `L` or `LL`.
        value: In the rule's unit.
        priority: Of this limit's alarm; None for the rule's.
    """

    level: str
    value: float
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Raised above H and HH, and below L and LL; clears a deadband behind the limit."""

    limits: tuple[Limit, ...]
    deadband: float = 0.0


class Direction(IntEnum):
    """Which way a rate counts; the numbers of the contract."""

    EITHER = 1
    RISING = 2
    FALLING = 3


@dataclass(frozen=True, slots=True)
class Rate:
    """Raised when a value changes by more than `per_minute`, seen over a span."""

    per_minute: float
    span_us: int
    direction: Direction = Direction.EITHER
    deadband: float = 0.0


@dataclass(frozen=True, slots=True)
class States:
    """Raised while a property has one of these values, or none of them. Whole numbers, or texts."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """Raised when no usable sample has come for so long."""

    after_us: int


@dataclass(frozen=True, slots=True)
class BadData:
    """Raised while samples are Bad or no numbers."""


@dataclass(frozen=True, slots=True)
class OpcUaConditions:
    """Raised by conditions of OPC UA servers whose events are stored.

    Attributes:
        tag_ids: Tags of event notifiers.
        minimum_severity: Events below it are left out (Part 5, 6.4.2: 1 to 1000).
    """

    tag_ids: tuple[int, ...]
    minimum_severity: int = 1


Condition: TypeAlias = Limits | Rate | States | Stale | BadData | OpcUaConditions


@dataclass(frozen=True, slots=True)
class Scope:
    """Which assets: those named, or all of a model, below an asset.

    Attributes:
        assets: Ids; empty for all of `model`.
        model: The asset model's id; "" where assets are named.
        under: Only assets at or below this one; "" for all.
    """

    assets: tuple[str, ...] = ()
    model: str = ""
    under: str = ""


@dataclass(frozen=True, slots=True)
class Suppression:
    """The alarm means nothing while this property of the same asset has one of these values."""

    property: str
    states: States


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """A rule.

    Attributes:
        rule_id: Names it within the tenant.
        revision: Counts its changes, from 1.
        display_name: What operators read.
        scope: Whom it watches.
        source: Where the samples come from.
        name: The property, KPI or model; "" for OPC UA conditions.
        index: Of an indexed property: only this one; 0 for all.
        unit: UCUM of the limits; "" for the signal's own.
        condition: When it is raised.
        priority: How soon the operator has to act.
        on_delay_us: It must hold for so long before it is raised.
        off_delay_us: It must be gone for so long before it clears.
        uncertain_is_bad: Samples of Uncertain status say nothing.
        needs_acknowledgement: Returned to normal it stays in the list until somebody has seen it.
        latching: It stays until somebody resets it.
        cause, consequence, response: Why it comes, what follows if nobody acts, what the operator does.
        suppressed_while: When it means nothing, by design.
        escalate_after_us: Unacknowledged for so long it becomes more urgent; 0 for never.
        escalate_to: What it becomes then.
        enabled: It is evaluated.
    """

    rule_id: str
    display_name: str
    scope: Scope
    condition: Condition
    response: str
    revision: int = 1
    source: SignalKind = SignalKind.PROPERTY
    name: str = ""
    index: int = 0
    unit: str = ""
    priority: Priority = Priority.LOW
    on_delay_us: int = 0
    off_delay_us: int = 0
    uncertain_is_bad: bool = False
    needs_acknowledgement: bool = True
    latching: bool = False
    cause: str = ""
    consequence: str = ""
    suppressed_while: Suppression | None = None
    escalate_after_us: int = 0
    escalate_to: Priority = Priority.CRITICAL
    enabled: bool = True
    limits_by_level: dict[str, Limit] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        limits = self.condition.limits if isinstance(self.condition, Limits) else ()
        object.__setattr__(self, "limits_by_level", {limit.level: limit for limit in limits})

    def priority_of(self, level: str) -> Priority:
        """The priority of one of its alarms."""
        limit = self.limits_by_level.get(level)
        return self.priority if limit is None or limit.priority is None else limit.priority


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a rule: the field, and what to do."""

    field: str
    text: str


def problems(rule: AlarmRule) -> Sequence[Problem]:
    """Everything that is wrong with a rule by itself."""
    found = [*_scope_problems(rule), *_condition_problems(rule.condition), *_time_problems(rule)]
    if not rule.display_name.strip():
        found.append(Problem("display_name", "Say what the alarm is, in the operator's words."))
    if not rule.response.strip():
        found.append(
            Problem("response", "Say what the operator does: what asks for no action is no alarm (ISA-18.2, 3.1.7).")
        )
    if rule.suppressed_while is not None:
        found += [
            Problem(f"suppressed_while.{problem.field}", problem.text)
            for problem in _state_problems(rule.suppressed_while.states)
        ]
        if isinstance(rule.condition, OpcUaConditions):
            words = "Its server says when it means nothing: events of conditions have no asset whose property could."
            found.append(Problem("suppressed_while", words))
        if not rule.suppressed_while.property:
            found.append(Problem("suppressed_while.property", "Name the property that says so."))
    return found


def _scope_problems(rule: AlarmRule) -> Sequence[Problem]:
    if isinstance(rule.condition, OpcUaConditions):
        return []
    found: list[Problem] = []
    if bool(rule.scope.assets) == bool(rule.scope.model):
        found.append(Problem("scope", "Name either assets or one asset model."))
    if len(rule.scope.assets) > _MOST_ASSETS:
        found.append(Problem("scope.assets", f"Name at most {_MOST_ASSETS} assets, or an asset model."))
    if not rule.name:
        found.append(Problem("property", "Name the property, the KPI or the model to watch."))
    if rule.source is not SignalKind.PROPERTY and not isinstance(rule.condition, Limits):
        found.append(Problem("condition", "KPIs and anomaly scores are watched with limits."))
    if rule.index < 0:
        found.append(Problem("index", "Count from 1; 0 means all of an indexed property."))
    return found


def _time_problems(rule: AlarmRule) -> Sequence[Problem]:
    spans = {
        "on_delay": rule.on_delay_us,
        "off_delay": rule.off_delay_us,
        "escalate_after": rule.escalate_after_us,
    }
    return [
        Problem(name, "Must lie between 0 and 7 days.")
        for name, span in spans.items()
        if not 0 <= span <= _MOST_DELAY_US
    ]


def _condition_problems(condition: Condition) -> Sequence[Problem]:
    match condition:
        case Limits():
            return _limit_problems(condition)
        case Rate():
            return _rate_problems(condition)
        case States():
            return _state_problems(condition)
        case Stale():
            fits = 1_000_000 <= condition.after_us <= _MOST_DELAY_US
            return [] if fits else [Problem("stale.after", "Must lie between 1 second and 7 days.")]
        case OpcUaConditions():
            fits = bool(condition.tag_ids) and len(condition.tag_ids) <= 1000
            return [] if fits else [Problem("opc_ua_conditions.tags", "Name 1 to 1000 tags of event notifiers.")]
        case BadData():
            return []


def _limit_problems(condition: Limits) -> Sequence[Problem]:
    by_level = {limit.level: limit.value for limit in condition.limits}
    if not by_level or len(by_level) != len(condition.limits) or not by_level.keys() <= set(LEVELS):
        return [Problem("limits", "Give each of HH, H, L and LL at most once, and one of them at least.")]
    if not all(math.isfinite(value) for value in by_level.values()):
        return [Problem("limits", "Limits must be finite numbers.")]
    if not (math.isfinite(condition.deadband) and condition.deadband >= 0):
        return [Problem("deadband", "Must be a number of 0 or more.")]
    ordered = [by_level[level] for level in LEVELS if level in by_level]
    if any(low >= high for low, high in pairwise(ordered)):
        return [Problem("limits", "LL must lie below L, L below H, H below HH.")]
    low = max((by_level[level] for level in ("LL", "L") if level in by_level), default=-math.inf)
    high = min((by_level[level] for level in ("H", "HH") if level in by_level), default=math.inf)
    if condition.deadband >= high - low:
        return [Problem("deadband", "Must be smaller than the distance of L and H: else no value clears both.")]
    return []


def _rate_problems(condition: Rate) -> Sequence[Problem]:
    found: list[Problem] = []
    if not (math.isfinite(condition.per_minute) and condition.per_minute > 0):
        found.append(Problem("rate.per_minute", "Must be a number above 0; the direction says which way."))
    if not 1_000_000 <= condition.span_us <= _MOST_DELAY_US:
        found.append(Problem("rate.span", "Must lie between 1 second and 7 days."))
    if not (math.isfinite(condition.deadband) and 0 <= condition.deadband < max(condition.per_minute, 0)):
        found.append(Problem("deadband", "Must be 0 or more and smaller than the rate."))
    return found


def _state_problems(condition: States) -> Sequence[Problem]:
    if not 1 <= len(condition.values) <= _MOST_STATES:
        return [Problem("states", f"Name 1 to {_MOST_STATES} values.")]
    whole = [value for value in condition.values if is_whole(value)]
    if any(abs(int(value)) >= _CODES for value in whole):
        return [Problem("states", "Numbers must lie between -2^30 and 2^30.")]
    return []


def is_whole(text: str) -> bool:
    """Whether a state's value is a whole number, as a property of numbers has it."""
    return text.removeprefix("-").isdecimal() and text.isascii()
