"""The story of the plants: the same from every side, and physically possible."""

import dataclasses
import itertools

import numpy as np
import pytest

from plc_sim.model.machine import COMMISSIONED_US, DAY, HOUR, MINUTE, WEEK, Mode
from plc_sim.model.noise import key_of, normal, smooth, uniform
from plc_sim.model.plant import Plant, Variable
from plc_sim.opcua.encoding import BuiltInType
from plc_sim.plants import PLANT_NAMES, make_plant

NOW = COMMISSIONED_US + 10 * WEEK + 3 * DAY + 5 * HOUR + 123_457
_PLANTS = {name: make_plant(name, 7) for name in PLANT_NAMES}


@pytest.fixture(params=PLANT_NAMES)
def plant(request: pytest.FixtureRequest) -> Plant:
    return _PLANTS[request.param]


def named(plant: Plant, ending: str) -> list[Variable]:
    found = [variable for name, variable in plant.variables.items() if name.endswith(ending)]
    assert found
    return found


def test_there_are_about_a_thousand_variables_of_every_type() -> None:
    signals = [variable.signal for plant in _PLANTS.values() for variable in plant.variables.values()]
    assert 1200 <= len(signals) <= 1300
    kinds = {signal.kind for signal in signals}
    assert {
        BuiltInType.DOUBLE,
        BuiltInType.FLOAT,
        BuiltInType.INT32,
        BuiltInType.INT64,
        BuiltInType.UINT16,
        BuiltInType.UINT32,
        BuiltInType.BOOLEAN,
        BuiltInType.STRING,
        BuiltInType.LOCALIZED_TEXT,
        BuiltInType.DATETIME,
        BuiltInType.EXTENSION_OBJECT,
    } <= kinds
    assert any(signal.length for signal in signals)
    assert any(signal.enumeration for signal in signals)
    assert {signal.grid_ms for signal in signals} >= {100, 1000, 10_000}


def test_another_process_and_another_order_tell_the_same_story(plant: Plant) -> None:
    twin = make_plant(plant.name, 7)
    for name in reversed(list(plant.variables)):
        here = plant.variables[name].samples(NOW - 20 * MINUTE, NOW)
        there = twin.variables[name].samples(NOW - 20 * MINUTE, NOW)
        assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True)), name


def test_another_seed_tells_another_story(plant: Plant) -> None:
    other = make_plant(plant.name, 8)
    name = next(name for name in plant.variables if name.endswith("ActivePower"))
    assert not np.array_equal(
        plant.variables[name].samples(NOW - MINUTE, NOW)[1], other.variables[name].samples(NOW - MINUTE, NOW)[1]
    )


def test_a_span_read_in_pieces_is_the_span_read_at_once(plant: Plant) -> None:
    cuts = [NOW - 30 * MINUTE, NOW - 17 * MINUTE - 1, NOW - 17 * MINUTE, NOW - 61_003, NOW]
    for variable in list(plant.variables.values())[::7]:
        whole = variable.samples(cuts[0], cuts[-1])
        parts = [variable.samples(a, b) for a, b in itertools.pairwise(cuts)]
        for index in range(3):
            assert np.array_equal(whole[index], np.concatenate([part[index] for part in parts])), variable.identifier


def test_weeks_join_without_a_seam(plant: Plant) -> None:
    border = COMMISSIONED_US + 9 * WEEK
    for ending in ("Count", "ActiveEnergy"):
        for variable in named(plant, ending):
            if "Shift" in variable.identifier:
                continue
            _, values, _ = variable.ticks(border - 2 * HOUR, border + 2 * HOUR)
            steps = np.diff(values.astype(np.float64))
            assert steps.min() >= 0, variable.identifier
            assert steps.max() < 200, variable.identifier


