"""Disjoint spans of time as columns, and how they cut each other."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Micros = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Spans [start, end) that are sorted, disjoint and not empty.

    Attributes:
        start: int64[n], µs since the Unix epoch.
        end: int64[n].
    """

    start: Micros
    end: Micros

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def none(cls) -> "Intervals":
        """No span at all."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def joined(cls, start: Micros, end: Micros) -> "Intervals":
        """What any of these spans covers; empty and inverted ones cover nothing."""
        there = end > start
        start, end = start[there], end[there]
        if not len(start):
            return cls.none()
        order = np.argsort(start, kind="stable")
        start, reach = start[order], np.maximum.accumulate(end[order])
        opens = np.append(True, start[1:] > reach[:-1])
        closes = np.append(opens[1:], True)
        return cls(start[opens], reach[closes])

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> "Intervals":
        """The same from pairs."""
        pairs = np.array(list(spans), np.int64).reshape(-1, 2)
        return cls.joined(pairs[:, 0], pairs[:, 1])

    @property
    def total(self) -> int:
        """Microseconds that are covered."""
        return int((self.end - self.start).sum())

    @property
    def edges(self) -> Micros:
        """Every start and end, ascending."""
        return np.column_stack([self.start, self.end]).ravel()

    def contains(self, t: Micros) -> NDArray[np.bool_]:
        """bool[n]: which times are inside."""
        return np.searchsorted(self.edges, t, side="right") % 2 == 1

    def covered(self, start: Micros, end: Micros) -> Micros:
        """int64[n]: how many µs of each span [start, end) are inside."""
        return self._until(end) - self._until(start)

    def clipped(self, start: int, end: int) -> "Intervals":
        """What lies in [start, end)."""
        return Intervals.joined(np.maximum(self.start, start), np.minimum(self.end, end))

    def without(self, other: "Intervals") -> "Intervals":
        """What this covers and the other does not."""
        edges = np.union1d(self.edges, other.edges)
        if len(edges) < 2:
            return self
        first, last = edges[:-1], edges[1:]
        keep = self.contains(first) & ~other.contains(first)
        return Intervals.joined(first[keep], last[keep])

    def common(self, other: "Intervals") -> "Intervals":
        """What both cover."""
        return self.without(self.without(other))

    def _until(self, t: Micros) -> Micros:
        """int64[n]: µs covered before each time."""
        if not len(self.start):
            return np.zeros(len(t), np.int64)
        done = np.concatenate([[0], np.cumsum(self.end - self.start)])
        place = np.searchsorted(self.start, t, side="right")
        last = np.maximum(place - 1, 0)
        part = np.minimum(t, self.end[last]) - self.start[last]
        return np.where(place > 0, done[last] + part, 0)


def pieces(edges: Iterable[Micros], start: int, end: int) -> Micros:
    """int64[n + 1]: [start, end) cut at every edge, ascending, both ends included."""
    found = np.unique(np.concatenate([*edges, np.array([start, end], np.int64)]))
    return found[(found >= start) & (found <= end)]
