"""Requests that may have been made before, by this worker or by one that was killed."""

from collections.abc import Callable

from docker.errors import APIError, NotFound  # pyright: ignore[reportMissingTypeStubs]

_CONFLICT = 409


def unless_there(make: Callable[[], object]) -> None:
    """Make something, unless it is there."""
    try:
        make()
    except APIError as err:
        if err.status_code != _CONFLICT and "already exists" not in str(err.explanation):
            raise


def if_there(end: Callable[[], object]) -> None:
    """End something, if it is there."""
    try:
        end()
    except NotFound:
        return
