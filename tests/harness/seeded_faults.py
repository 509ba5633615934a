"""What the product finds of the faults that the simulator seeds: by models that its own gate lets live, and by a rule.

`make faults` repeats the measurement that the guides cite. Each plant has a history, on which models are trained as a
person would: on the last week, and on more weeks as long as the backtest does not say "better". The week after it is
judged with what is live by then, beside one alarm rule on the machine's state.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from dualspan_analytics.alarms.evaluation import Samples, evaluate
from dualspan_analytics.alarms.plan import make_plan
from dualspan_analytics.alarms.rules import AlarmRule, Scope, States
from dualspan_analytics.alarms.table import Standing
from dualspan_analytics.assets import Asset, AssetLevel, AssetModel, AssetTree, Binding, ModelProperty, PropertyRole
from dualspan_analytics.intelligence import detector, proof
from dualspan_analytics.intelligence.episodes import Detection, Episode, Event, detection, episodes, together
from dualspan_analytics.intelligence.proof import Verdict
from dualspan_frame import ValueKind
from harness.machine_tables import PATHS, faults_of, joined, machine_table, model_of, samples_of, spec_of
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.plants import make_plant

if TYPE_CHECKING:
    from dualspan_analytics.intelligence.table import Table
    from plc_sim.model.plant import Plant
    from plc_sim.model.truth import Truth

PLANTS = ("moulding", "curing", "packaging")
SEEDS = range(1, 7)
WEEKS = (9, 21)
"""Of the plants' lives: the weeks that are judged."""
MOST_HISTORY = 4


@dataclass(frozen=True, slots=True)
class Judged:
    """One machine in one week.

    Attributes:
        machine: Its name.
        asset_model: Of which definition its model is.
        trained_on: Weeks of history of the version that was live; 0: none was let live.
        models: What the live model found; nothing if there is none.
        whole: What it and the rule found.
        worst: False alarms of both.
    """

    machine: str
    asset_model: str
    trained_on: int
    models: Detection
    whole: Detection
    worst: int


def judge(plant: Plant, week: int, most_history: int = MOST_HISTORY) -> list[Judged]:
    """Every machine of a plant in one week, with the models that are live by then."""
    start_us = COMMISSIONED_US + week * WEEK
    names = [machine.name for machine in plant.machines]
    found: list[Judged] = []
    truth = plant.truth(start_us, start_us + WEEK)
    for asset_model in sorted({model_of(name) for name in names}):
        own = [name for name in names if model_of(name) == asset_model]
        weeks, tables = proven(plant, own, start_us, most_history)
        for name, history in zip(own, tables, strict=True):
            alarms = live_alarms(plant, name, history, start_us) if weeks else []
            found.append(_judged(plant, truth, name, weeks, alarms))
    return found


def proven(plant: Plant, names: Sequence[str], until_us: int, most: int) -> tuple[int, list[Table]]:
    """The weeks of history that a definition had to be trained on to be let live, 0 if none did, and its machines."""
    tables = [machine_table(plant, name, until_us - WEEK, until_us) for name in names]
    for weeks in range(1, most + 1):
        begin_us = until_us - weeks * WEEK
        if weeks > 1:
            earlier = [machine_table(plant, name, begin_us, begin_us + WEEK) for name in names]
            tables = [joined(early, late) for early, late in zip(earlier, tables, strict=True)]
        truth = plant.truth(begin_us, until_us)
        parts = [
            proof.backtest(spec_of(name), table, 0, faults_of(truth, name))
            for name, table in zip(names, tables, strict=True)
        ]
        if proof.judge_detection(proof.pooled(parts)).verdict is Verdict.BETTER:
            return weeks, tables
    return 0, tables


def live_alarms(plant: Plant, machine: str, history: Table, start_us: int) -> list[Episode]:
    """Alarms of a machine's model, trained on its history, in the week that follows."""
    spec = spec_of(machine)
    table = joined(history, machine_table(plant, machine, start_us, start_us + WEEK))
    scores = detector.score(detector.train(spec, history), table, len(history))
    return episodes(scores.time_us, scores.score, spec.release)


