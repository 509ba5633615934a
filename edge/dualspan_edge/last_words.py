"""What a gateway can still say when it ends, written down so that the next run tells the platform.

A run that ends without a word (killed, out of memory, no power) is found out by the next one: the file still says that
it runs. What it says then is the last error that was logged.
"""

import faulthandler
import json
from pathlib import Path
from typing import IO, Any

import structlog

from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.clock import now_microseconds
from dualspan_edge.files import write_private
from dualspan_edge.gaps import timestamp_of
from dualspan_edge.life import LifeFile
from dualspan_edge.version import VERSION

_MOST_CHARACTERS = 2000
_RUNNING = "running"
_ENDS = {
    "stopped": onboarding.GATEWAY_END_STOPPED,
    "failed": onboarding.GATEWAY_END_FAILED,
    _RUNNING: onboarding.GATEWAY_END_KILLED,
}
_log = structlog.get_logger(__name__)


class LastWords:
    """The words of one run, and those of the run before.

    Args:
        directory: The gateway's data folder.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "last-words.json"
        self._crash_path = directory / "crash.txt"
        self._crash_file: IO[str] | None = None
        self._life = LifeFile(directory)
        self._started = now_microseconds()
        self._last_error = ""
        self.before: onboarding.LastWords | None = self._read()

    def begin(self) -> None:
        """A run begins: what is not said from now on, nobody will say."""
        self._write(_RUNNING, "")
        try:
            # The interpreter itself writes here when a library crashes it.
            self._crash_file = self._crash_path.open("w")
            faulthandler.enable(self._crash_file)
        except OSError as error:
            _log.warning("not_written", file=self._crash_path.name, error=str(error))

    def remember(self, logger: object, method: str, event: Any) -> Any:
        """Keep an error that is logged, in case nothing more can be said; a processor of structlog."""
        del logger
        if method in {"error", "critical", "exception"}:
            facts = " ".join(f"{name}={value}" for name, value in event.items() if name not in {"event", "exc_info"})
            words = f"{event.get('event', '')} {facts}".strip()[:_MOST_CHARACTERS]
            if words != self._last_error:
                self._last_error = words
                self._write(_RUNNING, words)
        return event

    def end(self, error: BaseException | None) -> None:
        """The run ends: somebody stopped it, or this error did."""
        if error is None:
            self._write("stopped", "")
        else:
            self._write("failed", f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS])
        if self._crash_file is not None:
            faulthandler.disable()
            self._crash_file.close()
            self._crash_path.unlink(missing_ok=True)

    def _write(self, state: str, detail: str) -> None:
        words = {
            "state": state,
            "started": self._started,
            "time": now_microseconds(),
            "detail": detail,
            "version": VERSION,
        }
        try:
            write_private(self._path, json.dumps(words).encode())
        except OSError:
            # A full disk must not keep the gateway from running, or from ending; and a word about it here would come
            # back to `remember`.
            return

    def _read(self) -> onboarding.LastWords | None:
        try:
            words = json.loads(self._path.read_text())
            end = _ENDS[words["state"]]
            told = onboarding.LastWords(
                end=end,
                end_time=timestamp_of(int(words["time"])),
                start_time=timestamp_of(int(words["started"])),
                detail=str(words["detail"])[:_MOST_CHARACTERS],
                software_version=str(words["version"])[:200],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if end == onboarding.GATEWAY_END_KILLED:
            told.end_time.FromMicroseconds(max(self._life.read().alive, int(words["time"])))
            told.detail = self._crash() or told.detail
        return told

    def _crash(self) -> str:
        """What the interpreter wrote as it crashed; empty if it did not."""
        try:
            return self._crash_path.read_text(errors="replace")[:_MOST_CHARACTERS].strip()
        except OSError:
            return ""
