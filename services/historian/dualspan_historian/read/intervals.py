"""The intervals of a processed read: OPC UA Part 13, 5.4.2.2."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Intervals:
    """Neighbouring intervals, computed in rising order of time whatever the direction.

    Attributes:
        edges: int64 microseconds, shape (m + 1,), rising: interval i lies between edges i and i + 1.
        backwards: The request's start lies after its end. An interval then begins at its later edge, includes that
            and excludes the earlier one, and the answer has the latest interval first.
        length: The processing interval in microseconds; an interval of another length is a rest.
    """

    edges: NDArray[np.int64]
    backwards: bool
    length: int

    @classmethod
    def between(cls, start: int, end: int, length: int) -> Self:
        """Cut [start, end) into intervals; a length of 0 or more than there is means one interval."""
        span = abs(end - start)
        length = length if 0 < length < span else span
        count = -(-span // length)
        if start < end:
            edges = np.arange(start, start + (count + 1) * length, length, dtype=np.int64)
            edges[-1] = end
            return cls(edges, backwards=False, length=length)
        edges = np.arange(start - count * length, start + length, length, dtype=np.int64)
        edges[0] = end
        return cls(edges, backwards=True, length=length)

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def first_us(self) -> int:
        """The first microsecond that belongs to an interval."""
        return int(self.edges[0]) + self.backwards

    @property
    def end_us(self) -> int:
        """The first microsecond behind them that does not."""
        return int(self.edges[-1]) + self.backwards

    def part(self, first: int, last: int) -> Self:
        """Return intervals `first` to `last`, not included, in rising order."""
        return type(self)(self.edges[first : last + 1], self.backwards, self.length)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each interval begins, in the direction of the request."""
        return self.edges[1:] if self.backwards else self.edges[:-1]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The length of each interval."""
        return np.diff(self.edges) / 1e6

    @property
    def side(self) -> Any:
        """For `numpy.searchsorted`: where a sample at an edge belongs."""
        return "right" if self.backwards else "left"

    def split(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each edge the first row of sorted timestamps that belongs behind it, shape (m + 1,)."""
        return np.searchsorted(ts, self.edges, side=self.side)


def reduce(ufunc: np.ufunc, column: NDArray[Any], bounds: NDArray[np.int64], empty: float) -> NDArray[Any]:
    """Reduce rows bounds[i] to bounds[i + 1] of a column, shape (m,); `empty` where there are none."""
    filled = bounds[1:] > bounds[:-1]
    dtype = np.result_type(column.dtype, type(empty))
    if bool(filled.all()):
        return ufunc.reduceat(column[: bounds[-1]], bounds[:-1]).astype(dtype, copy=False)
    result = np.full(len(filled), empty, dtype)
    if bool(filled.any()):
        # Rows between two filled intervals do not exist, so each one ends where the next begins.
        result[filled] = ufunc.reduceat(column[: bounds[-1]], bounds[:-1][filled])
    return result
