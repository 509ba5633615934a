"""What one run of the gateway leaves for the next: how far everything was complete, and what was recorded."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LastLife:
    """What the last run of the gateway left; times in microseconds since 1970, 0 if there are none.

    Attributes:
        alive: When this was written down.
        oldest_unsent: When the oldest frame that was not acknowledged was written.
        complete_until: By server: the last moment before which nothing of it is missing.
    """

    alive: int = 0
    oldest_unsent: int = 0
    complete_until: Mapping[str, int] = field(default_factory=dict[str, int])


class LifeFile:
    """The file that tells of the last life."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "alive.json"

    def write(self, life: LastLife) -> None:
        """Replaces it; where that is not possible, what the older one says is still true, only earlier."""
        _replace(self._path, asdict(life))

    def read(self) -> LastLife:
        """What it says; nothing if it cannot be read."""
        try:
            state = json.loads(self._path.read_text())
            complete_until = {str(server): int(time) for server, time in state["complete_until"].items()}
            return LastLife(int(state["alive"]), int(state["oldest_unsent"]), complete_until)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return LastLife()


@dataclass(frozen=True, slots=True)
class KeptHole:
    """A hole of one tag that was open; as `opcua.holes.Hole`."""

    cause: int
    since: int
    detail: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What of one server was recorded.

    Attributes:
        started: By tag: since when it is recorded, microseconds since 1970.
        holes: By tag: what was missing and went on being missing.
    """

    started: Mapping[int, int] = field(default_factory=dict[int, int])
    holes: Mapping[int, KeptHole] = field(default_factory=dict[int, KeptHole])


class RecordFile:
    """The file that tells what of one server was recorded; written only when that changes."""

    def __init__(self, directory: Path, server: str) -> None:
        self._path = directory / "recorded" / f"{server}.json"
        self._written: Recorded | None = None

    def write(self, recorded: Recorded) -> None:
        """Replaces it if there is something new."""
        if recorded == self._written:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _replace(self._path, asdict(recorded)):
            self._written = recorded

    def read(self) -> Recorded:
        """What it says; nothing if it cannot be read."""
        try:
            state = json.loads(self._path.read_text())
            started = {int(tag): int(since) for tag, since in state["started"].items()}
            holes = {
                int(tag): KeptHole(int(hole["cause"]), int(hole["since"]), str(hole["detail"]))
                for tag, hole in state["holes"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Recorded()
        return Recorded(started, holes)


def _replace(path: Path, content: object) -> bool:
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_text(json.dumps(content))
        temporary.replace(path)
    except OSError as error:
        _log.warning("not_written", file=path.name, error=str(error))
        return False
    return True
