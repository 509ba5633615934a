"""Simulated machines as tables, straight from the simulator: what models see, without a platform in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.episodes import Event
from dualspan_analytics.intelligence.table import Table
from dualspan_analytics.intelligence.templates import templates
from dualspan_analytics.intelligence.watching import AnomalySpec, Summary, Watched
from plc_sim.model.plant import Plant, Variable
from plc_sim.model.truth import Truth

MINUTE = 60_000_000
_LOOK_US = 10_000_000
_ENERGY = {"active-power": "Energy/ActivePower"}
_PACKML = _ENERGY | {
    "state": "Status/StateCurrent",
    "speed-setpoint": "Status/MachSpeed",
    "motor-current": "Drive/MotorCurrent",
    "drive-temperature": "Drive/Temperature",
}
PATHS: Mapping[str, Mapping[str, str]] = {
    "injection-moulding-machine": _ENERGY
    | {
        "state": "Status/State",
        "product-code": "Production/Article",
        "nozzle-temperature": "Barrel/NozzleTemperature",
        "barrel-temperature": "Barrel/Zone3Temperature",
        "mould-temperature-fixed": "Mould/FixedTemperature",
        "mould-temperature-moving": "Mould/MovingTemperature",
        "cooling-water-flow": "Cooling/Flow",
        "oil-temperature": "Hydraulics/OilTemperature",
        "dryer-dew-point": "Material/DewPoint",
        "injection-pressure-max": "Injection/PeakPressure",
        "cushion": "Injection/Cushion",
        "fill-time": "Injection/FillTime",
        "part-weight": "Quality/PartWeight",
        "cycle-time": "Production/CycleTime",
    },
    "tyre-curing-press": _ENERGY
    | {
        "state": "Status/State",
        "product-code": "Production/Article",
        "internal-pressure": "Bladder/Pressure",
        "internal-temperature": "Bladder/Temperature",
        "upper-platen-temperature": "Mould/UpperTemperature",
        "lower-platen-temperature": "Mould/LowerTemperature",
        "jacket-temperature": "Mould/JacketTemperature",
        "clamping-force": "Clamp/Force",
        "hydraulic-pressure": "Hydraulics/Pressure",
    },
    "depalletiser": _PACKML | {"gripper-vacuum": "Gripper/Vacuum"},
    "bottle-washer": _PACKML
    | {
        "pre-soak-temperature": "Bath/PreSoakTemperature",
        "caustic-temperature": "Bath/CausticTemperature",
        "rinse-temperature": "Bath/RinseTemperature",
        "caustic-concentration": "Bath/CausticConcentration",
        "fresh-water-flow": "Water/Flow",
    },
    "bottle-filler": _PACKML
    | {
        "bowl-pressure": "Bowl/Pressure",
        "bowl-level": "Bowl/Level",
        "product-temperature": "Product/Temperature",
        "product-flow": "Product/Flow",
        "dissolved-oxygen": "Product/DissolvedOxygen",
    },
    "tunnel-pasteuriser": _PACKML
    | {
        "holding-temperature": "Zones/HoldingTemperature",
        "pasteurisation-units": "Dose/PasteurisationUnits",
        "belt-speed": "Belt/Speed",
        "steam-valve": "Steam/Valve",
    },
    "bottle-labeller": _PACKML | {"glue-temperature": "Glue/Temperature"},
    "crate-packer": _PACKML | {"gripper-pressure": "Gripper/Pressure", "vibration": "Gripper/Vibration"},
}
"""Where the simulator has the properties of each model."""
_WORDS = {
    "Depalletiser": "depalletiser",
    "Washer": "bottle-washer",
    "Filler": "bottle-filler",
    "Pasteuriser": "tunnel-pasteuriser",
    "Labeller": "bottle-labeller",
    "Packer": "crate-packer",
    "Press": "tyre-curing-press",
    "IMM": "injection-moulding-machine",
}


def model_of(machine: str) -> str:
    """The asset model of a simulated machine."""
    return next(model for word, model in _WORDS.items() if word in machine)


def spec_of(machine: str) -> AnomalySpec:
    """The library's template, of which the simulator has these properties."""
    spec = templates()[model_of(machine)]
    there = PATHS[model_of(machine)]
    watched = tuple(watched for watched in spec.watched if watched.property in there)
    return AnomalySpec(
        spec.state, watched, spec.categories, window=spec.window, persistence=spec.persistence, guard=spec.guard
    )


def machine_table(plant: Plant, machine: str, start_us: int, end_us: int) -> Table:
    """A machine by the minute, from a look every ten seconds."""
    spec, paths = spec_of(machine), PATHS[model_of(machine)]
    names = {name: plant.variables[f"{machine}/{path}"] for name, path in paths.items()}
    state = _looks(names[spec.state.property], start_us, end_us).astype(np.int64).astype(str)
    runs = np.isin(state, spec.state.running).mean(axis=1)
    failed = np.isin(state[:, -1], spec.state.failed)
    categories = {
        name: _looks(names[name], start_us, end_us)[:, -1].astype(np.int64).astype(str).astype(object)
        for name in spec.categories
    }
    columns = dict(_columns(names, spec, start_us, end_us))
    return Table(start_us, MINUTE, runs, failed, categories, columns)


def joined(early: Table, late: Table) -> Table:
    """Two tables of one machine of which the second begins where the first ends."""
    assert early.end_us == late.start_us
    return Table(
        early.start_us,
        early.step_us,
        np.concatenate([early.run_share, late.run_share]),
        np.concatenate([early.failed, late.failed]),
        {name: np.concatenate([values, late.categories[name]]) for name, values in early.categories.items()},
        {name: np.concatenate([values, late.columns[name]]) for name, values in early.columns.items()},
    )


def _columns(
    names: Mapping[str, Variable], spec: AnomalySpec, start_us: int, end_us: int
) -> Iterator[tuple[Watched, NDArray[np.float64]]]:
    for watched in spec.watched:
        looks = _looks(names[watched.property], start_us, end_us).astype(np.float64)
        yield watched, looks.max(axis=1) if watched.summary is Summary.MAXIMUM else looks.mean(axis=1)


def _looks(variable: Variable, start_us: int, end_us: int) -> NDArray[np.float64]:
    every = max(1, _LOOK_US // variable.grid_us)
    _, values, _ = variable.ticks(start_us, end_us, every)
    return np.asarray(values).reshape((end_us - start_us) // MINUTE, -1)


def faults_of(truth: Truth, machine: str) -> list[Event]:
    """What there is to be found of a machine."""
    return [Event(f.onset_us, f.stop_us, f.end_us) for f in truth.faults if f.machine == machine]


def samples_of(
    plant: Plant, machine: str, path: str, start_us: int, end_us: int, look_us: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Times and values of a variable, looked at so often; text as text."""
    variable = plant.variables[f"{machine}/{path}"]
    times, values, _ = variable.ticks(start_us, end_us, max(1, look_us // variable.grid_us))
    if variable.signal.render is not None:
        return times, np.array([str(variable.signal.render(int(key))) for key in values.tolist()], object)
    return times, np.asarray(values)