def rule_alarms(plant: Plant, machine: str, start_us: int) -> list[Episode]:
    """Alarms of a rule that is raised while the machine says that it has broken down, in a week."""
    end_us = start_us + WEEK
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
    times, values = samples_of(plant, machine, path, start_us, end_us, 10_000_000)
    count = len(times)
    samples = Samples(np.zeros(count, np.int64), times, values.astype(np.float64), np.zeros(count, np.uint32))
    _, changes = evaluate(plan.table, Standing.beginning(plan.table, start_us), samples, end_us, end_us)
    edges = np.append(changes.timestamp, end_us).tolist()
    return [Episode(edges[place], edges[place + 1]) for place in np.flatnonzero(changes.raised).tolist()]


def breakdowns(truth: Truth, machine: str) -> list[Event]:
    """When a machine was broken down: a rule's alarm then is not in vain."""
    stops = [stop for stop in truth.stops if stop.machine == machine and stop.mode == "FAULT"]
    return [Event(stop.start_us, stop.start_us, stop.end_us) for stop in stops]


def _judged(plant: Plant, truth: Truth, machine: str, weeks: int, alarms: Sequence[Episode]) -> Judged:
    faults, rule = faults_of(truth, machine), rule_alarms(plant, machine, truth.start_us)
    in_vain = detection(breakdowns(truth, machine), rule, WEEK).false_alarms
    models = detection(faults, alarms, WEEK)
    whole = detection(faults, sorted([*alarms, *rule], key=lambda each: each.start_us), WEEK)
    return Judged(machine, model_of(machine), weeks, models, whole, models.false_alarms + in_vain)


@dataclass(frozen=True, slots=True)
class Total:
    """Figures over many machines and weeks.

    Attributes:
        faults: That were seeded.
        found: Of which by a live model or the rule, before they were repaired.
        by_models: Of which by a live model.
        watched: Faults of machines that had a live model.
        definitions: Definitions that were trained, each once for a plant, seed and week.
        live: Of which so many were let live.
        median_lead_minutes: Between the alarm of a model and the stop.
        false_per_machine_week: False alarms of both together.
        most_false: Of one machine in one week.
    """

    faults: int
    found: int
    by_models: int
    watched: int
    definitions: int
    live: int
    median_lead_minutes: float
    false_per_machine_week: float
    most_false: int


def total(runs: Sequence[Sequence[Judged]]) -> Total:
    """The figures of several plants and weeks."""
    every = [each for run in runs for each in run]
    models, whole = together([each.models for each in every]), together([each.whole for each in every])
    definitions = [{each.asset_model: each.trained_on for each in run} for run in runs]
    return Total(
        faults=whole.events,
        found=whole.found,
        by_models=models.found,
        watched=sum(each.models.events for each in every if each.trained_on),
        definitions=sum(map(len, definitions)),
        live=sum(weeks > 0 for known in definitions for weeks in known.values()),
        median_lead_minutes=models.median_lead_us / 60e6,
        false_per_machine_week=sum(each.worst for each in every) / len(every),
        most_false=max(each.worst for each in every),
    )


def _run(what: tuple[str, int, int]) -> list[Judged]:
    name, seed, week = what
    return judge(make_plant(name, seed), week)


def _runs(seeds: int) -> Iterator[tuple[str, int, int]]:
    return ((name, seed, week) for week in WEEKS for seed in SEEDS[:seeds] for name in PLANTS)


def main() -> int:
    """Judge all plants, and print the figures; ends with 1 if a fault was missed or a machine cried wolf."""
    parser = argparse.ArgumentParser(prog="seeded_faults", description="What is found of the faults that are seeded.")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many plants of each kind")
    parser.add_argument("--workers", type=int, default=2, help="processes at the same time")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    arguments = parser.parse_args()
    wanted = list(_runs(arguments.seeds))
    found: list[list[Judged]] = []
    with ProcessPoolExecutor(arguments.workers) as workers:
        for what, run in zip(wanted, workers.map(_run, wanted), strict=True):
            found.append(run)
            print(f"{what[0]} seed {what[1]} week {what[2]}: {_words(total([run]))}", file=sys.stderr)
    whole = total(found)
    print(json.dumps(asdict(whole)) if arguments.json else _words(whole))
    return int(whole.found < whole.faults or whole.most_false > 1)


def _words(figures: Total) -> str:
    return (
        f"{figures.found} of {figures.faults} seeded faults found before they were repaired, "
        f"{figures.by_models} of {figures.watched} by models ({figures.live} of {figures.definitions} definitions let "
        f"live), {figures.median_lead_minutes:.0f} min ahead; {figures.false_per_machine_week:.2f} false alarms per "
        f"machine and week, {figures.most_false} at the most"
    )


if __name__ == "__main__":
    sys.exit(main())
