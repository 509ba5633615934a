"""What can go wrong with sampling and its budget, in words that say what to do next."""

from collections.abc import Mapping, Sequence

from dualspan_runtime.errors import NotFound, ResourceExhausted


def over_budget(name: object, warnings: Sequence[str], numbers: Mapping[str, str]) -> ResourceExhausted:
    """What would be added or sped up is more than the server bears."""
    words = "; ".join(warnings)
    return ResourceExhausted(
        "OVER_BUDGET",
        f"{name} would be asked for more than it bears: {words}. Choose less, or state accept_over_budget to do it "
        "all the same.",
        **numbers,
    )


def profile_unknown(profile: str) -> NotFound:
    """No vendor profile of that id."""
    return NotFound("PROFILE_NOT_FOUND", f"There is no vendor profile {profile[:60]!r}. List the profiles.")


def limits_unknown(name: object) -> NotFound:
    """Nobody has read what the server states."""
    return NotFound("LIMITS_NOT_READ", f"The limits of {name} have not been read. Read them first.")
