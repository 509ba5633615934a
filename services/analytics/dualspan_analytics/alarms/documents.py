"""Rules between the contract's messages and the model."""

from collections.abc import Iterable, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms.plan import Trouble
from dualspan_analytics.alarms.rules import (
    AlarmRule,
    BadData,
    Condition,
    Direction,
    Limit,
    Limits,
    OpcUaConditions,
    Priority,
    Rate,
    Scope,
    SignalKind,
    Stale,
    States,
    Suppression,
)
from dualspan_runtime.errors import DomainError, InvalidArgument
from dualspan_runtime.names import TAG

_MOST_US = 1 << 53


def microseconds(duration: Duration, field: str) -> int:
    """A duration in microseconds.

    Raises:
        InvalidArgument: It is negative or longer than any that makes sense.
    """
    value = duration.seconds * 1_000_000 + duration.nanos // 1000
    if not 0 <= value <= _MOST_US:
        raise InvalidArgument("DURATION_OUT_OF_RANGE", f"{field} must not be negative, nor centuries.", field=field)
    return value


def duration(value_us: int) -> Duration:
    """Microseconds as a message."""
    return Duration(seconds=value_us // 1_000_000, nanos=value_us % 1_000_000 * 1000)


def stored_rule(definition: bytes, rule_id: str, revision: int) -> AlarmRule:
    """A rule as it is evaluated, from the message that was stored."""
    return rule_of(contract.AlarmRule.FromString(definition), rule_id, revision)


def stored_rules(stored: Iterable[tuple[bytes, str, int]]) -> tuple[Sequence[AlarmRule], Sequence[Trouble]]:
    """Rules from definition, id and revision; one that cannot be read is a trouble of its own and harms no other."""
    rules, troubles = list[AlarmRule](), list[Trouble]()
    for definition, rule_id, revision in stored:
        try:
            rules.append(stored_rule(definition, rule_id, revision))
        except (DecodeError, DomainError) as error:
            words = f"What is stored of it cannot be read ({error}). Remove it and make it anew."
            troubles.append(Trouble(rule_id, "", words))
    return rules, troubles


def rule_of(message: contract.AlarmRule, rule_id: str, revision: int) -> AlarmRule:
    """A rule as it is evaluated.

    Raises:
        InvalidArgument: A part of it is none: no condition, an unknown number, a name of something else.
    """
    suppression = message.suppressed_while
    return AlarmRule(
        rule_id=rule_id,
        revision=revision,
        display_name=message.display_name,
        scope=Scope(tuple(message.scope.assets), message.scope.model, message.scope.under),
        source=SignalKind(_known(message.source or SignalKind.PROPERTY, SignalKind, "source")),
        name=message.property,
        index=message.index,
        unit=message.unit,
        condition=_condition(message),
        priority=_priority(message.priority, Priority.LOW, "priority"),
        on_delay_us=microseconds(message.on_delay, "on_delay"),
        off_delay_us=microseconds(message.off_delay, "off_delay"),
        uncertain_is_bad=message.uncertain_is_bad,
        needs_acknowledgement=not message.acknowledgement_optional,
        latching=message.latching,
        cause=message.cause,
        consequence=message.consequence,
        response=message.response,
        suppressed_while=Suppression(suppression.property, _states(suppression.states))
        if message.HasField("suppressed_while")
        else None,
        escalate_after_us=microseconds(message.escalate_after, "escalate_after"),
        escalate_to=_priority(message.escalate_to, Priority.CRITICAL, "escalate_to"),
        enabled=not message.disabled,
    )


def _condition(message: contract.AlarmRule) -> Condition:
    match message.WhichOneof("condition"):
        case "limits":
            limits = [
                Limit(limit.level, limit.value, _limit_priority(limit.priority)) for limit in message.limits.limits
            ]
            return Limits(tuple(limits), message.limits.deadband)
        case "rate":
            rate = message.rate
            direction = Direction(_known(rate.direction or Direction.EITHER, Direction, "rate.direction"))
            return Rate(rate.per_minute, microseconds(rate.span, "rate.span"), direction, rate.deadband)
        case "states":
            return _states(message.states)
        case "stale":
            return Stale(microseconds(message.stale.after, "stale.after"))
        case "bad_data":
            return BadData()
        case "opc_ua_conditions":
            tags = tuple(int(TAG.parse(name)["tag"]) for name in message.opc_ua_conditions.tags)
            return OpcUaConditions(tags, message.opc_ua_conditions.minimum_severity)
        case _:
            raise InvalidArgument(
                "ALARM_RULE_INVALID",
                "condition: give limits, rate, states, stale, bad_data or opc_ua_conditions.",
                field="condition",
            )


def _states(message: contract.AlarmRule.States) -> States:
    return States(tuple(message.values), message.negated)


def _limit_priority(number: int) -> Priority | None:
    return _priority(number, Priority.LOW, "limits.priority") if number else None


def _priority(number: int, default: Priority, field: str) -> Priority:
    return Priority(_known(number or default, Priority, field))


def _known(number: int, kind: type[Priority] | type[SignalKind] | type[Direction], field: str) -> int:
    if number not in set(kind):
        known = ", ".join(f"{each.value} ({each.name})" for each in kind)
        raise InvalidArgument("ALARM_RULE_INVALID", f"{field} is {number}, which is none of {known}.", field=field)
    return number
