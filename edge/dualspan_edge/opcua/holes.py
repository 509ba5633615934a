"""What of one server is missing and goes on being missing: of all its tags, or of single ones."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.life import KeptHole, Recorded

_REFUSED = "the tag ran before; its server has refused it since"


@dataclass(slots=True)
class Hole:
    """Samples are missing since some time (microseconds since 1970), until the subscriptions run again.

    Attributes:
        cause: Why.
        since: The last moment before which nothing was missing.
        detail: Why, in words.
        tag_id: Of which tag; 0 if of all.
    """

    cause: historian.GapCause.ValueType
    since: int
    detail: str
    tag_id: int = 0


class Holes:
    """The holes of one server that are open, and since when its tags are recorded.

    Args:
        recorded: What an earlier run of the gateway left.
    """

    def __init__(self, recorded: Recorded | None = None) -> None:
        left = recorded or Recorded()
        self._server: Hole | None = None
        self._tags = {
            tag_id: Hole(historian.GapCause.ValueType(hole.cause), hole.since, hole.detail, tag_id)
            for tag_id, hole in left.holes.items()
        }
        self._started: dict[int, int] = dict(left.started)
        self._all_ran = False

    @property
    def started(self) -> Mapping[int, int]:
        """By tag: since when it is recorded, microseconds since 1970."""
        return self._started

    @property
    def tags(self) -> Mapping[int, Hole]:
        """By tag: its own hole, if one is open."""
        return self._tags

    @property
    def recorded(self) -> Recorded:
        """What the next run of the gateway has to know."""
        kept = {tag_id: KeptHole(hole.cause, hole.since, hole.detail) for tag_id, hole in self._tags.items()}
        return Recorded(dict(self._started), kept)

    @property
    def since(self) -> int | None:
        """Since when something of every tag may be missing; None if nothing is."""
        return None if self._server is None else self._server.since

    def take_over(self) -> None:
        """Another box recorded the tags before: each that does not run at first has a hole."""
        self._all_ran = not self._started

    def note(self, cause: historian.GapCause.ValueType, since: int, detail: str) -> None:
        """Something of every tag may be missing since then. The first cause stands until the hole is closed."""
        if self._server is None:
            self._server = Hole(cause, since, detail)
        self._server.since = min(self._server.since, since)

    def settle(self, wanted: AbstractSet[int], running: AbstractSet[int], now: int) -> list[Hole]:
        """Compares what is wanted with what runs.

        Nothing ends while nothing runs. A tag that ran before and does not run now keeps a hole of its own.

        Args:
            wanted: Tag ids.
            running: Tag ids.
            now: Microseconds since 1970.

        Returns:
            The holes that end now.
        """
        closed: list[Hole] = []
        if wanted and not running:
            return closed
        since = self._server
        if since is not None:
            closed.append(since)
            self._server = None
        ran, self._all_ran = (wanted if self._all_ran else self._started.keys() & wanted), False
        for tag_id in ran - running - self._tags.keys():
            cause = historian.GAP_CAUSE_SUBSCRIPTION_LOST if since is None else since.cause
            self._tags[tag_id] = Hole(cause, now if since is None else since.since, _REFUSED, tag_id)
        closed += [self._tags.pop(tag_id) for tag_id in list(self._tags) if tag_id in running or tag_id not in wanted]
        self._started = {tag_id: self._started.get(tag_id, now) for tag_id in (self._started.keys() & wanted) | running}
        return closed

    def leave(self) -> list[Hole]:
        """The holes of single tags, when the server is watched no more; that of all tags is remembered elsewhere."""
        left = list(self._tags.values())
        self._tags.clear()
        return left
