"""A week of a simulated plant in the historian, and what really happened in it.

The samples are those that the simulator's server sends when nothing overflows; they go through the historian's Ingest
as a gateway's do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from dualspan_analytics.columns import PropertyRef
from dualspan_frame import ValueKind
from harness.analytics import AnalyticsPlatform, Bound, Plant, PlantAsset, Samples, line, machine, site
from plc_sim.model.machine import COMMISSIONED_US, WEEK, Mode
from plc_sim.model.plant import Plant as SimulatedPlant
from plc_sim.model.plant import Variable
from plc_sim.model.truth import Truth
from plc_sim.plants import make_plant

_LABELS = Path(__file__).parents[1] / "data/mapping/simulated"
PRODUCTION = (
    "state",
    "stop-reason",
    "good-count",
    "scrap-count",
    "total-count",
    "product-code",
    "order-number",
    "speed-setpoint",
    "active-energy",
)
"""What OEE, stops and energy are made of, as far as a machine has it."""


@dataclass(frozen=True)
class PlantWeek:
    """A week that is stored.

    Attributes:
        plant: The tenant; its machines are named as the simulator's, in lower case, below the line `hall`, which is
            below the site `works`.
        simulated: What the samples come from.
        machines: Those that are stored, by the simulator's names.
        start_us: Begin of the week, µs.
        end_us: Its end.
        truth: What happened in it; machines have the simulator's names.
    """

    plant: Plant
    simulated: SimulatedPlant
    machines: Sequence[str]
    start_us: int
    end_us: int
    truth: Truth

    def asset(self, simulated_machine: str) -> str:
        """The asset of a simulated machine."""
        return simulated_machine.lower()

    def ideal_us(self, simulated_machine: str) -> float:
        """Planned run time of everything that a machine made: its cycles at their nominal length."""
        found = next(each for each in self.simulated.machines if each.name == simulated_machine)
        week = found.timeline.week((self.start_us - COMMISSIONED_US) // WEEK)
        inside = (week.cycle_end >= self.start_us) & (week.cycle_end < self.end_us)
        nominal = np.array([product.cycle_s for product in found.timeline.model.products]) * 1e6
        return float(nominal[week.cycle_product[inside]].sum())

    def span_us(self, simulated_machine: str, *modes: Mode) -> int:
        """How long a machine was in some modes."""
        named = {mode.name for mode in modes}
        stops = (stop for stop in self.truth.stops if stop.machine == simulated_machine and stop.mode in named)
        return sum(stop.end_us - stop.start_us for stop in stops)


async def plant_week(
    platform: AnalyticsPlatform,
    name: str,
    properties: Sequence[str] = PRODUCTION,
    *,
    week: int = 1,
    seed: int = 1,
    machines: int | None = None,
    seal: bool = True,
) -> PlantWeek:
    """Stores a week of a simulated plant.

    Args:
        platform: Where to.
        name: `moulding`, `curing` or `packaging`.
        properties: Which, by their ids in the asset models; a machine that lacks one goes without.
        week: Weeks since the plants were commissioned.
        seed: Of the simulator.
        machines: Only so many; None: all.
        seal: Frames become segments, as in time they do.
    """
    simulated = make_plant(name, seed)
    start = COMMISSIONED_US + week * WEEK
    chosen = [each.name for each in simulated.machines[:machines]]
    bindings = _bindings(name)
    wanted: list[PlantAsset] = [site("works"), line("hall", "works")]
    variables: dict[PropertyRef, Variable] = {}
    for each in chosen:
        model, bound = bindings[each]
        mine = {slot: path for slot, path in bound.items() if slot[0] in properties}
        for (prop, index), path in mine.items():
            variables[PropertyRef(each.lower(), prop, index)] = simulated.variables[f"{each}/{path}"]
        kinds = [Bound(prop, index, _kind(variables[PropertyRef(each.lower(), prop, index)])) for prop, index in mine]
        wanted.append(machine(each.lower(), model, kinds, "hall"))
    plant = await platform.plant(wanted)
    for ref, variable in variables.items():
        await plant.ingest({ref: _samples(variable, start, start + WEEK)})
    if seal:
        await plant.seal()
    truth = simulated.truth(start, start + WEEK)
    return PlantWeek(plant, simulated, chosen, start, start + WEEK, truth)


@functools.cache
def _bindings(name: str) -> dict[str, tuple[str, dict[tuple[str, int], str]]]:
    """The model of each machine, and the variable of each of its properties, as a person labelled them."""
    document = yaml.safe_load((_LABELS / f"{name}.yaml").read_text(encoding="utf-8"))
    found: dict[str, tuple[str, dict[tuple[str, int], str]]] = {
        each["path"].rpartition("/")[2]: (each["model"], {}) for each in document["machines"]
    }
    for path, prop, index in _labels(document["variables"]):
        owner, _, variable = path.removeprefix("Machines/").partition("/")
        if owner in found:
            found[owner][1][prop, index] = variable
    return found


def _labels(text: str) -> Iterator[tuple[str, str, int]]:
    for row in text.splitlines():
        fields = [field.strip() for field in row.split("|")]
        if len(fields) < 4 or not fields[3] or fields[3] == "-":
            continue
        prop, _, index = fields[3].partition("[")
        yield fields[0], prop, int(index.rstrip("]") or 0)


def _kind(variable: Variable) -> ValueKind:
    signal = variable.signal
    if signal.render is not None:
        return ValueKind.TEXT
    values = variable.ticks(COMMISSIONED_US, COMMISSIONED_US + variable.grid_us)[1]
    kinds = {"f": ValueKind.FLOAT64, "i": ValueKind.INT64, "u": ValueKind.INT64, "b": ValueKind.BOOL}
    return kinds[values.dtype.kind]


def _samples(variable: Variable, start: int, end: int) -> Samples:
    """A variable's samples, the one that held at the start among them."""
    before = variable.last(start - 1)
    inside = variable.samples(start, end)
    times, values, status = (np.concatenate([one, other]) for one, other in zip(before, inside, strict=True))
    return times, _rendered(variable, values), status


def _rendered(variable: Variable, values: NDArray[np.generic]) -> object:
    render = variable.signal.render
    if render is None:
        return values
    keys, place = np.unique(values, return_inverse=True)
    texts = np.array([str(render(int(key))) for key in keys.tolist()], object)
    return texts[place]
