"""What a load server has sent, stream by stream, so that a receiver can be held against it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROW = np.dtype([("item", "i8"), ("first_tick", "i8"), ("last_tick", "i8"), ("sent", "i8"), ("dropped", "i8")])


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """What was sent to one monitored item.

    Attributes:
        item: Index of the variable.
        first_tick: Of the first sample sent; -1 before it.
        last_tick: Of the latest sample sent; -1 before it.
        sent: Samples sent.
        dropped: Samples that the queue could not hold.
    """

    item: int
    first_tick: int
    last_tick: int
    sent: int
    dropped: int


class LoadStatistics:
    """One row per monitored item that ever was, in order of creation."""

    def __init__(self) -> None:
        self._rows: NDArray[Any] = np.zeros(1024, _ROW)
        self._count = 0

    def open(self, item: int) -> int:
        """Begin a stream of a variable; its number."""
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(self._count, _ROW)])
        self._rows[self._count] = (item, -1, -1, 0, 0)
        self._count += 1
        return self._count - 1

    def book(self, streams: NDArray[np.int64], first_tick: int, last_tick: int, sent: int, dropped: int) -> None:
        """Add to each of `streams` (int64[n]) the same number of samples."""
        rows = self._rows
        first = rows["first_tick"]
        fresh = streams[first[streams] < 0]
        first[fresh] = first_tick
        rows["last_tick"][streams] = last_tick
        rows["sent"][streams] += sent
        rows["dropped"][streams] += dropped

    def streams(self) -> list[StreamStatistics]:
        """Every stream."""
        return [StreamStatistics(*row) for row in self._rows[: self._count].tolist()]

    def totals(self) -> tuple[int, int]:
        """Samples sent and dropped in all."""
        rows = self._rows[: self._count]
        return int(rows["sent"].sum()), int(rows["dropped"].sum())
