"""What counts as unlike itself, on processes whose faults are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from predictive_maintenance.deviation import behaviour, since

STEADY = np.ones(400, np.bool_)


def noise(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 1, 400)


def test_nothing_is_unusual_in_what_is_usual() -> None:
    values = np.array([50 + noise(1), 0.5 + 0.01 * noise(2)])
    seen = behaviour(values, np.zeros(400, np.int64), STEADY)
    assert not seen.unusual.any()
    assert seen.severity()[:, 10:].max() < 1


def test_a_drift_is_found_with_its_beginning() -> None:
    values = np.array([50 + noise(1), 20 + noise(3)])
    values[1, 380:] += np.arange(20) * 2.0
    seen = behaviour(values, np.zeros(400, np.int64), STEADY)
    begin = since(seen.unusual[1])
    assert begin is not None
    assert 381 < begin < 396
    assert since(seen.unusual[0]) is None
    assert seen.severity()[1, -1] > 2


def test_each_product_has_values_of_its_own() -> None:
    product = (np.arange(400) // 50 % 2).astype(np.int64)
    values: NDArray[np.float64] = np.array([100.0 * product + noise(4)], np.float64)
    assert not behaviour(values, product, STEADY).unusual.any()
    mixed = behaviour(values, np.zeros(400, np.int64), STEADY)
    jump = values + np.where(np.arange(400) > 380, 50.0, 0.0)
    assert mixed.severity().max() < behaviour(jump, product, STEADY).severity().max()


def test_a_machine_that_warms_up_is_not_looked_at() -> None:
    steady = STEADY.copy()
    steady[300:320] = False
    values = np.array([50 + noise(5)])
    values[0, 320:326] += 40
    assert not behaviour(values, np.zeros(400, np.int64), steady).unusual.any()


def test_too_little_to_learn_from_finds_nothing() -> None:
    seen = behaviour(np.array([[1.0, 2.0, 300.0]]), np.zeros(3, np.int64), np.ones(3, np.bool_))
    assert not seen.unusual.any()
    assert np.isnan(seen.score).all()


@pytest.mark.parametrize(("flags", "begin"), [([], None), ([True, False], None), ([False, True, True], 1), ([True], 0)])
def test_since_when(flags: list[bool], begin: int | None) -> None:
    assert since(np.array(flags, np.bool_)) == begin
