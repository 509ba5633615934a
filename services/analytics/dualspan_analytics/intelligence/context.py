"""What a machine's values depend on when it is well: its product, and how it stood and ran before.

A mould that stood for half an hour is cold for hours after; that is no fault. What a stop leaves behind is written as
exponentials of several time constants, twice: as the memory of the last stop (which ended so long ago, and had lasted
so long), and as first-order lags of all that happened before. A regression finds which of them a property follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.table import Bools, Floats, Table

_TAUS_S = (120.0, 300.0, 600.0, 1200.0, 2400.0, 4800.0, 9600.0)
_LAGS_FROM = 2
MEMORY_WIDTH = 2 * len(_TAUS_S) - _LAGS_FROM
"""How many regressors say what stops leave behind."""
MEMORY_US = 2 * 24 * 3600 * 1_000_000
"""How far back the machine's state is read: what lies before has no weight left."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a machine stands, step by step.

    Attributes:
        runs: bool[n], it ran during the whole step.
        taken: bool[n], the same, with what is not known taken as what was known last; as running before all is known.
        since: float64[n], steps since it last started or stopped.
        before: float64[n], how many steps the state before that had lasted; 0 where nobody knows.
    """

    runs: Bools
    taken: Bools
    since: Floats
    before: Floats


def standing(run_share: Floats) -> Standing:
    """Where a machine stands; a step in which it ran partly, or whose state is not known, is not one that it ran."""
    runs = run_share >= 1.0
    known = np.isfinite(run_share)
    last = np.maximum.accumulate(np.where(known, np.arange(len(runs)), -1))
    taken = np.where(last >= 0, runs[np.maximum(last, 0)], np.True_)
    steps = np.arange(len(runs), dtype=np.float64)
    changes = np.flatnonzero(np.diff(taken)) + 1
    begins = np.concatenate([[0], changes]).astype(np.float64)
    place = np.searchsorted(begins, steps, side="right") - 1
    before = np.where(place > 0, begins[place] - begins[np.maximum(place - 1, 0)], 0.0)
    # Of the first span nobody knows when it began: it is taken to have lasted.
    since = steps - begins[place] + np.where(place > 0, 0.0, MEMORY_US / 1e6)
    return Standing(runs, taken, since, before)


def known_values(table: Table) -> Mapping[str, tuple[str, ...]]:
    """The values of each category that a table has, in order."""
    return {
        name: tuple(sorted({value for value in values.tolist() if value is not None}))
        for name, values in table.categories.items()
    }


def is_known(table: Table, known: Mapping[str, Sequence[str]]) -> Bools:
    """bool[n]: in which steps all categories have values that training saw."""
    result = np.ones(len(table), np.bool_)
    for name, values in known.items():
        result &= np.isin(table.categories[name], list(values)) if values else True
    return result


def levels(table: Table, known: Mapping[str, Sequence[str]]) -> Floats:
    """float64[n, 1 + k]: a constant, and a 1 for every value of every category but its first."""
    columns: list[NDArray[Any]] = [np.ones(len(table))]
    for name, values in known.items():
        columns += [(table.categories[name] == value).astype(np.float64) for value in values[1:]]
    return np.column_stack(columns)


def memory(table: Table, where: Standing) -> Floats:
    """float64[n, MEMORY_WIDTH]: what stops leave behind; 0 for a machine that has run for ever."""
    step_s = table.step_us / 1e6
    taus = np.array(_TAUS_S) / step_s
    last = (1.0 - np.exp(-where.before[:, None] / taus)) * np.exp(-where.since[:, None] / taus)
    idle = 1.0 - where.taken.astype(np.float64)
    lags = [_lagged(idle, tau) for tau in taus[_LAGS_FROM:]]
    return np.column_stack([last, *lags])


def _lagged(values: Floats, tau: float) -> Floats:
    from scipy.signal import lfilter

    keep = float(np.exp(-1.0 / tau))
    return np.asarray(lfilter([1.0 - keep], [1.0, -keep], values))
