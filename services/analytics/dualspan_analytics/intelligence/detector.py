"""Anomaly detection: every property against what its context explains, alone and together.

Univariate: what a robust regression on product, stops, warm-up and the course of day and week does not explain, in
standard deviations that grow where training saw nothing alike. Multivariate: Hotelling's T² and the squared prediction
error (SPE, or Q) of a principal component analysis of those residuals (Jackson & Mudholkar 1979; MacGregor & Kourti
1995), each with the contributions of the properties. Only what lasts counts, and limits come from time that nothing
speaks against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence import context
from dualspan_analytics.intelligence.regression import Scaling, fit, leverage, usable
from dualspan_analytics.intelligence.season import Season, Trial, course, longest
from dualspan_analytics.intelligence.table import Bools, Floats, Table, trailing
from dualspan_analytics.intelligence.watching import AnomalySpec, Summary

_LEAST_ROWS = 500
# Residuals of neighbouring steps are alike: so many rows count as one when a prediction's uncertainty is judged.
_ALIKE = 60.0
# A correction for a stop is trusted to so many parts of itself.
_TRUST = 0.045
_NORMAL_SHARE = 0.995
_EXPLAINED = 0.9
# Deviations are cut there before components are sought, so that one fault does not become a component.
_CUT_SIGMA = 5.0
_REFERENCE = 400


class Reason(IntEnum):
    """Why a step has no score; the numbers of the contract."""

    SCORED = 0
    NOT_RUNNING = 1
    SETTLING = 2
    NO_DATA = 3
    UNKNOWN_CONTEXT = 4


class NotEnoughDataError(ValueError):
    """A span does not hold enough good data of a running machine; the text says of what."""


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of the residuals.

    Attributes:
        mean: float64[f].
        loadings: float64[f, p], orthonormal columns.
        variances: float64[p].
        limits: float64[2]: of the roots of T² and of SPE; infinite where they were never seen to matter.
    """

    mean: Floats
    loadings: NDArray[np.float64]
    variances: Floats
    limits: Floats


@dataclass(frozen=True, slots=True)
class AnomalyModel:
    """A fitted model of one machine with f watched properties and k regressors.

    Attributes:
        spec: How it was made.
        known: Values of the categories that training saw.
        scaling: Of the regressors.
        is_fitted: bool[f]; a property without data is left out.
        season: int8[f], `Season`: the course of day and week that each property follows.
        coefficients: float64[f, k]: levels, memory of stops, courses.
        sigma: float64[f].
        covariance: float64[f, k, k].
        offset: float64[f], median of what stops leave behind while running.
        limits: float64[f], in standard deviations that last.
        components: Of the residuals.
        reference: float64[f, r], some deviations of normal time: what later ones are compared with.
    """

    spec: AnomalySpec
    known: Mapping[str, tuple[str, ...]]
    scaling: Scaling
    is_fitted: Bools
    season: NDArray[np.int8]
    coefficients: NDArray[np.float64]
    sigma: Floats
    covariance: NDArray[np.float64]
    offset: Floats
    limits: Floats
    components: Components
    reference: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Regressors that set levels; then come those of memory."""
        return 1 + sum(max(0, len(values) - 1) for values in self.known.values())

    @property
    def memory(self) -> slice:
        """Which regressors say what stops leave behind."""
        return slice(self.width, self.width + context.MEMORY_WIDTH)

    @property
    def longest(self) -> Season:
        """The longest course that any property follows."""
        return Season(int(self.season.max(initial=0)))


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of a span, step by step.

    Attributes:
        time_us: int64[n], the ends of the steps.
        score: float64[n]: 1 and above is an anomaly; NaN where `reason` says why.
        reason: uint8[n], of `Reason`.
        share: float64[n, f]: how much each watched property contributes, adding up to 1; 0 where nothing deviates.
    """

    time_us: NDArray[np.int64]
    score: Floats
    reason: NDArray[np.uint8]
    share: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Seen:
    where: context.Standing
    runs: Bools  # during all of the window
    known: Bools
    columns: NDArray[np.float64]  # [f, n], of windows


def _seen(spec: AnomalySpec, known: Mapping[str, tuple[str, ...]], table: Table) -> _Seen:
    where = context.standing(table.run_share)
    runs = trailing(where.runs.astype(np.float64), spec.window, Summary.MINIMUM) == 1.0
    columns = np.stack([trailing(table.columns[watched], spec.window, watched.summary) for watched in spec.watched])
    return _Seen(where, runs, context.is_known(table, known), columns)


def _regressors(table: Table, known: Mapping[str, tuple[str, ...]], where: context.Standing, season: Season) -> Floats:
    return np.hstack([context.levels(table, known), context.memory(table, where), course(table, season)])


def normal_time(spec: AnomalySpec, table: Table) -> Bools:
    """bool[n]: what no breakdown followed within the guard."""
    begins = np.flatnonzero(np.diff(table.failed.astype(np.int8), prepend=np.int8(0)) == 1)
    marks = np.zeros(len(table) + 1, np.int64)
    np.add.at(marks, np.maximum(begins - spec.guard, 0), 1)
    np.add.at(marks, begins + 1, -1)
    return (np.cumsum(marks)[:-1] == 0) & ~table.failed


