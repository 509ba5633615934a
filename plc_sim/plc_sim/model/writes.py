"""What clients wrote and commanded: part of the story, remembered across restarts.

A write takes effect at an instant that lies after everything that was sampled before it, so the past stays as it was
told, and whoever reads the journal later evaluates the same functions.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plc_sim.model.machine import Hold

HOLD = "#hold"
"""Pseudo-variable of a machine: 1 from the instant at which it is held, 0 from the one at which it goes on."""
RECIPE = "#recipe"
"""Pseudo-variable of a machine: index of the product that it makes after it goes on."""
QUANTITY = "#quantity"
"""Pseudo-variable of a machine: units that were ordered with the recipe."""
BATCH = "#batch"
"""Pseudo-variable of a machine: good units since commissioning when its batch began."""


@dataclass(frozen=True, slots=True)
class Write:
    """A value that a variable has from an instant on.

    Attributes:
        variable: Identifier of the variable, or of a pseudo-variable of a machine.
        at_us: When it takes effect.
        value: The value; 0 and 1 for booleans, a key for text.
    """

    variable: str
    at_us: int
    value: float


class WriteJournal:
    """The writes of one plant.

    Attributes:
        path: The file of JSON lines that keeps them; None: only memory does.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._by_variable: dict[str, list[Write]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._keep(Write(**json.loads(line)))

    def _keep(self, write: Write) -> None:
        self._by_variable.setdefault(write.variable, []).append(write)

    def add(self, write: Write) -> None:
        """Write it down, then let it act.

        Raises:
            ValueError: It lies before the latest one on the same variable: the past cannot be changed.
        """
        known = self._by_variable.get(write.variable)
        if known and write.at_us < known[-1].at_us:
            raise ValueError(f"{write.variable} was written at {known[-1].at_us} already, after {write.at_us}")
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(asdict(write)) + "\n")
        self._keep(write)

    def of(self, variable: str) -> list[Write]:
        """The writes on a variable, oldest first."""
        return self._by_variable.get(variable, [])

    def values(self, variable: str, t: NDArray[np.int64], default: float) -> NDArray[np.float64]:
        """float64[n]: the value at each time (int64[n], µs)."""
        writes = self.of(variable)
        if not writes:
            return np.full(len(t), default)
        times = np.array([write.at_us for write in writes], np.int64)
        levels = np.array([default, *(write.value for write in writes)])
        return levels[np.searchsorted(times, t, side="right")]

    def lagged(self, variable: str, t: NDArray[np.int64], default: float, tau_us: float) -> NDArray[np.float64]:
        """float64[n]: what a heated mass of time constant `tau_us` makes of the value: it follows exponentially."""
        result = np.full(len(t), default)
        level, since, target = default, 0, default
        for write in self.of(variable):
            level = target + (level - target) * float(np.exp(-(write.at_us - since) / tau_us)) if since else level
            since, target = write.at_us, write.value
            after = t >= since
            result[after] = target + (level - target) * np.exp(-(t[after] - since) / tau_us)
        return result

    def holds(self, machine: str) -> tuple[Hold, ...]:
        """When commands stopped a machine, oldest first, with the recipe that it got meanwhile."""
        holds: list[Hold] = []
        for write in self.of(f"{machine}/{HOLD}"):
            if write.value:
                holds.append(Hold(write.at_us))
            elif holds:
                holds[-1] = replace(holds[-1], end_us=write.at_us)
        recipes = self.of(f"{machine}/{RECIPE}")
        return tuple(replace(hold, product=_recipe(hold, recipes)) for hold in holds)


def _recipe(hold: Hold, recipes: list[Write]) -> int | None:
    """The last recipe that a machine got while it was held."""
    given = [
        int(w.value) for w in recipes if w.at_us >= hold.start_us and (hold.end_us is None or w.at_us < hold.end_us)
    ]
    return given[-1] if given else None