def test_samples_are_the_ticks_that_differ_from_the_one_before(plant: Plant) -> None:
    for variable in list(plant.variables.values())[::5]:
        start = NOW - 15 * MINUTE
        times, values, _ = variable.ticks(start - variable.grid_us, NOW)
        expected = [
            int(times[index])
            for index in range(1, len(times))
            if not np.array_equal(values[index], values[index - 1]) and times[index] >= start
        ]
        assert variable.samples(start, NOW)[0].tolist() == expected, variable.identifier
        assert all(time % variable.grid_us == 0 for time in expected)


def test_the_last_sample_is_found_however_long_ago_it_was(plant: Plant) -> None:
    for variable in plant.variables.values():
        times, values, _ = variable.last(NOW)
        assert len(times) == 1
        assert times[0] <= NOW
        since = max(int(times[0]) + 1, NOW - DAY) if variable.signal.driver else int(times[0]) + 1
        assert len(variable.samples(since, NOW + 1)[0]) == 0, variable.identifier
        tick = NOW // variable.grid_us * variable.grid_us
        assert np.array_equal(variable.ticks(tick, tick + 1)[1], values), variable.identifier


def test_remembering_does_not_change_the_answer() -> None:
    first, second = make_plant("packaging", 3), make_plant("packaging", 3)
    for name in list(first.variables)[::9]:
        for later in range(0, 5 * HOUR, 37 * MINUTE):
            first.variables[name].last(NOW + later)
        there = NOW + 5 * HOUR
        assert np.array_equal(first.variables[name].last(there)[0], second.variables[name].last(there)[0]), name


def test_every_variable_that_nobody_has_to_write_changes_within_the_history(plant: Plant) -> None:
    for variable in plant.variables.values():
        if variable.signal.driver:
            continue
        assert variable.last(NOW)[0][0] > NOW - 7 * DAY, variable.identifier


def test_numbers_stay_in_their_range(plant: Plant) -> None:
    for variable in plant.variables.values():
        signal = variable.signal
        if signal.unit is None:
            continue
        _, values, _ = variable.ticks(NOW - 6 * HOUR, NOW, every=7)
        assert np.isfinite(values).all(), variable.identifier
        assert values.min() >= signal.low, variable.identifier
        assert values.max() <= signal.high, variable.identifier


def test_meters_and_counters_never_go_back(plant: Plant) -> None:
    for ending in ("ActiveEnergy", "GoodCount", "ScrapCount", "CycleCount", "ProcessedCount", "DefectiveCount"):
        for variable in (v for name, v in plant.variables.items() if name.endswith(ending) and "Shift" not in name):
            _, values, _ = variable.ticks(NOW - 2 * DAY, NOW, every=11)
            assert (np.diff(values.astype(np.float64)) >= 0).all(), variable.identifier
            assert values[0] >= 0


def test_truth_agrees_with_the_data(plant: Plant) -> None:
    start, end = NOW - 3 * DAY, NOW
    truth = plant.truth(start, end)
    assert len(truth.outputs) == len(plant.machines)
    for output in truth.outputs[:3]:
        energy = plant.variables[f"{output.machine}/Energy/ActiveEnergy"]
        _, meter, _ = energy.ticks(start, end + energy.grid_us, every=1)
        assert meter[-1] - meter[0] == pytest.approx(output.energy_kwh, rel=0.001, abs=0.2)
        power = plant.variables[f"{output.machine}/Energy/ActivePower"]
        _, kilowatts, _ = power.ticks(start, end)
        assert kilowatts.mean() * 72.0 == pytest.approx(output.energy_kwh, rel=0.01)
        stopped = sum(stop.end_us - stop.start_us for stop in truth.stops if stop.machine == output.machine)
        assert output.running_us + stopped == end - start


def test_states_agree_with_the_stops() -> None:
    plant = _PLANTS["moulding"]
    start, end = NOW - DAY, NOW
    truth = plant.truth(start, end)
    for output in truth.outputs[:4]:
        times, states, _ = plant.variables[f"{output.machine}/Status/State"].ticks(start, end)
        expected = np.zeros(len(times), np.int32)
        for stop in truth.stops:
            if stop.machine == output.machine:
                expected[(times >= stop.start_us) & (times < stop.end_us)] = Mode[stop.mode]
        assert np.array_equal(states, expected)
        count = plant.variables[f"{output.machine}/Production/CycleCount"].ticks(start, end)[1]
        assert (np.diff(count)[expected[1:] != Mode.RUNNING] <= 1).all()


