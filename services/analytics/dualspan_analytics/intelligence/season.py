"""The course of day and week that a property follows: harmonics as regressors, where history shows that they help.

Cooling water is warmer each afternoon, and a hall's base load falls each Sunday; that is no fault. A course is taken
only for a property of which a fit with it foretells held-back time better than one without: what wanders by itself for
a few days would else be given a course that it does not have. Times are UTC, so that a course that follows people's
clocks is an hour off after a change to or from summer time, until the model is trained again.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.regression import fit, usable
from dualspan_analytics.intelligence.table import Bools, Floats, Table

_DAY_US = 86_400_000_000
_PERIODS_US = (_DAY_US, 7 * _DAY_US)
_HARMONICS = 3
"""Of each period; the third of a day is a shift."""
_PERIODS_SEEN = 2
"""Of so many periods at least must a course be learned: of one it cannot be told from a trend."""
_LEARNED_SHARE = 0.6
_LEAST_ROWS = 500
_MOST_ROWS = 2000
"""Neighbouring steps are alike: so many, evenly chosen, tell as much as all of them, in a fraction of the time."""
_BETTER = 0.9
"""A course must leave at most this much of the error of held-back time; less is chance."""
_CUT_SIGMA = 6.0


class Season(IntEnum):
    """What course a property follows; each has the columns of the one before, and its own."""

    NONE = 0
    DAY = 1
    WEEK = 2

    @property
    def width(self) -> int:
        """How many regressors it has."""
        return 2 * _HARMONICS * int(self)


def course(table: Table, season: Season) -> Floats:
    """float64[n, season.width]: sines and cosines of the day, then of the week, at the ends of the steps."""
    angles = [
        2 * np.pi * harmonic * ((table.ends_us % period) / period)
        for period in _PERIODS_US[: int(season)]
        for harmonic in range(1, _HARMONICS + 1)
    ]
    columns = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.column_stack(columns) if columns else np.empty((len(table), 0))


def longest(steps: int, step_us: int) -> Season:
    """The longest course that a span of so many steps can show."""
    learned_us = steps * step_us * _LEARNED_SHARE
    return Season(sum(learned_us >= _PERIODS_SEEN * period for period in _PERIODS_US))


@dataclass(frozen=True, slots=True)
class Trial:
    """What courses are tried on.

    Attributes:
        regressors: float64[n, k + w]: all other regressors, and the columns of the longest course at their end.
        season: The longest course.
        learned: bool[n]: the rows to learn from: the first part of the span.
        judged: bool[n]: the rows to judge by: of the rest what counts as normal.
    """

    regressors: Floats
    season: Season
    learned: Bools
    judged: Bools

    @classmethod
    def of(cls, regressors: Floats, season: Season, rows: Bools, normal: Bools, first: int) -> "Trial":
        """Split the rows of a span that begins with `first`."""
        split = first + int((len(rows) - first) * _LEARNED_SHARE)
        early = np.arange(len(rows)) < split
        return cls(regressors, season, rows & early, rows & normal & ~early)

    def width(self, season: Season) -> int:
        """How many of the regressors are used with a course."""
        return self.regressors.shape[1] - self.season.width + season.width

    def chosen(self, values: Floats) -> Season:
        """The course of float64[n] values: of those that foretell held-back time clearly better the best."""
        learned, judged = _thinned(usable(values, self.learned)), _thinned(usable(values, self.judged))
        if self.season is Season.NONE or min(len(learned), len(judged)) < _LEAST_ROWS:
            return Season.NONE
        best, least, cut = Season.NONE, np.inf, np.inf
        for season in Season:
            if season > self.season:
                break
            used = self.regressors[:, : self.width(season)]
            found = fit(used[learned], values[learned])
            # Faults that nobody marked must not decide; what counts as far is the same for all.
            cut = min(cut, _CUT_SIGMA * found.sigma)
            error = float(np.minimum(np.abs(values[judged] - used[judged] @ found.coefficients), cut).mean())
            if error < _BETTER * least:
                best, least = season, error
        return best


def _thinned(rows: Bools) -> NDArray[np.intp]:
    """Places of `_MOST_ROWS` rows or a few more, evenly chosen."""
    places = np.flatnonzero(rows)
    return places[:: max(1, len(places) // _MOST_ROWS)]
