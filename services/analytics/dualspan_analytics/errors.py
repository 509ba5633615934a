"""What can go wrong here, in words that say what to do next."""

from collections.abc import Sequence

from dualspan_runtime.errors import Unavailable

_SHOWN = 5


def shown(values: Sequence[str]) -> str:
    """The first few of many values, for an error that a person reads."""
    more = len(values) - _SHOWN
    return ", ".join(repr(value[:200]) for value in values[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def upstream_failed(service: str) -> Unavailable:
    """Another service of the platform does not answer."""
    return Unavailable(
        "UPSTREAM_UNREACHABLE", f"The {service} service does not answer. Try again shortly.", service=service
    )
