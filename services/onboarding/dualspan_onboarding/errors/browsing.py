"""What can go wrong with browses and what is chosen of them, in words that say what to do next."""

from dualspan_onboarding.errors import Cancelled, malformed, shown
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound


def browse_running(name: object) -> FailedPrecondition:
    """One browse of a server at a time."""
    return FailedPrecondition("BROWSE_RUNNING", f"{name} is being browsed. Wait for that operation, or cancel it.")


def browse_cancelled() -> Cancelled:
    """The browse ended because somebody asked for it."""
    return Cancelled("BROWSE_CANCELLED", "The browse was cancelled. What was browsed before is still there.")


def browse_failed(why: str) -> FailedPrecondition:
    """The gateway could not do it; the words are the gateway's."""
    return FailedPrecondition("BROWSE_FAILED", f"The gateway could not browse it: {why}")


def snapshot_unknown(name: object) -> NotFound:
    """No such snapshot of the server, or it was dropped for newer ones."""
    return NotFound("SNAPSHOT_NOT_FOUND", f"There is no {name}. List the snapshots to see which are kept.")


def not_browsed(name: object) -> FailedPrecondition:
    """There is no snapshot to choose from."""
    return FailedPrecondition("SERVER_NOT_BROWSED", f"{name} has not been browsed. Browse it first.")


def nodes_unknown(node_ids: list[str]) -> NotFound:
    """Chosen nodes that the last browse did not find."""
    return NotFound(
        "NODES_NOT_BROWSED",
        f"The last browse did not find {shown(node_ids)}. Browse again, or leave them out.",
        count=str(len(node_ids)),
    )


def nodes_unusable(node_ids: list[str]) -> FailedPrecondition:
    """Chosen nodes that have no value to store."""
    return FailedPrecondition(
        "NODES_NOT_READABLE",
        f"Not readable variables of a known type: {shown(node_ids)}. Leave them out.",
        count=str(len(node_ids)),
    )


def nodes_repeated(node_ids: list[str]) -> InvalidArgument:
    """One node chosen twice."""
    return malformed("NODES_REPEATED", "variables", f"Chosen more than once: {shown(node_ids)}.")


def values_not_described(node_ids: list[str]) -> FailedPrecondition:
    """Fields or elements were chosen that nobody has looked for."""
    return FailedPrecondition(
        "VALUES_NOT_DESCRIBED",
        f"Nobody has looked into the values of {shown(node_ids)}. Describe them first.",
        count=str(len(node_ids)),
    )


def fields_unknown(addresses: list[str]) -> NotFound:
    """Chosen fields or elements that the values do not have."""
    return NotFound(
        "FIELDS_NOT_FOUND",
        f"The values do not have {shown(addresses)}. Describe them again, or leave these out.",
        count=str(len(addresses)),
    )


def no_event_notifiers(node_ids: list[str]) -> FailedPrecondition:
    """Events were chosen of nodes that have none."""
    return FailedPrecondition(
        "NO_EVENT_NOTIFIER",
        f"Not event notifiers: {shown(node_ids)}. Choose objects whose event_notifier allows subscriptions, or i=2253.",
        count=str(len(node_ids)),
    )


def tag_unknown(name: object) -> NotFound:
    """No such tag in the tenant."""
    return NotFound("TAG_NOT_FOUND", f"There is no {name}. List the tags to see which there are.")


def difference_changed() -> FailedPrecondition:
    """What would change now is not what a person has looked at."""
    return FailedPrecondition(
        "DIFFERENCE_CHANGED", "Something else would change now than was shown. Look at the difference again."
    )
