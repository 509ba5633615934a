"""How much of this process one app may take: what hangs in it harms nobody but its own visitors."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager


class BusyError(Exception):
    """An app has as many requests as it may have."""


class Limits:
    """Counts requests, streams among them.

    Args:
        per_app: At the same time, of everybody.
        per_person: Of them, those of one access.
    """

    def __init__(self, per_app: int, per_person: int) -> None:
        self._per_app = per_app
        self._per_person = per_person
        self._apps: Counter[str] = Counter()
        self._people: Counter[bytes] = Counter()

    @contextmanager
    def one(self, app: str, person: bytes) -> Generator[None]:
        """A place for one more request while the context lasts.

        Args:
            app: Name of the subscription.
            person: Digest of the access.

        Raises:
            BusyError: There is none.
        """
        if self._apps[app] >= self._per_app or self._people[person] >= self._per_person:
            raise BusyError
        self._apps[app] += 1
        self._people[person] += 1
        try:
            yield
        finally:
            _less(self._apps, app)
            _less(self._people, person)

    def running(self, app: str) -> int:
        """Requests of an app now."""
        return self._apps[app]


def _less(counts: "Counter[str] | Counter[bytes]", key: str | bytes) -> None:
    counter: Counter[str | bytes] = counts  # pyright: ignore[reportAssignmentType] - either is a counter of such keys
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
