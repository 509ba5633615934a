"""What can go wrong with subscriptions, in words that say what to do next."""

from collections.abc import Sequence
from datetime import datetime

from dualspan_marketplace.subscriptions.life import Life, State, Step
from dualspan_runtime.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

_DOINGS = {
    Step.ACCEPT: "given another binding",
    Step.CHANGE: "changed",
    Step.SUSPEND: "suspended",
    Step.RESUME: "resumed",
    Step.CANCEL: "cancelled",
    Step.UPGRADE: "upgraded",
    Step.OWE: "suspended",
}


def subscription_not_found(subscription_id: str) -> NotFound:
    """No such subscription."""
    return NotFound("SUBSCRIPTION_NOT_FOUND", f"There is no subscription {subscription_id}. List them to see which.")


def subscription_taken(subscription_id: str) -> AlreadyExists:
    """A subscription of this id, asked for otherwise."""
    words = f"There is a subscription {subscription_id}. Choose another id."
    return AlreadyExists("SUBSCRIPTION_TAKEN", words)


def request_reused() -> InvalidArgument:
    """The same request id for another request."""
    words = "This request_id was used for another subscription. Choose a new one for each."
    return InvalidArgument("REQUEST_ID_REUSED", words)


def changed_meanwhile() -> Aborted:
    """The etag is of an earlier state."""
    words = "Others changed the subscription meanwhile. Look at it again, and then change it with its new etag."
    return Aborted("ETAG_MISMATCH", words)


def unpaid(end: datetime) -> FailedPrecondition:
    """Only whoever is paid has it run again."""
    words = (
        "A bill of the subscription is not paid. Pay it: then the payment side has the app run again."
        f" If it is not paid, the subscription is cancelled on {end:%Y-%m-%d %H:%M} UTC."
    )
    return FailedPrecondition("BILL_UNPAID", words)


def not_possible(life: Life, step: Step) -> FailedPrecondition:
    """A step that the state does not allow, or a bill that is not paid."""
    if life.unpaid_end is not None and step in {Step.RESUME, Step.UPGRADE}:
        return unpaid(life.unpaid_end)
    state = life.state
    words = f"The subscription is {state.value} and cannot be {_DOINGS.get(step, step.value)} now."
    return FailedPrecondition("NOT_POSSIBLE_NOW", words, state=state.value)


def over(state: State) -> FailedPrecondition:
    """Its app has no credential any more."""
    words = f"The subscription is {state.value}: its app can do nothing any more."
    return FailedPrecondition("NOT_POSSIBLE_NOW", words, state=state.value)


def erased(since: datetime) -> FailedPrecondition:
    """Nothing of it is left."""
    words = f"What the app had and wrote could be fetched until {since:%Y-%m-%d %H:%M} UTC, and is deleted."
    return FailedPrecondition("SUBSCRIPTION_ERASED", words)


def plan_needed() -> FailedPrecondition:
    """The trial is over."""
    words = "The trial is over. Choose a plan that is paid, then resume the subscription."
    return FailedPrecondition("PLAN_NEEDED", words)


def trial_was_used(app_id: str) -> FailedPrecondition:
    """A second trial of the same app."""
    words = f"The enterprise has tried {app_id} before. Choose another plan."
    return FailedPrecondition("TRIAL_WAS_USED", words)


def no_such_plan(plan_id: str) -> NotFound:
    """The app does not offer this plan."""
    return NotFound("PLAN_NOT_FOUND", f"The app offers no plan {plan_id[:60]!r}. `dualspan apps show` names its plans.")


def bad_binding(problems: Sequence[str]) -> FailedPrecondition:
    """The choice of assets does not do."""
    return FailedPrecondition("BINDING_INCOMPLETE", " ".join(problems[:10]))


def bad_configuration(problems: Sequence[str]) -> InvalidArgument:
    """Settings that the app's schema does not allow."""
    return InvalidArgument("INVALID_CONFIGURATION", " ".join(problems[:10]), field="subscription.configuration")