def test_the_machines_of_a_line_stop_one_after_another() -> None:
    plant = _PLANTS["packaging"]
    truth = plant.truth(NOW - 2 * DAY, NOW)
    stops = {machine.name: [s for s in truth.stops if s.machine == machine.name] for machine in plant.machines}
    causes = [stop for stop in stops["Line1Filler"] if stop.mode == "FAULT"]
    assert causes
    for cause in causes:
        starved = [
            s for s in stops["Line1Labeller"] if s.mode == "STARVED" and s.start_us - cause.start_us == 50_000_000
        ]
        blocked = [s for s in stops["Line1Washer"] if s.mode == "BLOCKED" and s.start_us - cause.start_us == 25_000_000]
        assert starved
        assert blocked
        assert starved[0].end_us - starved[0].start_us == cause.end_us - cause.start_us


def test_stops_follow_each_other_without_overlap(plant: Plant) -> None:
    truth = plant.truth(COMMISSIONED_US, COMMISSIONED_US + 10 * WEEK)
    for machine in plant.machines:
        stops = [stop for stop in truth.stops if stop.machine == machine.name]
        assert all(a.end_us <= b.start_us for a, b in itertools.pairwise(stops))
        assert any(stop.planned for stop in stops)
        assert any(not stop.planned for stop in stops)
        running = next(output.running_us for output in truth.outputs if output.machine == machine.name)
        assert 0.85 < running / (10 * WEEK) < 0.99


def test_a_process_fault_shows_before_it_stops_the_machine() -> None:
    plant = _PLANTS["curing"]
    truth = plant.truth(NOW - 7 * DAY, NOW)
    traps = [
        fault for fault in truth.faults if fault.kind == "steam_trap" and fault.stop_us - fault.onset_us > 30 * MINUTE
    ]
    assert traps
    for fault in traps:
        variable = plant.variables[f"{fault.machine}/Mould/UpperTemperature"]
        healthy = np.median(variable.ticks(fault.onset_us - 20 * MINUTE, fault.onset_us)[1])
        ill = np.median(variable.ticks(fault.stop_us - 3 * MINUTE, fault.stop_us)[1])
        assert ill < healthy - 3.0


def test_before_commissioning_there_is_nothing(plant: Plant) -> None:
    variable = next(iter(plant.variables.values()))
    assert len(variable.samples(COMMISSIONED_US - DAY, COMMISSIONED_US)[0]) == 0
    assert variable.samples(COMMISSIONED_US - DAY, COMMISSIONED_US + 1)[0].tolist() == [COMMISSIONED_US]
    assert len(variable.last(COMMISSIONED_US - 1)[0]) == 0


def test_truth_is_plain_data(plant: Plant) -> None:
    assert dataclasses.asdict(plant.truth(NOW - HOUR, NOW))["end_us"] == NOW


def test_noise_is_a_function_of_key_and_counter() -> None:
    counter = np.arange(200_000, dtype=np.int64) + 10**15
    key = key_of(1, "a", "b")
    assert np.array_equal(normal(key, counter)[100:], normal(key, counter[100:]))
    assert not np.array_equal(normal(key, counter), normal(key_of(1, "ab"), counter))
    draws, spread = uniform(key, counter), normal(key, counter)
    assert 0.0 <= draws.min() < 0.001
    assert 0.999 < draws.max() < 1.0
    assert abs(spread.mean()) < 0.02
    assert abs(spread.std() - 1.0) < 0.02
    assert abs(np.corrcoef(spread[1:], spread[:-1])[0, 1]) < 0.02
    wander = smooth(key, counter * 1000, 1_000_000)
    assert np.abs(np.diff(wander)).max() < 0.02
    assert np.abs(wander).max() < 3.5
