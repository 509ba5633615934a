"""Robust linear regression with a known uncertainty of what it predicts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.table import Bools, Floats

_RIDGE = 1e-6
_ROUNDS = 15
_SETTLED = 1e-4
"""Rounds end when no coefficient of a scaled regressor moves by more than this part of sigma."""
_HUBER = 1.5
_OUTLIER = 6.0
_MAD_TO_SIGMA = 1.4826
_Q90_TO_SIGMA = 1.645


@dataclass(frozen=True, slots=True)
class Scaling:
    """Regressors are centred and scaled, so that one ridge suits all; float64[k] each. The constant stays."""

    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, regressors: Floats) -> "Scaling":
        """Scaling of regressors [n, k], the first of which is the constant."""
        centre, spread = regressors.mean(axis=0), regressors.std(axis=0)
        centre[0] = 0.0
        return cls(centre, np.where(spread > 1e-9, spread, 1.0))

    def apply(self, regressors: Floats) -> Floats:
        """Scaled regressors, [n, k]."""
        return (regressors - self.centre) / self.spread


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted.

    Attributes:
        coefficients: float64[k], of the scaled regressors.
        sigma: Standard deviation of what is not explained.
        covariance: float64[k, k] in units of sigma²: how uncertain the coefficients are.
    """

    coefficients: Floats
    sigma: float
    covariance: NDArray[np.float64]


def fit(regressors: Floats, values: Floats) -> Fit:
    """Huber's M-estimate by iteratively reweighted least squares (Huber 1981, 7.8), with far outliers weighed less.

    Training spans hold faults that nobody marked; they must not become normal.

    Args:
        regressors: float64[n, k], scaled.
        values: float64[n], no NaN.
    """
    from scipy.linalg import solve

    count, width = regressors.shape
    ridge = _RIDGE * count * np.eye(width)
    floor = 1e-6 * (float(np.abs(values).max(initial=0.0)) + 1e-9)
    weights = np.ones(count)
    coefficients = np.zeros(width)
    sigma = floor
    for _ in range(_ROUNDS):
        weighted, before = (regressors * weights[:, None]).T, coefficients
        coefficients = solve(weighted @ regressors + ridge, weighted @ values, assume_a="pos")
        residual = np.abs(values - regressors @ coefficients)
        sigma = max(
            _MAD_TO_SIGMA * float(np.median(residual)), float(np.quantile(residual, 0.9)) / _Q90_TO_SIGMA, floor
        )
        weights = 1.0 / np.maximum(1.0, residual / (_HUBER * sigma))
        weights[residual > _OUTLIER * sigma] *= 0.2
        if float(np.abs(coefficients - before).max()) <= _SETTLED * sigma:
            break
    weighted = (regressors * weights[:, None]).T
    covariance = solve(weighted @ regressors + ridge, np.eye(width), assume_a="pos")
    return Fit(coefficients, sigma, covariance)


def leverage(regressors: Floats, covariance: NDArray[np.float64]) -> Floats:
    """float64[n]: variance of a prediction in units of sigma²; large where training saw nothing alike."""
    return np.einsum("ij,jk,ik->i", regressors, covariance, regressors, optimize=True)


def usable(values: Floats, rows: Bools) -> Bools:
    """bool[n]: which of the rows have a value."""
    return rows & np.isfinite(values)
