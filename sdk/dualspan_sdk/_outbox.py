"""Results that the platform has not committed yet, on disk: one row per frame, numbered, fsynced."""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dualspan_sdk._errors import DualSpanError

_MOST_BYTES = 64 * 1024 * 1024
_LARGEST_EPOCH = 1 << 62


@dataclass(frozen=True, slots=True)
class Queued:
    """A frame that waits.

    Attributes:
        sequence: From 1, rising within the outbox's epoch.
        payload: The frame as the contract has it, serialised.
    """

    sequence: int
    payload: bytes


class Outbox:
    """A queue of frames in a SQLite file. Its epoch is chosen when the file is made, and names its life.

    Whatever happens to the app, a frame is sent under the same epoch and sequence until the platform has committed it,
    so it is stored once. An app whose folder is emptied at each start begins another life; what it had not sent yet is
    lost, and it computes that again.

    Args:
        path: The file.
        most_bytes: What may wait at the most.
    """

    def __init__(self, path: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        # Used by one thread after the other, never by two at once: the writer sees to that.
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE IF NOT EXISTS life (epoch INTEGER NOT NULL, last INTEGER NOT NULL);"
            "CREATE TABLE IF NOT EXISTS frame (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL);"
        )
        epoch = 1 + secrets.randbelow(_LARGEST_EPOCH)
        self._file.execute("INSERT INTO life SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM life)", (epoch,))
        self._epoch: int = self._file.execute("SELECT epoch FROM life").fetchone()[0]

    @property
    def epoch(self) -> int:
        """Which life of the outbox this is."""
        return self._epoch

    def append(self, payload: bytes) -> int:
        """Keep a frame; when this returns it is on disk. Returns its sequence.

        Raises:
            DualSpanError: `OUTBOX_FULL`: the platform has not taken anything for long.
        """
        waiting: int = self._file.execute("SELECT coalesce(sum(length(payload)), 0) FROM frame").fetchone()[0]
        if waiting + len(payload) > self._most_bytes:
            raise DualSpanError(
                "RESOURCE_EXHAUSTED",
                "OUTBOX_FULL",
                f"{waiting / 1e6:.0f} MB of results wait for the platform, which takes none. Wait, or write less.",
            )
        self._file.execute("BEGIN IMMEDIATE")
        (sequence,) = self._file.execute("UPDATE life SET last = last + 1 RETURNING last").fetchone()
        self._file.execute("INSERT INTO frame VALUES (?, ?)", (sequence, payload))
        self._file.execute("COMMIT")
        return int(sequence)

    def after(self, sequence: int, most: int) -> Sequence[Queued]:
        """The next frames behind a sequence, in order."""
        rows = self._file.execute(
            "SELECT sequence, payload FROM frame WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, most)
        )
        return [Queued(*row) for row in rows]

    def committed(self, sequence: int) -> None:
        """The platform has everything up to here."""
        self._file.execute("DELETE FROM frame WHERE sequence <= ?", (sequence,))

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return int(self._file.execute("SELECT count(*) FROM frame").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
