"""What can go wrong with commands of gateways, in words that say what to do next."""

from dualspan_onboarding.errors import Cancelled
from dualspan_runtime.errors import FailedPrecondition, Unavailable


def command_cancelled(resource: object) -> Cancelled:
    """Somebody asked for it to stop before it was done."""
    return Cancelled("COMMAND_CANCELLED", f"What {resource} was to do was cancelled. Ask again if it is still wanted.")


def command_expired(gateway: object) -> Unavailable:
    """It was never begun."""
    return Unavailable(
        "COMMAND_EXPIRED", f"{gateway} did not take it up in time; it was not begun. Check the gateway, then ask again."
    )


def command_stalled(gateway: object) -> Unavailable:
    """The gateway has it and says nothing."""
    return Unavailable("COMMAND_STALLED", f"{gateway} has said nothing of it for too long. Check it, then ask again.")


def command_unknown(gateway: object, why: str = "lost its connection after it was told") -> Unavailable:
    """It was sent, must not be sent again, and nobody knows what became of it."""
    return Unavailable(
        "OUTCOME_UNKNOWN",
        f"{gateway} {why}. It may have been carried out or not: look at the machine before you ask again.",
    )


def command_failed(error: str) -> FailedPrecondition:
    """The gateway could not do it."""
    return FailedPrecondition("COMMAND_FAILED", f"The gateway could not do it: {error}")


def command_unanswered(gateway: object) -> FailedPrecondition:
    """The gateway says that it is done, and nothing else."""
    return FailedPrecondition(
        "COMMAND_UNANSWERED", f"{gateway} ended it without an outcome. Update the gateway's software, then ask again."
    )


def command_sealed() -> FailedPrecondition:
    """What was to be done cannot be opened any more."""
    return FailedPrecondition(
        "COMMAND_SEALED", "What was to be done cannot be opened; was DUALSPAN_SERVICE_SECRET changed? Ask again."
    )
