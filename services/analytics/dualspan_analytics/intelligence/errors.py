"""What can go wrong with models, in words that say what to do next."""

from collections.abc import Sequence

from dualspan_analytics.intelligence.proof import Verdict
from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


def invalid_definition(problems: Sequence[tuple[str, str]]) -> InvalidArgument:
    """A definition that makes no sense; all that is wrong with it."""
    words = " ".join(f"{field}: {remedy}" for field, remedy in problems)
    return InvalidArgument("INVALID_MODEL_DEFINITION", words, field=problems[0][0])


def no_template(asset_model: str, known: Sequence[str]) -> InvalidArgument:
    """An empty definition of an asset model that has no template."""
    words = f"There is no template for {asset_model!r}, only for {', '.join(known)}. Say what to watch."
    return InvalidArgument("NO_MODEL_TEMPLATE", words, asset_model=asset_model)


def definition_taken(definition_id: str) -> AlreadyExists:
    """A definition of this id exists."""
    words = f"There is a model definition {definition_id!r} already. Delete it first, or choose another id."
    return AlreadyExists("MODEL_DEFINITION_EXISTS", words, definition=definition_id)


def definition_not_found(definition_id: str) -> NotFound:
    """There is no such definition."""
    words = f"There is no model definition {definition_id!r}. `dualspan analytics models list` shows which there are."
    return NotFound("MODEL_DEFINITION_NOT_FOUND", words, definition=definition_id)


def version_not_found(definition_id: str, version: int) -> NotFound:
    """There is no such version."""
    words = f"{definition_id!r} has no version {version}. `dualspan analytics models versions` shows which there are."
    return NotFound("MODEL_VERSION_NOT_FOUND", words, definition=definition_id)


def no_machines(asset_model: str, under: str) -> FailedPrecondition:
    """A definition that no machine falls under."""
    where = f" below {under!r}" if under else ""
    words = f"No machine{where} is of the asset model {asset_model!r}. Make one with `dualspan onboarding assets`."
    return FailedPrecondition("NO_MACHINES", words, asset_model=asset_model)


def not_live(definition_id: str) -> FailedPrecondition:
    """No version scores."""
    words = f"No version of {definition_id!r} has been promoted. Name a version, or promote one that beat its baseline."
    return FailedPrecondition("NO_LIVE_VERSION", words, definition=definition_id)


def not_ready(version: int) -> FailedPrecondition:
    """Training has not ended well."""
    return FailedPrecondition("VERSION_NOT_READY", f"Version {version} has not been trained to its end.")


_ADVICE = {
    ("anomaly", Verdict.UNPROVEN): "Train on a longer span or say which faults there were; until then its scores can be"
    " asked for by version.",
    ("anomaly", Verdict.NOT_BETTER): "Let alarm rules with limits do it, or watch other properties and train again.",
    ("forecast", Verdict.UNPROVEN): "Train on a longer span with good data.",
    ("forecast", Verdict.NOT_BETTER): "The naive forecast does as well: plan with it, or train on a longer span.",
}


def not_better(version: int, kind: str, verdict: int, words: str) -> FailedPrecondition:
    """A version that did not beat its naive baseline must not go live; says what to do instead."""
    advice = _ADVICE.get((kind, Verdict(verdict)), "Train it again.") if verdict else "Train it again."
    return FailedPrecondition("NOT_BETTER_THAN_BASELINE", f"Version {version} cannot go live. {words} {advice}")


def no_fitted(asset: str, version: int, problem: str) -> FailedPrecondition:
    """A machine that a version has no model of."""
    why = problem or "It was not there when the version was trained. Train a new version."
    return FailedPrecondition("NO_MODEL_OF_ASSET", f"Version {version} has no model of {asset!r}: {why}", asset=asset)


def wrong_kind(definition_id: str, wanted: str) -> FailedPrecondition:
    """A forecast was asked of an anomaly model, or the other way round."""
    return FailedPrecondition("WRONG_KIND_OF_MODEL", f"{definition_id!r} is not {wanted}.", definition=definition_id)


def nothing_to_watch(asset: str) -> FailedPrecondition:
    """None of the watched properties is bound."""
    words = (
        f"Nothing that is watched is bound to a tag of {asset!r}. Bind properties with `dualspan onboarding assets`."
    )
    return FailedPrecondition("NOTHING_TO_WATCH", words, asset=asset)


def not_enough_data(words: str) -> FailedPrecondition:
    """A span does not hold enough good data."""
    return FailedPrecondition("NOT_ENOUGH_DATA", words)


def damaged(words: str) -> FailedPrecondition:
    """What is stored cannot be read."""
    return FailedPrecondition("MODEL_DAMAGED", words)


def span_too_long(days: int) -> InvalidArgument:
    """A span that is longer than allowed, or ends before it begins."""
    return InvalidArgument("INVALID_SPAN", f"end_time must lie after start_time, at most {days} days.")