def train(spec: AnomalySpec, table: Table, first: int = 0) -> AnomalyModel:
    """Fit a model.

    Args:
        spec: What to watch, and how.
        table: The machine; the steps before `first` are there for what came before.
        first: Where the training span begins.

    Raises:
        NotEnoughDataError: The machine ran too little, or nothing that is watched has data.
    """
    known = context.known_values(table.cut(first, len(table)))
    seen = _seen(spec, known, table)
    rows = seen.runs & seen.known & (np.arange(len(table)) >= first)
    if int(rows.sum()) < _LEAST_ROWS:
        raise NotEnoughDataError(f"The machine ran in {int(rows.sum())} steps of the span; {_LEAST_ROWS} are needed.")
    season, normal = longest(len(table) - first, spec.step_us), normal_time(spec, table)
    plain = _regressors(table, known, seen.where, season)
    scaling = Scaling.of(plain[rows])
    trial = Trial.of(scaling.apply(plain), season, rows, normal, first)
    model = _fitted(spec, known, scaling, trial, seen, rows)
    if not model.is_fitted.any():
        raise NotEnoughDataError("None of the watched properties has enough good data while the machine runs.")
    deviation = deviations(model, trial.regressors[:, : len(model.scaling.centre)], seen.columns)
    deviation[:, ~seen.runs] = np.nan
    return _limited(model, deviation, rows & normal)


def _fitted(
    spec: AnomalySpec, known: Mapping[str, tuple[str, ...]], scaling: Scaling, trial: Trial, seen: _Seen, rows: Bools
) -> AnomalyModel:
    """A model without limits."""
    watched, width = len(spec.watched), trial.regressors.shape[1]
    is_fitted, season = np.zeros(watched, np.bool_), np.zeros(watched, np.int8)
    coefficients, covariance = np.zeros((watched, width)), np.zeros((watched, width, width))
    sigma = np.ones(watched)
    for place, values in enumerate(seen.columns):
        there = usable(values, rows)
        if int(there.sum()) < _LEAST_ROWS:
            continue
        season[place] = trial.chosen(values)
        used = trial.width(Season(int(season[place])))
        found = fit(trial.regressors[there, :used], values[there])
        is_fitted[place], sigma[place] = True, found.sigma
        coefficients[place, :used], covariance[place, :used, :used] = found.coefficients, found.covariance
    # Columns of a course that no property follows are not carried along.
    used = trial.width(Season(int(season.max(initial=0))))
    model = AnomalyModel(
        spec=spec,
        known=known,
        scaling=Scaling(scaling.centre[:used], scaling.spread[:used]),
        is_fitted=is_fitted,
        season=season,
        coefficients=coefficients[:, :used],
        sigma=sigma,
        covariance=covariance[:, :used, :used],
        offset=np.zeros(watched),
        limits=np.full(watched, np.inf),
        components=Components(np.zeros(watched), np.zeros((watched, 0)), np.zeros(0), np.full(2, np.inf)),
        reference=np.zeros((watched, 0)),
    )
    return replace(model, offset=_usually_left(model, trial.regressors, seen.columns, rows))


def _usually_left(
    model: AnomalyModel, regressors: Floats, columns: NDArray[np.float64], rows: Bools
) -> NDArray[np.float64]:
    """float64[f]: the median of what stops leave behind."""
    result = np.zeros(len(columns))
    for place in np.flatnonzero(model.is_fitted):
        left = regressors[usable(columns[place], rows), model.memory] @ model.coefficients[place, model.memory]
        result[place] = np.median(left)
    return result


