"""From how much speaks for a match to how likely it is right, as measured on the development set.

Platt's scaling: a logistic curve with two parameters, fitted by Newton's method (Platt 1999, with his targets that keep
it from being too sure).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SURE = 0.85
"""From this confidence on a match is applied without a look."""
SHOWN = 0.3
"""Below this confidence a match is not worth a look."""


@dataclass(frozen=True, slots=True)
class Curve:
    """confidence = 1 / (1 + exp(−(slope × strength + intercept)))."""

    slope: float
    intercept: float

    def confidence(self, strength: float) -> float:
        """How likely a match of this strength is right, 0 to 1."""
        return 1.0 / (1.0 + math.exp(-(self.slope * strength + self.intercept)))


# `dualspan onboarding mapping evaluate --fit` prints these; tests hold them against the development set.
MEASURED = Curve(slope=14.25, intercept=-8.02)


def fit(strengths: Sequence[float], right: Sequence[bool]) -> Curve:
    """The curve that explains which matches were right.

    Raises:
        ValueError: All were right, or none: there is nothing to learn from.
    """
    good = sum(right)
    if good in {0, len(right)}:
        raise ValueError("a calibration needs matches that were right and matches that were wrong")
    x = np.column_stack([np.asarray(strengths, np.float64), np.ones(len(strengths))])
    target = np.where(np.asarray(right), (good + 1.0) / (good + 2.0), 1.0 / (len(right) - good + 2.0))
    parameters = np.zeros(2)
    for _ in range(50):
        estimate = 1.0 / (1.0 + np.exp(-(x @ parameters)))
        gradient = x.T @ (target - estimate)
        hessian = (x * (estimate * (1.0 - estimate))[:, np.newaxis]).T @ x + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        parameters += step
        if float(np.abs(step).max()) < 1e-9:
            break
    return Curve(round(float(parameters[0]), 2), round(float(parameters[1]), 2))
