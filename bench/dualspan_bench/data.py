"""The data that every subject stores: temperatures with two decimals, as sensors of a plant give them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import Block, Frame, ValueKind

_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """Samples of `tags` tags at `ticks` instants.

    Attributes:
        tag_ids: int64, shape (tags,).
        timestamp: int64, shape (ticks, tags): microseconds UTC.
        value: float64, shape (ticks, tags).
        hertz: Ticks a second.
    """

    tag_ids: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    value: NDArray[np.float64]
    hertz: float

    @property
    def samples(self) -> int:
        """How many there are."""
        return self.value.size

    def frames(self, seconds: float = 1.0) -> Iterator[Frame]:
        """Frames of so many seconds in order of arrival: tick by tick, tag by tag."""
        step = max(1, round(self.hertz * seconds))
        for first in range(0, len(self.value), step):
            part = slice(first, first + step)
            value = self.value[part].ravel()
            tag = np.tile(self.tag_ids, len(self.value[part]))
            status = np.zeros(len(tag), np.uint32)
            yield Frame((Block(ValueKind.FLOAT64, tag, self.timestamp[part].ravel(), status, value),))


def recent_hour() -> int:
    """The whole hour 26 hours ago, in microseconds UTC: old enough for a day of data, too new for any retention."""
    return (time.time_ns() // 1000 // _HOUR_US - 26) * _HOUR_US


def temperatures(
    start_us: int, *, tags: int, seconds: int, hertz: float, jitter_us: int, unit_us: int = 1, seed: int = 20261122
) -> Table:
    """A slow swing of ten minutes and a random walk around a level of each tag's own.

    Args:
        start_us: The first tick, microseconds UTC.
        tags: How many tags.
        seconds: How long.
        hertz: Samples a second of each tag.
        jitter_us: Timestamps are off the grid by up to so much, either way, evenly spread.
        unit_us: Timestamps are whole multiples of this: 1000 for milliseconds.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    ticks = round(seconds * hertz)
    grid = start_us + (np.arange(ticks) * 1_000_000 / hertz).astype(np.int64)
    jitter = random.integers(-jitter_us // unit_us, jitter_us // unit_us + 1, (ticks, tags)) * unit_us
    level = random.uniform(20, 220, tags)
    swing = 5 * np.sin(np.arange(ticks) / hertz / 600 * 2 * np.pi)
    walk = np.cumsum(random.normal(0, 0.02, (ticks, tags)), axis=0)
    value = np.round(level + swing[:, np.newaxis] + walk, 2)
    return Table(np.arange(1, tags + 1, dtype=np.int64), grid[:, np.newaxis] + jitter, value, hertz)
