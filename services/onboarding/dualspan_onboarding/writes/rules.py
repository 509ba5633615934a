"""What guards and commands must be like, and what passes a guard."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.writes import (
    guard_disabled,
    second_person_missing,
    value_refused,
    write_decided,
    write_expired,
)
from dualspan_onboarding.writes.model import (
    Guard,
    GuardRules,
    Limits,
    MethodTarget,
    Scalar,
    Work,
    WriteCommand,
    WriteState,
)
from dualspan_runtime.principal import Principal, PrincipalKind

DEFAULT_LIFETIME = timedelta(minutes=5)
LONGEST_LIFETIME = timedelta(days=1)
_SHORTEST_LIFETIME = timedelta(seconds=5)
_LONGEST_NUMBER = 60
_LARGEST_EXPONENT = 400
_MOST_VALUES = 200
_LONGEST_VALUE = 1000
_MOST_ARGUMENTS = 50


def decimal_of(text: str, field: str) -> Decimal:
    """The number that decimal digits are; raises InvalidArgument."""
    refused = malformed("MALFORMED_NUMBER", field, f"{text[:40]!r} is not a number in decimal digits, such as 12.5.")
    try:
        number = Decimal(text) if len(text) <= _LONGEST_NUMBER else Decimal("NaN")
    except InvalidOperation as err:
        raise refused from err
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise refused
    return number


def check_scalar(value: Scalar, field: str) -> Scalar:
    """Return a value that can be written somewhere; raises InvalidArgument."""
    if isinstance(value, str | bytes) and len(value) > _LONGEST_VALUE:
        raise malformed("VALUE_TOO_LONG", field, f"{field} has at most {_LONGEST_VALUE} characters or bytes.")
    return value


def check_limits(limits: Limits, field: str) -> Limits:
    """Return limits that can be kept; raises InvalidArgument."""
    if limits.minimum is not None and limits.maximum is not None and limits.minimum > limits.maximum:
        raise malformed("LIMITS_EMPTY", field, f"{field} lets nothing through: minimum is more than maximum.")
    if limits.maximum_step is not None and limits.maximum_step <= 0:
        raise malformed("STEP_OUT_OF_RANGE", field, "maximum_step must be more than 0.")
    if len(limits.allowed) > _MOST_VALUES:
        raise malformed("TOO_MANY_VALUES", field, f"At most {_MOST_VALUES} allowed values.")
    for value in limits.allowed:
        check_scalar(value, field)
    return limits


def check_guard(guard: Guard) -> Guard:
    """Return a guard that can be stored; raises InvalidArgument."""
    rules = guard.rules
    is_method = isinstance(guard.target, MethodTarget)
    if is_method and rules.limits != Limits():
        raise malformed("NOT_FOR_METHODS", "limits", "A method has argument_limits, one for each argument.")
    if not is_method and rules.argument_limits:
        raise malformed("NOT_FOR_TAGS", "argument_limits", "A tag has limits, not argument_limits.")
    if len(rules.argument_limits) > _MOST_ARGUMENTS:
        raise malformed("TOO_MANY_ARGUMENTS", "argument_limits", f"At most {_MOST_ARGUMENTS} arguments.")
    for limits in (rules.limits, *rules.argument_limits):
        check_limits(limits, "limits")
    if any(limits.maximum_step is not None for limits in rules.argument_limits):
        raise malformed(
            "NOT_FOR_METHODS", "argument_limits", "An argument has no present value: leave maximum_step out."
        )
    if rules.tolerance < 0:
        raise malformed("TOLERANCE_OUT_OF_RANGE", "tolerance", "tolerance must be 0 or more.")
    _check_mode(rules)
    check_lifetime(guard.lifetime)
    return guard


def _check_mode(rules: GuardRules) -> None:
    if rules.mode is not None and not 1 <= len(rules.mode.allowed) <= _MOST_VALUES:
        words = f"State 1 to {_MOST_VALUES} values that the machine's mode may have."
        raise malformed("MODE_EMPTY", "machine_mode", words)


def check_lifetime(lifetime: timedelta) -> timedelta:
    """Return how long a command may take; raises InvalidArgument."""
    if not _SHORTEST_LIFETIME <= lifetime <= LONGEST_LIFETIME:
        raise malformed("LIFETIME_OUT_OF_RANGE", "lifetime", "lifetime must be between 5 seconds and a day.")
    return lifetime


def check_passes(guard: Guard, work: Work) -> None:
    """Refuse what does not pass a guard; the gateway checks it again, and what only it can know.

    Raises:
        FailedPrecondition: The guard is not enabled, or the value is outside its limits.
        InvalidArgument: The work is not of the target's kind.
    """
    if not guard.enabled:
        raise guard_disabled(guard.name)
    if isinstance(guard.target, MethodTarget):
        _check_arguments(guard.rules.argument_limits, work)
        return
    if work.value is None:
        raise malformed("VALUE_MISSING", "value", "State the value to write.")
    _check_value(guard.rules.limits, check_scalar(work.value, "value"), "The value")


def _check_arguments(limits: Sequence[Limits], work: Work) -> None:
    if work.arguments is None:
        raise malformed("ARGUMENTS_MISSING", "call", "State the call's arguments; an empty call if it has none.")
    if len(work.arguments) != len(limits):
        words = f"The guard has limits for {len(limits)} arguments; {len(work.arguments)} are given."
        raise malformed("ARGUMENTS_COUNT", "call.arguments", words)
    for number, (limit, value) in enumerate(zip(limits, work.arguments, strict=True), 1):
        _check_value(limit, check_scalar(value, "call.arguments"), f"Argument {number}")


def _check_value(limits: Limits, value: Scalar, what: str) -> None:
    if limits.allowed and not any(same(value, allowed) for allowed in limits.allowed):
        raise value_refused(f"{what} is none of the allowed values.")
    bounded = limits.minimum is not None or limits.maximum is not None or limits.maximum_step is not None
    if not bounded:
        return
    if not isinstance(value, Decimal):
        raise value_refused(f"{what} is no number, and there are limits for a number.")
    if limits.minimum is not None and value < limits.minimum:
        raise value_refused(f"{what} {value} is less than the limit {limits.minimum}.")
    if limits.maximum is not None and value > limits.maximum:
        raise value_refused(f"{what} {value} is more than the limit {limits.maximum}.")


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values are one; true is not 1."""
    return type(one) is type(other) and one == other


def check_may_decide(command: WriteCommand, principal: Principal, now: datetime) -> None:
    """Refuse a decision that is not a second person's.

    Raises:
        FailedPrecondition: It does not wait, or no more.
        PermissionDenied: The caller asked for it, or is no person.
    """
    if command.state is not WriteState.PENDING_APPROVAL:
        raise write_decided(command.name, command.state.name)
    if now >= command.expire_at:
        raise write_expired(command.name)
    if principal.kind is not PrincipalKind.USER or principal.actor == command.requester:
        raise second_person_missing(command.name)


def state_after(*, executed: bool, matches: bool, unknown: bool) -> WriteState:
    """Where a command stands when its gateway has said what came of it."""
    if unknown:
        return WriteState.UNKNOWN
    if not executed:
        return WriteState.FAILED
    return WriteState.SUCCEEDED if matches else WriteState.MISMATCHED
