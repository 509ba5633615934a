"""What is written and commanded never changes what was sampled before, and is told again from the journal."""

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plc_sim.model.machine import COMMISSIONED_US
from plc_sim.model.operator import Operator, RefusedError
from plc_sim.model.overlay import Overlay
from plc_sim.model.plant import Plant
from plc_sim.model.writes import HOLD, Write, WriteJournal
from plc_sim.plants import make_plant

NOW = 1_795_064_400_123_457
SECOND = 1_000_000


def told(plant: Plant, machine: str, until_us: int) -> list[bytes]:
    """All samples of a machine in the half minute before a moment."""
    names = [name for name in plant.variables if name.startswith(f"{machine}/")]
    return [part.tobytes() for name in names for part in plant.variables[name].ticks(until_us - 30 * SECOND, until_us)]


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["stop", "start", "recipe", "write", "reset"]), st.integers(1, 90)), max_size=6),
    st.sampled_from(["Line1Filler", "Line2Packer"]),
)
def test_commands_do_not_change_the_past(commands: list[tuple[str, int]], name: str) -> None:
    plant = make_plant("packaging", 5)
    operator = Operator(plant)
    machine = operator.machine(name)
    assert machine is not None
    now = NOW
    for command, seconds in commands:
        now += seconds * SECOND
        before = told(plant, name, now + 1)
        try:
            match command:
                case "stop":
                    assert operator.stop(machine, now) > now
                case "start":
                    assert operator.start(machine, now) > now
                case "recipe":
                    operator.set_recipe(machine, 2, 10, now)
                case "reset":
                    operator.reset_counter(machine, now)
                case _:
                    operator.write(f"{name}/Setpoints/DriveTemperatureLimit", float(seconds), now)
        except RefusedError:
            continue
        again = make_plant("packaging", 5)
        again.writes = plant.writes
        for each in again.machines:
            again.apply_holds(each)
        assert told(again, name, now + 1) == before


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7200), st.sampled_from([70.0, 71.0, 72.0])), max_size=5))
def test_a_setpoint_of_months_is_that_of_its_ticks_and_costs_little(writes: list[tuple[int, float]]) -> None:
    plant = make_plant("packaging", 5)
    operator = Operator(plant)
    name = "Line1Filler/Setpoints/DriveTemperatureLimit"
    variable = plant.variables[name]
    now = NOW
    for seconds, value in writes:
        now += seconds * SECOND
        operator.write(name, value, now)
    plant.overlays.add(Overlay(name, "status", NOW + 100 * SECOND, NOW + 200 * SECOND, status=0x8000_0000))
    begin, end = NOW - 60 * SECOND, now + 60 * SECOND
    cuts = [*range(begin, end, 100 * variable.grid_us), end]
    parts = [variable.samples(a, b) for a, b in itertools.pairwise(cuts)]
    whole = variable.samples(begin, end)
    for position in range(3):
        assert np.array_equal(whole[position], np.concatenate([part[position] for part in parts]))
    began = time.perf_counter()
    since_the_beginning = variable.samples(COMMISSIONED_US, end)
    assert time.perf_counter() - began < 1.0, "not one tick after the other"
    assert since_the_beginning[0][1:].tolist() == whole[0].tolist()


def test_a_journal_tells_the_same_in_another_process(tmp_path: Path) -> None:
    journal = tmp_path / "overlays.jsonl"
    plant = make_plant("packaging", 5, journal)
    operator = Operator(plant)
    machine = operator.machine("Line1Filler")
    assert machine is not None
    stopped = operator.stop(machine, NOW)
    operator.set_recipe(machine, 1, 50, stopped)
    started = operator.start(machine, stopped + 60 * SECOND)
    again = make_plant("packaging", 5, journal)
    assert told(again, "Line1Filler", started + 20 * SECOND) == told(plant, "Line1Filler", started + 20 * SECOND)
    assert plant.view_at(machine, started + 1).product[0] == 1
    made = plant.variables["Line1Filler/Admin/ProdProcessedCount"]
    counts = made.ticks(stopped + SECOND, started - SECOND)[1]
    assert counts.min() == counts.max()


def test_a_process_follows_its_setpoint_as_a_first_order_lag() -> None:
    journal = WriteJournal()
    journal.add(Write("m/s", 10 * SECOND, 100.0))
    journal.add(Write("m/s", 25 * SECOND, 40.0))
    t = np.arange(0, 60 * SECOND, SECOND // 10)
    level, expected = 20.0, []
    for moment in t.tolist():
        target = 20.0 if moment < 10 * SECOND else 100.0 if moment < 25 * SECOND else 40.0
        expected.append(level)
        level += (target - level) * (1.0 - np.exp(-0.1 / 5.0))
    assert journal.lagged("m/s", t, 20.0, 5.0 * SECOND) == pytest.approx(expected, abs=1e-9)


def test_the_past_cannot_be_written() -> None:
    journal = WriteJournal()
    journal.add(Write("m/s", 10, 1.0))
    with pytest.raises(ValueError, match="already"):
        journal.add(Write("m/s", 9, 2.0))


def test_holds_end_when_they_are_told_to() -> None:
    journal = WriteJournal()
    for at, value in ((10, 1.0), (20, 0.0), (30, 1.0)):
        journal.add(Write(f"m/{HOLD}", at, value))
    assert [(hold.start_us, hold.end_us) for hold in journal.holds("m")] == [(10, 20), (30, None)]
