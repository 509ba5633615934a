"""What can go wrong with asset models, assets and mappings, in words that say what to do next."""

from collections.abc import Sequence

from dualspan_onboarding.asset_models.model import Problem
from dualspan_onboarding.errors import malformed, shown
from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

_SHOWN = 10


def model_unknown(model: str, version: str = "") -> NotFound:
    """No such model, or no such version of it."""
    what = f"version {version} of the asset model {model}" if version else f"asset model {model}"
    return NotFound("ASSET_MODEL_NOT_FOUND", f"There is no {what}. List the asset models to see which there are.")


def model_invalid(problems: Sequence[Problem]) -> InvalidArgument:
    """A document that is no asset model; each problem with its line and what to do."""
    more = len(problems) - _SHOWN
    words = " | ".join(map(str, problems[:_SHOWN])) + (f" | and {more} more" if more > 0 else "")
    return malformed("ASSET_MODEL_INVALID", "source", words)


def model_exists(model: str, version: str) -> AlreadyExists:
    """Versions do not change once they are there."""
    return AlreadyExists(
        "ASSET_MODEL_EXISTS",
        f"Version {version} of {model} exists already, and versions do not change. Raise the version in the document.",
    )


def model_built_in(model: str) -> AlreadyExists:
    """The id is one of the platform's own models."""
    return AlreadyExists(
        "ASSET_MODEL_BUILT_IN",
        f"{model} comes with the platform. Give yours another id, and extend {model} if it is one of its kind.",
    )


def asset_unknown(name: object) -> NotFound:
    """No such asset in the tenant."""
    return NotFound("ASSET_NOT_FOUND", f"There is no {name}. List the assets to see which there are.")


def asset_exists(name: object) -> AlreadyExists:
    """The id is taken."""
    return AlreadyExists("ASSET_EXISTS", f"{name} exists already. Choose another id, or change the one that is there.")


def asset_has_parts(name: object, parts: int) -> FailedPrecondition:
    """There are assets below it."""
    return FailedPrecondition(
        "ASSET_HAS_PARTS", f"{name} has {parts} assets below it. Move or delete them first, or delete it with them."
    )


def asset_cycle(name: object) -> InvalidArgument:
    """An asset would be part of itself."""
    return malformed("ASSET_CYCLE", "parent_asset", f"{name} cannot be part of itself or of what is below it.")


def asset_without_model(name: object) -> FailedPrecondition:
    """Properties are the model's."""
    return FailedPrecondition("ASSET_WITHOUT_MODEL", f"{name} has no model, so it has no properties to bind.")


def property_unknown(model: str, names: Sequence[str]) -> InvalidArgument:
    """The model has no such property, or not with a number."""
    return malformed(
        "PROPERTY_UNKNOWN",
        "bindings.property",
        f"The model {model} has no property {shown(list(names))}. Get the model to see which it has; "
        "only indexed properties have a number.",
    )


def slots_repeated(names: Sequence[str]) -> InvalidArgument:
    """One property bound twice in one request."""
    return malformed("PROPERTIES_REPEATED", "bindings", f"Bound more than once: {shown(list(names))}.")


def tags_unknown(tag_ids: Sequence[int]) -> NotFound:
    """No such tags in the tenant."""
    names = shown([str(tag_id) for tag_id in tag_ids])
    return NotFound("TAG_NOT_FOUND", f"There are no tags {names}. List the tags to see which there are.")


def dimension_mismatch(slot: str, have: str, want: str) -> InvalidArgument:
    """A temperature is no pressure."""
    return malformed(
        "UNIT_MISMATCH", "bindings.tag", f"{slot} is in {want}; a tag in {have} measures something else. Bind another."
    )


def proposal_unknown(name: object) -> NotFound:
    """No such proposal; a newer one of the server may have replaced it."""
    return NotFound("PROPOSAL_NOT_FOUND", f"There is no {name}. Propose a mapping of the server again.")


def groups_unknown(groups: Sequence[str]) -> NotFound:
    """No such groups in the proposal."""
    return NotFound("GROUP_NOT_FOUND", f"The proposal has no groups {shown(list(groups))}. List its groups.")


def nothing_to_apply() -> FailedPrecondition:
    """No chosen group has a match that is sure enough and not applied yet."""
    return FailedPrecondition(
        "NOTHING_TO_APPLY",
        "None of the chosen machines has a match that is sure enough and not applied yet. "
        "Lower minimum_confidence, correct the matches, or choose other machines.",
    )


def too_many_variables(most: int) -> FailedPrecondition:
    """More than one proposal can look at."""
    return FailedPrecondition(
        "TOO_MANY_VARIABLES", f"There are more than {most} variables. Propose a part: state browse_path_prefix."
    )


def too_many_words() -> FailedPrecondition:
    """The models have more words than one look can compare."""
    return FailedPrecondition(
        "TOO_MANY_WORDS", "The asset models have too many properties and words to compare at once. State which to use."
    )


def nodes_not_of_group(node_ids: Sequence[str]) -> NotFound:
    """Corrected nodes that are no variables of the machine."""
    return NotFound("NODES_NOT_OF_GROUP", f"The machine has no variables {shown(list(node_ids))}. List its variables.")


def group_applied(group: int, asset: str) -> FailedPrecondition:
    """A correction of what is applied already."""
    return FailedPrecondition(
        "GROUP_APPLIED", f"Group {group} is the asset {asset} already. Bind its properties there, or undo it first."
    )


def application_unknown(name: object) -> NotFound:
    """No such application."""
    return NotFound("APPLICATION_NOT_FOUND", f"There is no {name}. List what was applied to see which there are.")


def application_undone(name: object) -> FailedPrecondition:
    """It was undone before."""
    return FailedPrecondition("APPLICATION_UNDONE", f"{name} was undone already. Apply the proposal again if need be.")
