"""Signals that machines of every industry have, and short ways to write signals down."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plc_sim.model.machine import HOUR, MachineModel, Mode
from plc_sim.model.schedule import COMMON_REASONS, MAINTENANCE_REASON, solo
from plc_sim.model.signal import Enumeration, Signal, Structure, StructureField, Unit, rounded
from plc_sim.model.timeline import Timeline
from plc_sim.model.view import Floats, View
from plc_sim.opcua.encoding import BuiltInType

CELSIUS = Unit("CEL", "°C", "degree Celsius")
BAR = Unit("BAR", "bar", "bar")
SECOND = Unit("SEC", "s", "second")
MILLIMETRE = Unit("MMT", "mm", "millimetre")
MILLIMETRE_PER_SECOND = Unit("C16", "mm/s", "millimetre per second")
KILOWATT = Unit("KWT", "kW", "kilowatt")
KILOWATT_HOUR = Unit("KWH", "kW·h", "kilowatt hour")
PERCENT = Unit("P1", "%", "percent")
RPM = Unit("RPM", "r/min", "revolutions per minute")
KILONEWTON = Unit("B47", "kN", "kilonewton")
CUBIC_METRE_PER_HOUR = Unit("MQH", "m³/h", "cubic metre per hour")
GRAM = Unit("GRM", "g", "gram")
PIECE = Unit("H87", "piece", "piece")
HOURS = Unit("HUR", "h", "hour")
AMPERE = Unit("AMP", "A", "ampere")

Evaluate = Callable[[View], Floats]
"""Numbers at the instants of a view."""

STATE = Enumeration(
    "MachineStateEnumeration",
    {0: "Running", 1: "Setup", 2: "Maintenance", 3: "Fault", 4: "Starved", 5: "Blocked", 6: "Break"},
)


def analog(
    path: str,
    grid_ms: int,
    unit: Unit,
    low: float,
    high: float,
    label: str,
    label_zh: str,
    evaluate: Callable[[View], Floats],
    *,
    decimals: int = 2,
    kind: BuiltInType = BuiltInType.DOUBLE,
) -> Signal:
    """A measured number within its range."""

    def value(view: View) -> NDArray[Any]:
        values = rounded(evaluate(view), decimals, low, high)
        return values.astype(np.float32) if kind is BuiltInType.FLOAT else values

    return Signal(path, kind, grid_ms, value, label, label_zh, unit=unit, low=low, high=high)


def flag(path: str, grid_ms: int, label: str, label_zh: str, evaluate: Callable[[View], NDArray[np.bool_]]) -> Signal:
    """A Boolean."""
    return Signal(path, BuiltInType.BOOLEAN, grid_ms, evaluate, label, label_zh)


def counter(
    path: str,
    grid_ms: int,
    label: str,
    label_zh: str,
    evaluate: Callable[[View], NDArray[np.int64]],
    kind: BuiltInType = BuiltInType.UINT32,
    unit: Unit = PIECE,
) -> Signal:
    """A whole number that counts."""
    dtype = {BuiltInType.UINT32: np.uint32, BuiltInType.INT64: np.int64, BuiltInType.UINT16: np.uint16}[kind]
    return Signal(
        path, kind, grid_ms, lambda view: evaluate(view).astype(dtype), label, label_zh, unit=unit, low=0, high=4e9
    )


def text(
    path: str,
    grid_ms: int,
    label: str,
    label_zh: str,
    evaluate: Callable[[View], NDArray[np.int64]],
    render: Callable[[int], str],
    kind: BuiltInType = BuiltInType.STRING,
) -> Signal:
    """A String (or LocalizedText) that a key stands for."""
    return Signal(path, kind, grid_ms, evaluate, label, label_zh, render=render)


def enumeration(
    path: str,
    grid_ms: int,
    label: str,
    label_zh: str,
    kind: Enumeration,
    evaluate: Callable[[View], NDArray[np.int64]],
) -> Signal:
    """An enumeration, which travels as Int32."""
    return Signal(
        path,
        BuiltInType.INT32,
        grid_ms,
        lambda view: evaluate(view).astype(np.int32),
        label,
        label_zh,
        enumeration=kind,
    )


def array(
    path: str,
    grid_ms: int,
    unit: Unit,
    low: float,
    high: float,
    label: str,
    label_zh: str,
    length: int,
    evaluate: Callable[[View], Floats],
    decimals: int = 2,
) -> Signal:
    """An array of doubles of constant length."""
    return Signal(
        path,
        BuiltInType.DOUBLE,
        grid_ms,
        lambda view: rounded(evaluate(view), decimals, low, high),
        label,
        label_zh,
        unit=unit,
        low=low,
        high=high,
        length=length,
    )


def production(grid_ms: int = 1000) -> tuple[Signal, ...]:
    """State, stop reason, product and counters: what an OEE is made of."""
    return (
        enumeration("Status/State", grid_ms, "State", "运行状态", STATE, lambda v: v.mode.astype(np.int64)),
        counter("Status/StopReason", grid_ms, "Stop reason", "停机原因代码", lambda v: v.reason, BuiltInType.UINT16),
        flag("Status/Alarm", grid_ms, "Alarm", "报警", lambda v: v.mode == Mode.FAULT),
        counter("Production/GoodCount", grid_ms, "Good count", "合格品计数", lambda v: v.good),
        counter("Production/ScrapCount", grid_ms, "Scrap count", "废品计数", lambda v: v.scrap),
        counter(
            "Production/ShiftGoodCount", grid_ms, "Good count of the shift", "本班合格品", lambda v: v.shift_units()[0]
        ),
        counter(
            "Production/ShiftScrapCount", grid_ms, "Scrap count of the shift", "本班废品", lambda v: v.shift_units()[1]
        ),
        counter("Production/CycleCount", grid_ms, "Cycle count", "循环计数", lambda v: v.cycles, BuiltInType.INT64),
    )


def energy(peak_kw: float) -> tuple[Signal, ...]:
    """Active power and the meter that integrates it."""

    def power(view: View) -> Floats:
        ripple = 0.12 * np.sin(2 * np.pi * view.phase) + 0.02 * view.noise("power")
        return view.power_kw * (1.0 + ripple)

    return (
        analog("Energy/ActivePower", 500, KILOWATT, 0.0, peak_kw, "Active power", "有功功率", power),
        analog(
            "Energy/ActiveEnergy",
            2000,
            KILOWATT_HOUR,
            0.0,
            1e9,
            "Active energy",
            "有功电能",
            # Rounded down, so that the reading never runs ahead of what was used, and never goes back.
            lambda view: np.floor(view.energy_kwh * 100.0) / 100.0,
        ),
    )


def stop_text(view_reasons: dict[int, str]) -> Callable[[int], str]:
    """Render a stop reason's number as its text."""
    texts = {0: "", **COMMON_REASONS, **view_reasons}
    return lambda key: texts.get(key, f"Reason {key}")


def service_due(view: View) -> Floats:
    """Hours of operation until the weekly maintenance."""
    week = view.week
    due = week.start[week.reason == MAINTENANCE_REASON]
    if not len(due):
        return np.full(len(view.t), 168.0)
    left = (int(due[0]) - view.t) / HOUR
    return np.where(left < 0, left + 168.0, left)


def fields(*pairs: tuple[str, BuiltInType | Structure]) -> tuple[StructureField, ...]:
    """Fields of a structure."""
    return tuple(StructureField(name, kind) for name, kind in pairs)


def timeline(seed: int, plant: str, name: str, model: MachineModel) -> Timeline:
    """The timeline of a machine that stands alone."""
    return Timeline(seed, plant, name, model, solo(seed, f"{plant}/{name}", model))
