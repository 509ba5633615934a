"""Faults on demand that change samples."""

from pathlib import Path

import numpy as np
import pytest

from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.plants import make_plant

T = COMMISSIONED_US + 3 * WEEK
NAME = "Press01/Hydraulics/Pressure"
SENSOR_FAILURE = 0x808C_0000


def test_bad_status_begins_and_ends_with_a_sample() -> None:
    plant = make_plant("curing", 1)
    variable = plant.variables[NAME]
    plant.disturb(NAME, "status", T + 1_000_000, T + 3_000_000, SENSOR_FAILURE)
    times, _, status = variable.samples(T, T + 5_000_000)
    bad = times[status == SENSOR_FAILURE]
    # The value of a Bad sample is not sent, so only the first of them is a change.
    assert bad.tolist() == [T + 1_000_000]
    assert T + 3_000_000 in times.tolist()
    every, _, codes = variable.ticks(T, T + 5_000_000)
    assert every[codes != 0].tolist() == list(range(T + 1_000_000, T + 3_000_000, variable.grid_us))


def test_nan_is_one_change_and_only_for_floats() -> None:
    plant = make_plant("curing", 1)
    plant.disturb(NAME, "nan", T, T + 2_000_000)
    times, values, _ = plant.variables[NAME].samples(T - 1_000_000, T + 4_000_000)
    assert times[np.isnan(values)].tolist() == [T]
    with pytest.raises(ValueError, match="not a floating-point"):
        plant.disturb("Press01/Status/State", "nan", T, T + 1)


def test_disturbances_survive_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "curing" / "overlays.jsonl"
    first = make_plant("curing", 1, journal)
    first.disturb(NAME, "status", T, T + 1_000_000, SENSOR_FAILURE)
    first.disturb("Press02/Hydraulics/PumpVibration", "nan", T, T + 20_000_000)
    second = make_plant("curing", 1, journal)
    assert second.overlays.all() == first.overlays.all()
    for name in (NAME, "Press02/Hydraulics/PumpVibration"):
        here, there = (plant.variables[name].ticks(T, T + 30_000_000) for plant in (first, second))
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(here, there, strict=True))


def test_what_was_remembered_is_forgotten_when_the_past_changes() -> None:
    plant = make_plant("curing", 1)
    variable = plant.variables[NAME]
    assert variable.last(T)[2][0] == 0
    plant.disturb(NAME, "status", T - 1_000_000, T + 1_000_000, SENSOR_FAILURE)
    assert variable.last(T)[2][0] == SENSOR_FAILURE


@pytest.mark.parametrize(("name", "start", "end"), [("Press99/None", 0, 1), (NAME, 5, 5)])
def test_nonsense_is_refused(name: str, start: int, end: int) -> None:
    with pytest.raises(ValueError, match=r"no variable|must last"):
        make_plant("curing", 1).disturb(name, "status", start, end, SENSOR_FAILURE)
