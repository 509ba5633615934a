"""What can go wrong with alarms, in words that say what to do next."""

from collections.abc import Sequence

from dualspan_analytics.alarms.rules import Problem
from dualspan_analytics.alarms.state import AlarmState, Cause
from dualspan_runtime.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

_WORDS = {
    Cause.ACKNOWLEDGED: "it waits for no acknowledgement",
    Cause.RESET: "it is not latched, or waits to be acknowledged first",
    Cause.SHELVED: "it is shelved already",
    Cause.UNSHELVED: "it is not shelved",
    Cause.SUPPRESSED: "it is suppressed already",
    Cause.UNSUPPRESSED: "it is not suppressed",
    Cause.TAKEN_OUT_OF_SERVICE: "it is out of service already",
    Cause.RETURNED_TO_SERVICE: "it is in service",
}


def rule_invalid(problems: Sequence[Problem]) -> InvalidArgument:
    """A rule that makes no sense; all that is wrong with it."""
    words = " ".join(f"{problem.field}: {problem.text}" for problem in problems)
    return InvalidArgument("ALARM_RULE_INVALID", words, field=problems[0].field)


def rule_exists(rule_id: str) -> AlreadyExists:
    """Another rule has this id."""
    return AlreadyExists("ALARM_RULE_EXISTS", f"There is an alarm rule {rule_id!r} already. Choose another id.")


def rule_unknown(rule_id: str) -> NotFound:
    """There is no such rule."""
    words = f"There is no alarm rule {rule_id!r}. `dualspan analytics alarms rules` lists them."
    return NotFound("ALARM_RULE_NOT_FOUND", words)


def rule_changed(rule_id: str, revision: int) -> Aborted:
    """Somebody else changed the rule meanwhile."""
    words = f"The alarm rule {rule_id!r} has revision {revision} by now. Look at it, then change it again."
    return Aborted("ALARM_RULE_CHANGED", words, revision=str(revision))


def alarm_unknown(alarm_id: str) -> NotFound:
    """No rule has such an alarm."""
    words = f"There is no alarm {alarm_id!r}. `dualspan analytics alarms list --all` shows which there are."
    return NotFound("ALARM_NOT_FOUND", words)


def not_possible(alarm_id: str, state: AlarmState, cause: Cause) -> FailedPrecondition:
    """What was asked for makes no sense for the alarm as it stands."""
    words = f"The alarm {alarm_id!r} is {state.name.lower()}: {_WORDS[cause]}."
    return FailedPrecondition("ALARM_STATE", words, state=state.name)


def shelf_too_long() -> InvalidArgument:
    """Shelved for ever is out of service."""
    return InvalidArgument(
        "SHELVE_DURATION_OUT_OF_RANGE",
        "shelve_for must lie between 1 second and 7 days. For longer, take the alarm out of service.",
        field="shelve_for",
    )


def comment_missing() -> InvalidArgument:
    """What keeps an alarm from operators needs a reason."""
    return InvalidArgument("COMMENT_MISSING", "comment: say why, for those who come after you.", field="comment")


def text_unusable(field: str, most: int) -> InvalidArgument:
    """A text that cannot be kept or shown."""
    words = f"{field} must have at most {most} characters, and no control characters."
    return InvalidArgument("TEXT_INVALID", words, field=field)


def span_too_long(days: int) -> InvalidArgument:
    """More time than one question may ask about."""
    return InvalidArgument("SPAN_TOO_LONG", f"The span must be {days} days at the most.", days=str(days))


def too_many_transitions(most: int) -> FailedPrecondition:
    """More transitions than one question may hold in memory."""
    words = f"There are more than {most} transitions in this span. Ask for a shorter one."
    return FailedPrecondition("TOO_MANY_TRANSITIONS", words, most=str(most))


def channel_exists(channel_id: str) -> AlreadyExists:
    """Another channel has this id."""
    return AlreadyExists("CHANNEL_EXISTS", f"There is a notification channel {channel_id!r} already.")


def channel_unknown(channel_id: str) -> NotFound:
    """There is no such channel."""
    words = f"There is no notification channel {channel_id!r}. `dualspan analytics alarms channels` lists them."
    return NotFound("CHANNEL_NOT_FOUND", words)


def channel_invalid(field: str, words: str) -> InvalidArgument:
    """A channel that nothing can be sent to."""
    return InvalidArgument("CHANNEL_INVALID", f"{field}: {words}", field=field)


def too_many(what: str, most: int) -> FailedPrecondition:
    """More of something than a tenant may have."""
    return FailedPrecondition("TOO_MANY", f"A tenant can have {most} {what} at the most. Remove some first.")
