"""The seeded faults of the simulated plants: trained on a week, found in the next, with one setting for all."""

import pytest

from dualspan_analytics.intelligence import detector
from dualspan_analytics.intelligence.episodes import Detection, detection, episodes, together
from harness.machine_tables import faults_of, machine_table, spec_of
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.plants import make_plant

START = COMMISSIONED_US + 8 * WEEK
MIDDLE, END = START + WEEK, START + 2 * WEEK


def found_in(name: str, seed: int) -> list[Detection]:
    plant = make_plant(name, seed)
    truth = plant.truth(MIDDLE, END)
    result: list[Detection] = []
    for machine in plant.machines:
        table = machine_table(plant, machine.name, START, END)
        spec, half = spec_of(machine.name), len(table) // 2
        scores = detector.score(detector.train(spec, table.cut(0, half)), table, half)
        alarms = episodes(scores.time_us, scores.score, spec.release)
        result.append(detection(faults_of(truth, machine.name), alarms, WEEK))
    return result


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["moulding", "curing", "packaging"])
def test_each_fault_is_found_before_it_ends_with_one_false_alarm_a_week_at_most(name: str) -> None:
    parts = found_in(name, 1)
    whole = together(parts)
    assert whole.events > 20
    assert whole.found == whole.events
    assert max(part.false_alarms for part in parts) <= 1
    assert whole.false_per_machine_week < 0.5
    assert whole.median_lead_us > 20 * 60_000_000
