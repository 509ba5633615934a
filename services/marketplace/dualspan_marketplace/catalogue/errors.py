"""What can go wrong with apps, in words that say what to do next."""

from collections.abc import Sequence

from dualspan_marketplace.catalogue.model import Step, VersionName, VersionState
from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

_DOINGS = {
    Step.SUBMIT: "submitted",
    Step.REJECT: "reviewed",
    Step.PUBLISH: "published",
    Step.DEPRECATE: "deprecated",
    Step.WITHDRAW: "withdrawn",
}


def version_not_found(name: VersionName) -> NotFound:
    """No such version."""
    words = f"There is no version {name.version} of {name.app_id}. `dualspan apps list` shows your own."
    return NotFound("VERSION_NOT_FOUND", words)


def listing_not_found(app_id: str) -> NotFound:
    """Nothing published under this id."""
    return NotFound("APP_NOT_FOUND", f"There is no app {app_id} in the catalogue. `dualspan apps search` finds others.")


def picture_not_found(path: str) -> NotFound:
    """The listing has no such picture."""
    return NotFound("PICTURE_NOT_FOUND", f"The app has no picture {path[:100]!r}. The listing names those it has.")


def publisher_not_found() -> NotFound:
    """The enterprise has not said who it is."""
    words = "The enterprise is no publisher yet. Say who it is with `dualspan apps publisher`."
    return NotFound("PUBLISHER_NOT_FOUND", words)


def publisher_missing() -> FailedPrecondition:
    """Subscribers could not see who made the app."""
    words = "Say first who publishes the app, with `dualspan apps publisher`."
    return FailedPrecondition("PUBLISHER_MISSING", words)


def version_taken(name: VersionName, state: VersionState) -> AlreadyExists:
    """Another content under a version that is more than a draft."""
    words = f"{name.app_id} {name.version} is {state.value} with another content. Give the new content a new version."
    return AlreadyExists("VERSION_TAKEN", words, state=state.value)


def plan_taken(plan_id: str) -> AlreadyExists:
    """Another plan under the same id."""
    words = f"There is another plan {plan_id}. Plans do not change: give the new one another id, and retire the old."
    return AlreadyExists("PLAN_TAKEN", words)


def plan_not_found(plan_id: str) -> NotFound:
    """No such plan."""
    return NotFound("PLAN_NOT_FOUND", f"There is no plan {plan_id}. `dualspan apps plans` shows which there are.")


def not_possible(name: VersionName, state: VersionState, step: Step) -> FailedPrecondition:
    """A step that the version's state does not allow."""
    words = f"{name.app_id} {name.version} is {state.value} and cannot be {_DOINGS[step]}."
    return FailedPrecondition("NOT_POSSIBLE_NOW", words, state=state.value)


def not_approved(name: VersionName) -> FailedPrecondition:
    """A version in review that nobody has approved."""
    words = f"Nobody has approved {name.app_id} {name.version} yet. A reviewer does, with `dualspan apps review`."
    return FailedPrecondition("NOT_APPROVED", words)


def checks_failed(findings: Sequence[str]) -> FailedPrecondition:
    """What the operation of a submission ends with."""
    return FailedPrecondition("CHECKS_FAILED", "The version is a draft again. " + " ".join(findings[:5]))


def invalid(field: str, words: str) -> InvalidArgument:
    """A field that makes no sense."""
    return InvalidArgument("INVALID_FIELD", words, field=field)
