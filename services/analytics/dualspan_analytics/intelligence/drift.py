"""Whether what a model sees is still what it was trained on."""

from dataclasses import dataclass

import numpy as np

from dualspan_analytics.intelligence.table import Floats

_BINS = 10
_SHARE_FLOOR = 1e-3
# Neighbouring values are alike: the test counts one of so many.
_THINNED_TO = 500
PSI_LIMIT = 0.25
"""Above it a population is said to have shifted (Siddiqi 2006, credit scoring practice)."""
KS_LIMIT = 0.3
"""Neighbouring values are alike, so that chance alone moves a day by a tenth or two of its values."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far values have moved.

    Attributes:
        psi: Population stability index over deciles of the reference.
        ks: Kolmogorov-Smirnov distance, 0 to 1.
        p_value: Of that distance, on thinned values.
    """

    psi: float
    ks: float
    p_value: float

    @property
    def is_drifted(self) -> bool:
        """Both agree, and a good part of the values is elsewhere: a day wanders, and alone each measure cries wolf."""
        return self.psi > PSI_LIMIT and self.ks > KS_LIMIT and self.p_value < 0.001


def edges_of(reference: Floats) -> Floats:
    """float64[9]: deciles of what a model was trained on."""
    there = reference[np.isfinite(reference)]
    return np.quantile(there, np.arange(1, _BINS) / _BINS) if len(there) else np.zeros(_BINS - 1)


def drift(reference: Floats, current: Floats) -> Drift:
    """Compare float64[n] with float64[m]; NaN does not count. NaN figures without data."""
    from scipy.stats import ks_2samp

    reference, current = reference[np.isfinite(reference)], current[np.isfinite(current)]
    if not len(reference) or not len(current):
        return Drift(float("nan"), float("nan"), float("nan"))
    edges = edges_of(reference)
    expected, actual = _shares(reference, edges), _shares(current, edges)
    psi = float(((actual - expected) * np.log(actual / expected)).sum())
    statistic, p_value = np.asarray(ks_2samp(_thinned(reference), _thinned(current)), np.float64).tolist()
    return Drift(psi, statistic, p_value)


def _shares(values: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values), minlength=_BINS)
    return np.maximum(counts / len(values), _SHARE_FLOOR)


def _thinned(values: Floats) -> Floats:
    return values[:: max(1, len(values) // _THINNED_TO)]
