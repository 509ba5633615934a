"""The seeded faults of the simulated plants: found before they end, by models that their own backtest lets live."""

import pytest

from dualspan_analytics.intelligence.proof import Verdict
from harness import seeded_faults
from harness.seeded_faults import WEEKS, judge, total
from plc_sim.plants import make_plant

PLANTS = [
    ("moulding", 1),
    pytest.param("curing", 1, marks=pytest.mark.long),
    pytest.param("packaging", 1, marks=pytest.mark.long),
    pytest.param("moulding", 2, marks=pytest.mark.long),
    pytest.param("curing", 3, marks=pytest.mark.long),
    pytest.param("packaging", 2, marks=pytest.mark.long),
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "seed"), PLANTS)
def test_each_fault_is_found_before_it_ends_with_one_false_alarm_a_week_at_most(name: str, seed: int) -> None:
    found = total([judge(make_plant(name, seed), WEEKS[0])])
    assert found.faults > 10
    assert found.found == found.faults, found
    assert found.most_false <= 1, found
    assert found.false_per_machine_week < 0.5, found
    # The rule alone would find them when the machine gives up; most are told of before.
    assert found.by_models > 0.9 * found.watched, found
    assert found.live > 0.5 * found.definitions, found
    assert found.median_lead_minutes > 20, found


def test_a_definition_that_proves_nothing_is_not_let_live(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = make_plant("packaging", 1)
    names = [machine.name for machine in plant.machines if "Depalletiser" in machine.name]
    start_us = seeded_faults.COMMISSIONED_US + WEEKS[0] * seeded_faults.WEEK
    weeks, tables = seeded_faults.proven(plant, names, start_us, 4)
    assert weeks > 0
    assert {len(each) for each in tables} == {weeks * 7 * 1440}

    class Unproven:
        verdict = Verdict.UNPROVEN

    monkeypatch.setattr(seeded_faults.proof, "judge_detection", lambda _: Unproven)
    assert seeded_faults.proven(plant, names, start_us, 1)[0] == 0
