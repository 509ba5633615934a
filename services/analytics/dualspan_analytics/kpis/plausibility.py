"""Values that a counter cannot have counted up to: those that a PLC shows while it boots, spikes, jumps.

A counter's step is implausible if it is more than ten of its usual ones. A value, or a run of them, is false if the
counter goes there in one implausible step and comes back in another to where it was: such a run is taken out, as if it
had never come. A counter that was reset comes back step by step and keeps what it shows. Of two ways to read the same
samples the one that takes out fewer of them holds: a spike that comes twice does not make what lies between false.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intervals import Intervals, Micros

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

_IMPLAUSIBLE = 10.0
"""So many usual steps at once are not counting."""
_WHERE_IT_WAS = 0.9
"""A PLC restores what it last saved, which may be a little less."""
_MOST_STEPS_INTO = 4
"""A counter may go to false values in several steps; each look takes out the last of them."""
_ENOUGH = 3
"""Steps that make known what is usual."""
_SAMPLES = 64
"""Of fewer samples a mean says nothing."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What a counter counts from one sample to the next.

    Attributes:
        step: The median.
        rate: The median, per µs.
        is_known: From some steps, and not taken to be one.
    """

    step: float
    rate: float
    is_known: bool

    @property
    def most(self) -> float:
        """A greater step is implausible."""
        return _IMPLAUSIBLE * self.step

    def most_in(self, span_us: Micros) -> Floats:
        """float64[n]: likewise in so much time."""
        return _IMPLAUSIBLE * self.rate * span_us.astype(np.float64)

    def most_of(self, samples: "Samples") -> Floats:
        """float64[n - 1]: likewise for each step; over samples that were Bad, what their time allows."""
        if samples.unusable[-1] == samples.unusable[0]:
            return np.full(len(samples) - 1, self.most)
        longer = np.maximum(self.most, self.most_in(np.diff(samples.t)))
        return np.where(np.diff(samples.unusable) > 0, longer, self.most)


@dataclass(frozen=True, slots=True)
class Samples:
    """Usable samples of a counter.

    Attributes:
        t: int64[n], µs, ascending.
        value: float64[n].
        unusable: int64[n]: how many samples before each were Bad or no number.
    """

    t: Micros
    value: Floats
    unusable: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.t)

    def take(self, which: Flags) -> "Samples":
        """Some of them."""
        return Samples(self.t[which], self.value[which], self.unusable[which])


@dataclass(frozen=True, slots=True)
class Kept:
    """A counter without its false values.

    Attributes:
        samples: What is left.
        dropped: int64[k], µs: the first sample of each run that was taken out.
        around: k spans, from the last sample before each run to the first one behind it.
    """

    samples: Samples
    dropped: Micros
    around: Intervals


def may_be_implausible(value: Floats, step: Floats) -> bool:
    """Whether it is worth looking closer: for most counters of most days it is not."""
    if len(step) < _SAMPLES:
        return True
    return float(step.min()) < 0 or float(step.max()) > _IMPLAUSIBLE * float(value[-1] - value[0]) / len(step)


def usual(samples: Samples) -> Usual:
    """What is usual, from steps by less than half of what they lead to: after a start all steps are great."""
    value, step = samples.value, np.diff(samples.value)
    plain = (step > 0) & (step < 0.5 * value[1:])
    found = step[plain]
    if len(found):
        usual_step = float(np.median(found))
        # Only steps over Bad samples and implausible ones are held against the time that they took.
        timed = samples.unusable[-1] > samples.unusable[0] or float(step.max()) > _IMPLAUSIBLE * usual_step
        rate = float(np.median(found / np.maximum(np.diff(samples.t)[plain], 1))) if timed else 0.0
        return Usual(usual_step, rate, len(found) >= _ENOUGH)
    # What counts pieces counts by one at least; of any other counter every step is doubtful.
    return Usual(float((value == np.floor(value)).all()), 0.0, is_known=False)


def without_false(samples: Samples, ordinary: Usual) -> Kept:
    """Take out what cannot be true; short runs first."""
    left, place = _left(samples, ordinary)
    apart = np.flatnonzero(np.diff(place) > 1)
    before, behind = place[apart], place[apart + 1]
    return Kept(left, samples.t[before + 1], Intervals(samples.t[before], samples.t[behind]))


def _left(samples: Samples, ordinary: Usual) -> tuple[Samples, Places]:
    """What is left of samples, and which of them that is."""
    left, place = samples, np.arange(len(samples))
    for longest in (1, 8, len(samples)):
        for find in (_spikes, _dips):
            for _ in range(_MOST_STEPS_INTO):
                up, down = _steps(left, ordinary)
                if not len(up) or not len(down):  # whatever is false is left in one way and come back from in the other
                    return left, place
                found = find(left, ordinary, up, down, longest)
                if found is None:
                    break
                left, place = left.take(~found), place[~found]
    return left, place


def _spikes(samples: Samples, ordinary: Usual, up: Places, down: Places, longest: int) -> Flags | None:
    """bool[n]: runs above what is before and behind them; None: there are none."""
    begin, end = _runs(samples, up, down, longest)
    before, back = samples.value[begin - 1], samples.value[end]
    # Back near 0 a counter may as well have been reset: then only a single sample is surely false.
    apart = (before > ordinary.most) | ((end - begin == 1) & ordinary.is_known)
    return _flags(samples, begin, end, apart & (back - before < 0.5 * (samples.value[begin] - before)))


def _dips(samples: Samples, _: Usual, up: Places, down: Places, longest: int) -> Flags | None:
    """bool[n]: runs below what is before and behind them, most of which came back at once; None: there are none."""
    begin, end = _runs(samples, down, up, longest)
    value = samples.value
    depth = value[begin - 1] - value[begin]
    # Far above where it was it has not come back: that is another jump.
    back = (value[end] - value[end - 1] > 0.5 * depth) & (value[end] - value[begin - 1] < 0.5 * depth)
    return _flags(samples, begin, end, back)


def _steps(samples: Samples, ordinary: Usual) -> tuple[Places, Places]:
    """The samples behind implausible steps up, and down."""
    step = np.diff(samples.value)
    up = np.flatnonzero(step > ordinary.most_of(samples)) + 1
    return up, np.flatnonzero(-step > ordinary.most) + 1


def _runs(samples: Samples, into: Places, out: Places, longest: int) -> tuple[Places, Places]:
    """Where runs begin, each with a step into it, and end, with the next step out of it, to where the counter was."""
    place = np.searchsorted(out, into, side="right")
    begin = into[place < len(out)]
    end = out[place[place < len(out)]]
    found = (end - begin <= longest) & (samples.value[end] >= _WHERE_IT_WAS * samples.value[begin - 1])
    begin, end = begin[found], end[found]
    # Of several ways into what one way leads out of, the nearest takes out the fewest samples.
    nearest = np.append(end[1:] != end[:-1], np.ones(min(len(end), 1), np.bool_))
    return begin[nearest], end[nearest]


def _flags(samples: Samples, begin: Places, end: Places, found: Flags) -> Flags | None:
    if not found.any():
        return None
    turns = np.zeros(len(samples) + 1, np.int64)
    np.add.at(turns, begin[found], 1)
    np.add.at(turns, end[found], -1)
    return np.cumsum(turns[:-1]) > 0
