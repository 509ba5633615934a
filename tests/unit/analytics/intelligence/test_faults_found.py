"""The seeded faults of the simulated plants: trained on a week, found in the next, with one setting for all."""

import numpy as np
import pytest

from dualspan_analytics.alarms.evaluation import Samples, evaluate
from dualspan_analytics.alarms.plan import make_plan
from dualspan_analytics.alarms.rules import AlarmRule, Scope, States
from dualspan_analytics.alarms.table import Standing
from dualspan_analytics.assets import Asset, AssetLevel, AssetModel, AssetTree, Binding, ModelProperty, PropertyRole
from dualspan_analytics.intelligence import detector
from dualspan_analytics.intelligence.episodes import Detection, Episode, Event, detection, episodes, together
from dualspan_frame import ValueKind
from harness.machine_tables import PATHS, faults_of, machine_table, model_of, samples_of, spec_of
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.model.plant import Plant
from plc_sim.model.truth import Truth
from plc_sim.plants import make_plant

START = COMMISSIONED_US + 8 * WEEK
MIDDLE, END = START + WEEK, START + 2 * WEEK


def of_model(plant: Plant, machine: str) -> list[Episode]:
    """Alarms of the model of one machine in the second week."""
    table = machine_table(plant, machine, START, END)
    spec, half = spec_of(machine), len(table) // 2
    scores = detector.score(detector.train(spec, table.cut(0, half)), table, half)
    return episodes(scores.time_us, scores.score, spec.release)


def of_rule(plant: Plant, machine: str) -> list[Episode]:
    """Alarms of a rule that is raised while the machine says that it has broken down, in the second week."""
    state = spec_of(machine).state
    rule = AlarmRule(
        "down", "Broken down", Scope((machine,)), States(state.failed), "Find out why.", name=state.property
    )
    kind = ModelProperty(state.property, "", "", ValueKind.INT64, "", PropertyRole.STATE, indexed=False)
    model = AssetModel("machine", "1.0.0", "", "", {state.property: kind}, (), ())
    bound = {(state.property, 0): Binding(1, 1.0, 0.0, unit_known=True)}
    asset = Asset(machine, machine, AssetLevel.MACHINE, "", "machine", "1.0.0", bound)
    plan = make_plan([rule], AssetTree({machine: asset}, {("machine", "1.0.0"): model}))
    path = PATHS[model_of(machine)][state.property]
    times, values = samples_of(plant, machine, path, MIDDLE, END, 10_000_000)
    count = len(times)
    samples = Samples(np.zeros(count, np.int64), times, values.astype(np.float64), np.zeros(count, np.uint32))
    _, changes = evaluate(plan.table, Standing.beginning(plan.table, MIDDLE), samples, END, END)
    edges = np.append(changes.timestamp, END).tolist()
    raised = np.flatnonzero(changes.raised).tolist()
    return [Episode(edges[place], edges[place + 1]) for place in raised]


def breakdowns(truth: Truth, machine: str) -> list[Event]:
    """When a machine was broken down: an alarm then is not in vain."""
    stops = [stop for stop in truth.stops if stop.machine == machine and stop.mode == "FAULT"]
    return [Event(stop.start_us, stop.start_us, stop.end_us) for stop in stops]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["moulding", "curing", "packaging"])
def test_each_fault_is_found_before_it_ends_with_one_false_alarm_a_week_at_most(name: str) -> None:
    plant = make_plant(name, 1)
    truth = plant.truth(MIDDLE, END)
    machines = [machine.name for machine in plant.machines]
    parts = [detection(faults_of(truth, each), of_model(plant, each), WEEK) for each in machines]
    whole = together(parts)
    assert whole.events > 20
    assert whole.found == whole.events
    assert max(part.false_alarms for part in parts) <= 1
    assert whole.false_per_machine_week < 0.5
    assert whole.median_lead_us > 20 * 60_000_000


def both(plant: Plant, truth: Truth, machine: str) -> tuple[Detection, Detection]:
    """What the model finds, and what the model and the rule find together."""
    faults, model, rule = faults_of(truth, machine), of_model(plant, machine), of_rule(plant, machine)
    in_vain = detection(breakdowns(truth, machine), rule, WEEK).false_alarms
    assert in_vain == 0
    return detection(faults, model, WEEK), detection(faults, sorted([*model, *rule], key=lambda e: e.start_us), WEEK)


def test_what_a_model_cannot_see_an_alarm_rule_finds_when_the_machine_gives_up() -> None:
    # A steam trap that fails while the press is still warming up: no press is well or ill at 100 °C yet.
    plant = make_plant("curing", 3)
    alone, together_ = both(plant, plant.truth(MIDDLE, END), "Press07")
    assert alone.found == alone.events - 1
    assert alone.false_alarms <= 1
    assert together_.found == together_.events == alone.events
