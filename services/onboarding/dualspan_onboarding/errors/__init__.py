"""What can go wrong here, in words that say what to do next: what all parts of the service share."""

import grpc

from dualspan_runtime.errors import DomainError, InvalidArgument, ResourceExhausted, Unavailable

_SHOWN = 5


class Cancelled(DomainError):
    """Somebody asked for it to stop."""

    code = grpc.StatusCode.CANCELLED


def malformed(reason: str, field: str, message: str) -> InvalidArgument:
    """A field of the request that cannot be what it says."""
    return InvalidArgument(reason, message, field=field)


def shown(values: list[str]) -> str:
    """The first few of many values, for an error that a person reads."""
    more = len(values) - _SHOWN
    return ", ".join(repr(v[:200]) for v in values[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def too_many(reason: str, what: str, limit: int) -> ResourceExhausted:
    """A limit of the platform."""
    return ResourceExhausted(reason, f"There would be more than {limit} {what}.", limit=str(limit))


def upstream_failed(service: str) -> Unavailable:
    """Another service could not be asked."""
    return Unavailable("SERVICE_UNAVAILABLE", f"The {service} service cannot be reached. Try again in a moment.")
