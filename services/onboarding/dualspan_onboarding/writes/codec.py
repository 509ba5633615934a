"""Guards and commands as messages, for the wire and for what is stored whole."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.onboarding.v1 import writes_pb2 as messages
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.writes.model import (
    Guard,
    GuardName,
    GuardRules,
    Limits,
    MachineMode,
    MethodTarget,
    Scalar,
    Target,
    Work,
    WriteCommand,
)
from dualspan_onboarding.writes.rules import DEFAULT_LIFETIME, decimal_of


def scalar(message: messages.WriteValue, field: str) -> Scalar:
    """A value; raises InvalidArgument."""
    match message.WhichOneof("value"):
        case "number":
            return decimal_of(message.number, field)
        case "boolean":
            return message.boolean
        case "text":
            return message.text
        case "binary":
            return message.binary
        case _:
            raise malformed("VALUE_MISSING", field, f"{field} has no value.")


def value_message(value: Scalar) -> messages.WriteValue:
    """A value as a message."""
    match value:
        case Decimal():
            return messages.WriteValue(number=str(value))
        case bool():
            return messages.WriteValue(boolean=value)
        case str():
            return messages.WriteValue(text=value)
        case bytes():
            return messages.WriteValue(binary=value)


def _scalars(found: Sequence[messages.WriteValue], field: str) -> tuple[Scalar, ...]:
    return tuple(scalar(message, field) for message in found)


def _number(text: str, field: str) -> Decimal | None:
    return decimal_of(text, field) if text else None


def limits(message: messages.WriteLimits, field: str) -> Limits:
    """What a value may be; raises InvalidArgument."""
    return Limits(
        minimum=_number(message.minimum, f"{field}.minimum"),
        maximum=_number(message.maximum, f"{field}.maximum"),
        allowed=_scalars(message.allowed_values, f"{field}.allowed_values"),
        maximum_step=_number(message.maximum_step, f"{field}.maximum_step"),
    )


def limits_message(found: Limits) -> messages.WriteLimits:
    """What a value may be, as a message."""
    return messages.WriteLimits(
        minimum="" if found.minimum is None else str(found.minimum),
        maximum="" if found.maximum is None else str(found.maximum),
        allowed_values=[value_message(value) for value in found.allowed],
        maximum_step="" if found.maximum_step is None else str(found.maximum_step),
    )


def rules(message: messages.WriteGuard) -> GuardRules:
    """What a guard asks for; raises InvalidArgument."""
    mode = message.machine_mode if message.HasField("machine_mode") else None
    return GuardRules(
        limits=limits(message.limits, "limits"),
        argument_limits=tuple(limits(each, "argument_limits") for each in message.argument_limits),
        mode=mode
        and MachineMode(TagName.parse(mode.tag), _scalars(mode.allowed_values, "machine_mode.allowed_values")),
        tolerance=_number(message.tolerance, "tolerance") or Decimal(0),
    )


def _rules_message(found: GuardRules) -> messages.WriteGuard:
    message = messages.WriteGuard(
        argument_limits=[limits_message(each) for each in found.argument_limits],
        tolerance=str(found.tolerance) if found.tolerance else "",
    )
    if found.limits != Limits():
        message.limits.CopyFrom(limits_message(found.limits))
    if found.mode is not None:
        allowed = [value_message(value) for value in found.mode.allowed]
        message.machine_mode.CopyFrom(messages.MachineMode(tag=str(found.mode.tag), allowed_values=allowed))
    return message


def packed_rules(found: GuardRules) -> bytes:
    """What a guard asks for, to be stored whole."""
    return _rules_message(found).SerializeToString()


def unpacked_rules(content: bytes) -> GuardRules:
    """The opposite of `packed_rules`."""
    return rules(messages.WriteGuard.FromString(content))


def _target(message: messages.WriteGuard) -> Target:
    match message.WhichOneof("target"):
        case "tag":
            return TagName.parse(message.tag)
        case "method":
            method = message.method
            return MethodTarget(ServerName.parse(method.server), method.object_id, method.method_id)
        case _:
            raise malformed("TARGET_MISSING", "tag", "State the tag or the method that is guarded.")


def guard(message: messages.WriteGuard) -> Guard:
    """A guard that a person states; raises InvalidArgument."""
    lifetime = DEFAULT_LIFETIME
    if message.HasField("lifetime"):
        lifetime = span(message.lifetime)
    return Guard(
        name=GuardName.parse(message.name),
        target=_target(message),
        enabled=message.enabled,
        needs_approval=message.needs_approval,
        lifetime=lifetime,
        rules=rules(message),
    )


def span(message: Duration) -> timedelta:
    """A span that the caller states; what no clock can count is refused later as out of range."""
    return timedelta(seconds=max(-(10**6), min(10**6, message.seconds)), microseconds=message.nanos // 1000)


def _duration(found: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(found)
    return message


def _moment(found: datetime | None) -> Timestamp | None:
    if found is None:
        return None
    message = Timestamp()
    message.FromDatetime(found.astimezone(UTC))
    return message


def guard_message(found: Guard) -> messages.WriteGuard:
    """A guard as a message."""
    message = _rules_message(found.rules)
    message.name, message.enabled, message.needs_approval = str(found.name), found.enabled, found.needs_approval
    message.updater = found.updater
    message.lifetime.CopyFrom(_duration(found.lifetime))
    if found.updated_at is not None:
        message.update_time.FromDatetime(found.updated_at)
    if isinstance(found.target, MethodTarget):
        target = found.target
        method = messages.MethodTarget(
            server=str(target.server), object_id=target.object_id, method_id=target.method_id
        )
        message.method.CopyFrom(method)
    else:
        message.tag = str(found.target)
    return message


def work(message: messages.WriteCommand) -> Work:
    """What a person wants done; raises InvalidArgument."""
    match message.WhichOneof("work"):
        case "value":
            return Work(value=scalar(message.value, "value"))
        case "call":
            return Work(arguments=_scalars(message.call.arguments, "call.arguments"))
        case _:
            raise malformed("WORK_MISSING", "value", "State a value to write, or a call.")


def _work_message(found: Work) -> messages.WriteCommand:
    if found.value is not None:
        return messages.WriteCommand(value=value_message(found.value))
    arguments = [value_message(value) for value in found.arguments or ()]
    return messages.WriteCommand(call=messages.WriteCommand.Call(arguments=arguments))


def packed_work(found: Work) -> bytes:
    """What is to be done, to be stored whole."""
    return _work_message(found).SerializeToString()


def unpacked_work(content: bytes) -> Work:
    """The opposite of `packed_work`."""
    return work(messages.WriteCommand.FromString(content))


def command_message(found: WriteCommand) -> messages.WriteCommand:
    """A command as a message."""
    message = _work_message(found.work)
    message.MergeFrom(
        messages.WriteCommand(
            name=str(found.name),
            guard=str(found.guard),
            reason=found.reason,
            state=messages.WriteState.ValueType(found.state),
            requester=found.requester,
            create_time=_moment(found.created_at),
            expire_time=_moment(found.expire_at),
            decider=found.decider,
            decide_time=_moment(found.decided_at),
            comment=found.comment,
            detail=found.detail,
            operation=found.operation_name,
            end_time=_moment(found.ended_at),
        )
    )
    if found.outcome is not None:
        message.outcome.ParseFromString(found.outcome)
    return message