def deviations(model: AnomalyModel, regressors: Floats, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[f, n]: what is not explained, in standard deviations of what a prediction there is worth."""
    result = np.full(columns.shape, np.nan)
    for place in np.flatnonzero(model.is_fitted):
        predicted = regressors @ model.coefficients[place]
        left_behind = regressors[:, model.memory] @ model.coefficients[place, model.memory] - model.offset[place]
        doubt = np.sqrt(1.0 + _ALIKE * leverage(regressors, model.covariance[place]))
        result[place] = (columns[place] - predicted) / (model.sigma[place] * doubt + _TRUST * np.abs(left_behind))
    return result


def lasting(deviation: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """float64[f, n]: the least of the last `width` deviations in the direction that they share; 0 if they differ."""
    result = np.zeros(deviation.shape)
    for place, values in enumerate(deviation):
        filled = np.nan_to_num(values)
        up, down = trailing(filled, width, Summary.MINIMUM), trailing(-filled, width, Summary.MINIMUM)
        result[place] = np.nan_to_num(np.maximum(np.maximum(up, down), 0.0))
    return result


def _limited(model: AnomalyModel, deviation: NDArray[np.float64], normal: Bools) -> AnomalyModel:
    spec = model.spec
    if int(normal.sum()) < _LEAST_ROWS:
        raise NotEnoughDataError(
            "Hardly any time of the span lies far enough from a breakdown to count as normal. Choose a longer span."
        )
    limits = np.full(len(spec.watched), np.inf)
    persisting = lasting(deviation, spec.persistence)
    for place in np.flatnonzero(model.is_fitted):
        worst = float(np.quantile(persisting[place, normal], _NORMAL_SHARE))
        limits[place] = max(spec.minimum_sigma, spec.margin * worst)
    return replace(
        model,
        limits=limits,
        components=_components(model, deviation, normal),
        reference=deviation[:, normal][:, :: max(1, int(normal.sum()) // _REFERENCE)].copy(),
    )


def _components(model: AnomalyModel, deviation: NDArray[np.float64], normal: Bools) -> Components:
    rows = np.nan_to_num(deviation[:, normal]).clip(-_CUT_SIGMA, _CUT_SIGMA).T
    mean = rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
    variances = singular**2 / max(1, len(rows) - 1)
    kept = int(np.searchsorted(np.cumsum(variances) / max(variances.sum(), 1e-12), _EXPLAINED)) + 1
    found = Components(mean, directions[:kept].T, np.maximum(variances[:kept], 1e-9), np.full(2, np.inf))
    lasts = np.stack([trailing(part, model.spec.persistence, Summary.MINIMUM) for part in _distances(found, deviation)])
    limits = model.spec.margin * np.nanquantile(lasts[:, normal], _NORMAL_SHARE, axis=1)
    return Components(found.mean, found.loadings, found.variances, np.maximum(limits, model.spec.minimum_sigma))


def _distances(components: Components, deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[2, n]: the roots of T² and of SPE."""
    centred = np.nan_to_num(deviation).T - components.mean
    scores = centred @ components.loadings
    rest = centred - scores @ components.loadings.T
    return np.stack([np.sqrt((scores**2 / components.variances).sum(axis=1)), np.sqrt((rest**2).sum(axis=1))])


def unexplained(model: AnomalyModel, table: Table) -> NDArray[np.float64]:
    """float64[f, n]: the deviations of a machine while it runs, NaN elsewhere: what drift is looked for in."""
    return _judged(model, _seen(model.spec, model.known, table), table)


def _judged(model: AnomalyModel, seen: _Seen, table: Table) -> NDArray[np.float64]:
    regressors = model.scaling.apply(_regressors(table, model.known, seen.where, model.longest))
    deviation = deviations(model, regressors, seen.columns)
    deviation[:, ~(seen.runs & seen.known)] = np.nan
    return deviation


def score(model: AnomalyModel, table: Table, first: int = 0) -> Scores:
    """Judge the steps of a table from `first` on; those before are there for what came before."""
    spec = model.spec
    seen = _seen(spec, model.known, table)
    deviation = _judged(model, seen, table)
    alone = lasting(deviation, spec.persistence) / model.limits[:, None]
    lasts = np.stack(
        [trailing(part, spec.persistence, Summary.MINIMUM) for part in _distances(model.components, deviation)]
    )
    together = np.nan_to_num(lasts) / model.components.limits[:, None]
    value = np.maximum(alone.max(axis=0), together.max(axis=0))
    reason = _reasons(model, seen, deviation)
    value[reason != Reason.SCORED] = np.nan
    share = _shares(model, deviation, alone, together)
    share[reason != Reason.SCORED] = 0.0
    cut = slice(first, None)
    return Scores(table.ends_us[cut], value[cut], reason[cut], share[cut])


def _reasons(model: AnomalyModel, seen: _Seen, deviation: NDArray[np.float64]) -> NDArray[np.uint8]:
    there = np.asarray(np.isfinite(deviation[model.is_fitted]).any(axis=0), np.bool_)
    settled = trailing(there.astype(np.float64), model.spec.persistence, Summary.MINIMUM) == 1.0
    conditions = [~seen.where.runs, ~seen.known, ~seen.runs, ~there, ~settled]
    reasons = [Reason.NOT_RUNNING, Reason.UNKNOWN_CONTEXT, Reason.SETTLING, Reason.NO_DATA, Reason.SETTLING]
    return np.select(conditions, reasons, default=Reason.SCORED).astype(np.uint8)


def _shares(
    model: AnomalyModel,
    deviation: NDArray[np.float64],
    alone: NDArray[np.float64],
    together: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Squares of the deviations over their limits; of the components' contributions where those say more."""
    parts = np.square(alone).T
    centred = np.nan_to_num(deviation).T - model.components.mean
    scores = centred @ model.components.loadings
    of_spe = np.square(centred - scores @ model.components.loadings.T)
    of_t2 = np.abs((scores / model.components.variances) @ model.components.loadings.T * centred)
    leading = together.argmax(axis=0)
    of_both = np.where(leading[:, None] == 0, of_t2, of_spe)
    chosen = np.where((together.max(axis=0) > alone.max(axis=0))[:, None], of_both, parts)
    return chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-12)
