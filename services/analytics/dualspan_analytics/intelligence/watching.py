"""What a model watches, and how: the part of a definition that anomaly detection is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

MINUTE_US = 60_000_000
_MOST_WATCHED = 200
_MOST_WINDOW = 1440


class Summary(IntEnum):
    """What of a property's values in a window counts; the numbers of the contract."""

    MEAN = 1
    MAXIMUM = 2
    MINIMUM = 3


@dataclass(frozen=True, slots=True, order=True)
class Watched:
    """One column of a model.

    Attributes:
        property: Of the asset model.
        index: From 1 for an indexed property; 0 for any other.
        summary: The mean suits what changes slowly; the maximum what swings within every cycle.
    """

    property: str
    index: int = 0
    summary: Summary = Summary.MEAN

    def __str__(self) -> str:
        return f"{self.property}{f'[{self.index}]' if self.index else ''}"


@dataclass(frozen=True, slots=True)
class StateRule:
    """When a machine runs and when it has failed, from one of its properties.

    Attributes:
        property: Its state.
        running: The values that mean that it runs; whole numbers, texts or `true`, as text.
        failed: The values that mean a breakdown.
    """

    property: str
    running: tuple[str, ...]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnomalySpec:
    """How anomalies of one kind of machine are found.

    Attributes:
        state: Machines behave differently when they run; only then are they judged.
        watched: What is watched.
        categories: Properties whose values set levels, such as the product's code. Text, or a few whole numbers.
        step_us: Values are summarised by steps of this length.
        window: Steps that every judgement looks back over: one machine cycle, or more.
        persistence: Steps that a deviation must last to count.
        margin: Limits lie so many times above the worst of the time that counts as normal.
        minimum_sigma: Limits are at least so many standard deviations.
        guard: Steps before every breakdown that do not count as normal: it may have been on its way.
        release: Steps that an alarm must be gone before another is a new one.
    """

    state: StateRule
    watched: tuple[Watched, ...]
    categories: tuple[str, ...] = ()
    step_us: int = MINUTE_US
    window: int = 5
    persistence: int = 8
    margin: float = 2.0
    minimum_sigma: float = 4.0
    guard: int = 180
    release: int = 60

    @property
    def lead_in(self) -> int:
        """Steps before a judgement whose values it needs."""
        return self.window + self.persistence

    @property
    def names(self) -> Sequence[str]:
        """What the columns are called, in their order."""
        return [str(watched) for watched in self.watched]


def problems(spec: AnomalySpec) -> list[tuple[str, str]]:
    """What is wrong with a definition: (field, what to do)."""
    found: list[tuple[str, str]] = []
    if not spec.state.property or not spec.state.running:
        found.append(("state", "Say which property tells the state, and which of its values mean that it runs."))
    if not 1 <= len(spec.watched) <= _MOST_WATCHED:
        found.append(("watched", f"Name 1 to {_MOST_WATCHED} properties to watch."))
    if len(set(spec.watched)) < len(spec.watched):
        found.append(("watched", "A property is named twice with the same summary."))
    if not 1_000_000 <= spec.step_us <= 3600 * 1_000_000:
        found.append(("step", "A step is 1 s to 1 h long."))
    lengths = {"window": spec.window, "persistence": spec.persistence, "release": spec.release}
    found += [
        (name, f"Give 1 to {_MOST_WINDOW} steps.") for name, steps in lengths.items() if not 1 <= steps <= _MOST_WINDOW
    ]
    if not 0 <= spec.guard <= 10 * _MOST_WINDOW:
        found.append(("guard", f"Give 0 to {10 * _MOST_WINDOW} steps."))
    if not 1.0 <= spec.margin <= 100.0:
        found.append(("margin", "Give 1 to 100."))
    if not 1.0 <= spec.minimum_sigma <= 100.0:
        found.append(("minimum_sigma", "Give 1 to 100."))
    return found
