"""Temperatures, media and peripherals of injection moulding machines."""

import numpy as np

from plc_sim.model.setpoint import Setpoint
from plc_sim.model.signal import Signal, Unit
from plc_sim.model.view import Floats, View
from plc_sim.opcua.encoding import BuiltInType
from plc_sim.plants import blocks
from plc_sim.plants.blocks import CELSIUS, PERCENT, RPM, Evaluate, analog

LITRE_PER_MINUTE = Unit("L2", "l/min", "litre per minute")

NOZZLE = Setpoint(
    "Setpoints/NozzleTemperature", 231.0, 180.0, 280.0, CELSIUS, "Nozzle temperature setpoint", "喷嘴温度设定"
)
MOULD = Setpoint("Setpoints/MouldTemperature", 58.0, 20.0, 90.0, CELSIUS, "Mould temperature setpoint", "模温设定")
COOLING = Setpoint("Setpoints/CoolingFlow", 22.0, 5.0, 45.0, LITRE_PER_MINUTE, "Cooling flow setpoint", "冷却流量设定")
LIMIT = Setpoint(
    "Setpoints/OilTemperatureLimit", 65.0, 40.0, 80.0, CELSIUS, "Oil temperature limit", "油温上限", locked=True
)
SETPOINTS = (NOZZLE, MOULD, COOLING, LIMIT)


_NOZZLE_ZONE = 5


def _zone(index: int) -> Evaluate:
    """A barrel zone: hotter towards the nozzle; the third has the heater band that fails."""
    setpoint = 196.0 + 7.0 * index

    def value(view: View) -> Floats:
        lost = 24.0 * view.fault("heater_band") if index == 3 else 0.0
        told = NOZZLE.change(view, 90.0) if index == _NOZZLE_ZONE else 0.0
        steady = setpoint + told - lost + 0.5 * view.drift(f"zone{index}", 6.0)
        return 60.0 + (steady - 60.0) * view.warmth(75.0) + 0.1 * view.noise(f"zone{index}")

    return value


_ZONES = [_zone(index) for index in range(6)]


def _zones(view: View) -> Floats:
    return np.stack([zone(view) for zone in _ZONES], axis=1)


def _mould_temperature(name: str, level: float) -> Evaluate:
    def value(view: View) -> Floats:
        clogged = 11.0 * view.fault("cooling_clog")
        pulse = 2.2 * np.exp(-view.elapsed_s / 9.0) * view.in_cycle
        steady = level + MOULD.change(view, 120.0) + clogged + pulse + 0.4 * view.drift(name, 10.0)
        return 26.0 + (steady - 26.0) * view.warmth(25.0) + 0.08 * view.noise(name)

    return value


def _flow(view: View) -> Floats:
    level = np.where(view.running, COOLING.followed(view, 4.0), 9.0)
    return level * (1.0 - 0.55 * view.fault("cooling_clog")) + 0.15 * view.noise("flow")


def _hopper(view: View) -> Floats:
    """Level that falls as cycles consume material, and is refilled every 40 cycles."""
    used = (view.cycles % 40 + view.phase) / 40.0
    return 94.0 - 62.0 * used


CONDITIONS: tuple[Signal, ...] = (
    blocks.array("Barrel/ZoneTemperatures", 2000, CELSIUS, 0.0, 400.0, "Zone temperatures", "料筒温度", 6, _zones, 1),
    analog(
        "Barrel/NozzleTemperature",
        2000,
        CELSIUS,
        0.0,
        400.0,
        "Nozzle temperature",
        "喷嘴温度",
        _ZONES[5],
        decimals=1,
    ),
    analog(
        "Barrel/Zone3Temperature",
        2000,
        CELSIUS,
        0.0,
        400.0,
        "Zone 3 temperature",
        "料筒3区温度",
        _ZONES[3],
        decimals=1,
    ),
    analog(
        "Mould/FixedTemperature",
        500,
        CELSIUS,
        0.0,
        150.0,
        "Fixed half temperature",
        "定模温度",
        _mould_temperature("fixed", 58.0),
    ),
    analog(
        "Mould/MovingTemperature",
        500,
        CELSIUS,
        0.0,
        150.0,
        "Moving half temperature",
        "动模温度",
        _mould_temperature("moving", 54.0),
    ),
    analog("Cooling/Flow", 2000, LITRE_PER_MINUTE, 0.0, 60.0, "Cooling water flow", "冷却水流量", _flow),
    analog(
        "Hydraulics/OilTemperature",
        5000,
        CELSIUS,
        0.0,
        100.0,
        "Oil temperature",
        "油温",
        lambda v: 24.0 + 21.0 * v.warmth(60.0) + 0.8 * v.drift("oil", 30.0) + 0.05 * v.noise("oil"),
        kind=BuiltInType.FLOAT,
    ),
    analog(
        "Plasticising/ScrewSpeed",
        500,
        RPM,
        0.0,
        400.0,
        "Screw speed",
        "螺杆转速",
        lambda v: np.where(v.in_cycle & (v.phase > 0.34) & (v.phase < 0.76), 165.0 + 1.5 * v.noise("screw"), 0.0),
        decimals=1,
    ),
    analog(
        "Material/HopperLevel",
        10_000,
        PERCENT,
        0.0,
        100.0,
        "Hopper level",
        "料斗料位",
        _hopper,
        kind=BuiltInType.FLOAT,
    ),
    analog(
        "Material/DewPoint",
        10_000,
        CELSIUS,
        -60.0,
        20.0,
        "Dryer dew point",
        "干燥机露点",
        lambda v: -38.0 + 1.5 * v.drift("dew", 45.0) + 0.1 * v.noise("dew"),
        decimals=1,
    ),
    analog(
        "Maintenance/HoursUntilService",
        10_000,
        blocks.HOURS,
        0.0,
        200.0,
        "Hours until service",
        "距保养小时数",
        blocks.service_due,
        decimals=1,
    ),
)
"""Temperatures, media and peripherals."""
