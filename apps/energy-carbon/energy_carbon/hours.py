"""Energy by hour, from readings of meters. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_appkit.machine_time import Element, Timeline


def rises(readings: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64, shape (..., n-1): how much meters rose between readings; NaN where one is missing.

    A meter that falls was replaced or began again at zero.
    """
    rise = np.diff(readings, axis=-1)
    return np.where(rise < 0, readings[..., 1:], rise)


@dataclass(frozen=True, slots=True)
class Idle:
    """Energy that was used while a machine produced, and while it did not, kWh."""

    producing: float
    idle: float

    @property
    def share(self) -> float | None:
        """Share of the energy that was used while nothing was made."""
        whole = self.producing + self.idle
        return self.idle / whole if whole > 0 else None


def idle_energy(starts: NDArray[np.int64], length_us: int, used: NDArray[np.float64], line: Timeline) -> Idle:
    """Which part of the energy in short intervals belongs to time in which the machine produced.

    Args:
        starts: int64, shape (n,): begins of the intervals, µs.
        length_us: Their length.
        used: float64, shape (n,): kWh; NaN where it is not known.
        line: What the machine did; time of which nothing is known is left out.
    """
    producing = line.share((Element.PRODUCTION,), starts, length_us)
    known = 1.0 - line.share((Element.UNKNOWN,), starts, length_us)
    energy = np.nan_to_num(used)
    return Idle(float((energy * producing).sum()), float((energy * np.maximum(known - producing, 0.0)).sum()))
