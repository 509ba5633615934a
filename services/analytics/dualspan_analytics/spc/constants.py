"""The constants of control charts, computed from the normal distribution.

Tables (ISO 7870-2, table 2; ASTM E2587, table 1; Montgomery, appendix VI) print three or four digits of them, for
subgroups of up to 25. Published examples, spreadsheets and most programs compute with what is printed, which shows in
the fourth digit of a limit: so do charts here, unless they are asked to be exact.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_VALUES = 1000
"""Largest subgroup whose range is used; long before that a range says less than a standard deviation."""

# Nodes of the quadratures: with these, d2 and d3 are good to 12 digits for subgroups of 2 to 1000.
_NODES = 192
_WIDEST_RANGE = 14.0
_FARTHEST = 8.5


def c4(size: int) -> float:
    """E(s)/σ: by how much the standard deviation of `size` normal values is too small on average.

    Args:
        size: Values in a subgroup, 2 or more.

    Raises:
        ValueError: A single value has no standard deviation.
    """
    from scipy.special import gammaln

    _check(size)
    return math.exp(0.5 * math.log(2 / (size - 1)) + float(gammaln(size / 2) - gammaln((size - 1) / 2)))


def d2(size: int) -> float:
    """E(R)/σ: the mean range of `size` normal values.

    Raises:
        ValueError: There are fewer than 2 values or more than `MOST_VALUES`.
    """
    return _range_moments(size)[0]


def d3(size: int) -> float:
    """The standard deviation of the range of `size` normal values, in σ.

    Raises:
        ValueError: There are fewer than 2 values or more than `MOST_VALUES`.
    """
    return _range_moments(size)[1]


@dataclass(frozen=True, slots=True)
class Factors:
    """What σ is multiplied with, for each of k subgroups; NaN where a subgroup has no spread.

    Attributes:
        expected: float64[k]: E(R)/σ or E(s)/σ.
        scatter: float64[k]: standard deviation of R or s, in σ.
        lower: float64[k]: lower limit of R or s, in its expectation (D3 or B3).
        upper: float64[k]: upper limit of R or s, in its expectation (D4 or B4).
        location: float64[k]: standard error of the mean, in σ, as A2 or A3 have it.
    """

    expected: NDArray[np.float64]
    scatter: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    location: NDArray[np.float64]


def range_factors(sizes: NDArray[np.int64], sigmas: float, *, is_exact: bool) -> Factors:
    """Factors of ranges, for limits at `sigmas` standard errors; sizes int64[k]."""
    return _factors(sizes, sigmas, d2, d3, 3, is_exact=is_exact)


def deviation_factors(sizes: NDArray[np.int64], sigmas: float, *, is_exact: bool) -> Factors:
    """Factors of standard deviations, for limits at `sigmas` standard errors; sizes int64[k]."""
    return _factors(sizes, sigmas, c4, lambda size: math.sqrt(1 - c4(size) ** 2), 4, is_exact=is_exact)


_PRINTED_UP_TO = 25
_PRINTED_DIGITS = 3
_PRINTED_SIGMAS = 3.0


def _factors(
    sizes: NDArray[np.int64],
    sigmas: float,
    expected_of: Callable[[int], float],
    scatter_of: Callable[[int], float],
    digits: int,
    *,
    is_exact: bool,
) -> Factors:
    distinct, place = np.unique(sizes, return_inverse=True)
    columns = np.full((5, len(distinct)), np.nan)
    for at, size in enumerate(distinct.tolist()):
        if not 2 <= size <= MOST_VALUES:
            continue
        expected, scatter = expected_of(size), scatter_of(size)
        reach, location = sigmas * scatter / expected, 1 / math.sqrt(size)
        lower, upper = max(0.0, 1 - reach), 1 + reach
        if not is_exact and size <= _PRINTED_UP_TO:
            factor = round(_PRINTED_SIGMAS * location / expected, _PRINTED_DIGITS)
            expected = round(expected, digits)
            if sigmas == _PRINTED_SIGMAS:
                location = factor * expected / _PRINTED_SIGMAS
                lower, upper = round(lower, _PRINTED_DIGITS), round(upper, _PRINTED_DIGITS)
        columns[:, at] = expected, scatter, lower, upper, location
    return Factors(*columns[:, place])


def _check(size: int) -> None:
    if size < 2:
        raise ValueError(f"A subgroup of {size} has no spread: 2 values at the least.")


@functools.lru_cache(maxsize=2048)
def _range_moments(size: int) -> tuple[float, float]:
    """Mean and standard deviation of W, the range of `size` standard normal values.

    P(W <= w) = n ∫ φ(x) (Φ(x + w) - Φ(x))^(n-1) dx (Tippett 1925), E(W) = ∫ P(W > w) dw, E(W²) = 2 ∫ w P(W > w) dw.
    """
    from scipy.special import ndtr

    _check(size)
    if size > MOST_VALUES:
        raise ValueError(f"Ranges of {size} values are not used: {MOST_VALUES} at the most. Use standard deviations.")
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    w, w_weights = (nodes + 1) * _WIDEST_RANGE / 2, weights * _WIDEST_RANGE / 2
    x, x_weights = nodes * _FARTHEST, weights * _FARTHEST
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    inside = ndtr(x[None, :] + w[:, None]) - ndtr(x[None, :])
    exceeds = 1.0 - size * (inside ** (size - 1)) @ (density * x_weights)
    mean = float(exceeds @ w_weights)
    square = float(2 * (w * exceeds) @ w_weights)
    return mean, math.sqrt(square - mean**2)
