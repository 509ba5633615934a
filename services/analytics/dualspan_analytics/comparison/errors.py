"""What can be wrong with a comparison, in words that say what to do next."""

from dualspan_runtime.errors import NotFound


def nothing_alike(model: str) -> NotFound:
    """No machine is of the model."""
    words = (
        f"No machine there is of model {model[:60]!r}, nor of one that extends it. `dualspan onboarding assets list`"
        " shows the model of each."
    )
    return NotFound("NO_LIKE_ASSETS", words, model=model[:60])
