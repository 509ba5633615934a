"""What each kind of machine of a bottle line measures besides its PackTags."""

import numpy as np

from plc_sim.model.machine import Mode
from plc_sim.model.setpoint import Setpoint
from plc_sim.model.signal import Signal, Unit
from plc_sim.model.view import Floats, View
from plc_sim.plants import blocks
from plc_sim.plants.blocks import (
    BAR,
    CELSIUS,
    CUBIC_METRE_PER_HOUR,
    MILLIMETRE_PER_SECOND,
    PERCENT,
    Evaluate,
    analog,
    counter,
    flag,
    text,
)
from plc_sim.plants.packml import speed

PASTEURISATION_UNIT = Unit("C62", "PU", "pasteurisation unit")
GRAM_PER_LITRE = Unit("GL", "g/l", "gram per litre")

_VACUUM = Setpoint("Setpoints/Vacuum", -0.62, -0.9, -0.3, BAR, "Vacuum setpoint", "真空设定")
_CAUSTIC = Setpoint("Setpoints/CausticTemperature", 81.0, 60.0, 88.0, CELSIUS, "Caustic setpoint", "碱液温度设定")
_BOWL = Setpoint("Setpoints/BowlPressure", 3.0, 1.5, 4.5, BAR, "Bowl pressure setpoint", "酒缸压力设定")
_HOLDING = Setpoint("Setpoints/HoldingTemperature", 62.0, 55.0, 72.0, CELSIUS, "Holding setpoint", "保温温度设定")
_GLUE = Setpoint("Setpoints/GlueTemperature", 28.0, 20.0, 60.0, CELSIUS, "Glue setpoint", "胶水温度设定")
_AIR = Setpoint("Setpoints/GripperPressure", 5.8, 3.0, 8.0, BAR, "Gripper pressure setpoint", "抓头气压设定")

# The first machine of a line is never starved, the last never blocked: they have no such signal.
_STARVED = flag("Status/Starved", 500, "Starved", "缺瓶", lambda v: v.mode == Mode.STARVED)
_BLOCKED = flag("Status/Blocked", 500, "Blocked", "堵瓶", lambda v: v.mode == Mode.BLOCKED)


def _vacuum(view: View) -> Floats:
    level = _VACUUM.followed(view, 2.0) * view.run
    return level * (1.0 - 0.5 * view.fault("vacuum_leak")) + 0.006 * view.noise("vacuum")


def _bowl_pressure(view: View) -> Floats:
    level = 2.1 + (_BOWL.followed(view, 5.0) - 2.1) * view.run
    return level + 0.05 * view.drift("bowl", 1.0) + 0.012 * view.noise("bowl")


def _held_at(view: View) -> Floats:
    """Temperature of the holding zone."""
    cold = 4.5 * view.fault("heat_exchanger")
    return _HOLDING.followed(view, 120.0) - cold + 0.3 * view.drift("zone3", 12.0)


def _glue_temperature(view: View) -> Floats:
    level = 24.0 + (_GLUE.followed(view, 90.0) - 24.0) * view.warmth(15.0)
    return level - 7.0 * view.fault("glue_heater") + 0.1 * view.noise("glue")


def _gripper_pressure(view: View) -> Floats:
    level = _AIR.followed(view, 2.0) - 1.7 * view.fault("air_leak")
    return level + 0.12 * view.drift("air", 3.0) + 0.02 * view.noise("air")


DEPALLETISER: tuple[Signal, ...] = (
    _VACUUM.signal(),
    _BLOCKED,
    counter("Layers/Remaining", 1000, "Layers left", "剩余层数", lambda v: 12 - v.cycles // 8 % 12),
    flag("Layers/PalletPresent", 1000, "Pallet present", "托盘到位", lambda v: v.cycles % 96 > 2),
    analog(
        "Gripper/Vacuum",
        500,
        BAR,
        -1.0,
        0.0,
        "Gripper vacuum",
        "抓手真空",
        _vacuum,
        decimals=3,
    ),
)
"""Layers, pallet and vacuum gripper."""


def _bath(name: str, level: float) -> Evaluate:
    def value(view: View) -> Floats:
        cold = 9.0 * view.fault("caustic_heater")
        told = _CAUSTIC.change(view, 300.0) if name == "caustic" else 0.0
        return level + told - cold + 0.5 * view.drift(name, 20.0) + 0.08 * view.noise(name)

    return value


WASHER: tuple[Signal, ...] = (
    _CAUSTIC.signal(),
    _STARVED,
    _BLOCKED,
    analog(
        "Bath/PreSoakTemperature",
        2000,
        CELSIUS,
        0.0,
        100.0,
        "Pre-soak temperature",
        "预浸温度",
        _bath("soak", 42.0),
        decimals=1,
    ),
    analog(
        "Bath/CausticTemperature",
        1000,
        CELSIUS,
        0.0,
        100.0,
        "Caustic temperature",
        "碱液温度",
        _bath("caustic", 81.0),
    ),
    analog(
        "Bath/RinseTemperature",
        2000,
        CELSIUS,
        0.0,
        100.0,
        "Rinse temperature",
        "冲洗温度",
        _bath("rinse", 33.0),
        decimals=1,
    ),
    analog(
        "Bath/CausticConcentration",
        10_000,
        GRAM_PER_LITRE,
        0.0,
        50.0,
        "Caustic concentration",
        "碱液浓度",
        lambda v: 21.0 + 0.8 * v.drift("concentration", 120.0) + 0.05 * v.noise("concentration"),
    ),
    analog(
        "Water/Flow",
        1000,
        CUBIC_METRE_PER_HOUR,
        0.0,
        60.0,
        "Fresh water flow",
        "新鲜水流量",
        lambda v: 2.0 + 15.0 * v.run + 0.2 * v.noise("water"),
    ),
)
"""Baths and water."""


def _heads(view: View) -> Floats:
    """Fill level of 12 sampled heads, mm below the rim; the fifth has the valve that leaks."""
    columns = [
        58.0 + 0.6 * view.per_cycle(f"head{n}") + (7.0 * view.fault("filling_valve") if n == 4 else 0.0)
        for n in range(12)
    ]
    return np.stack(columns, axis=1)


FILLER: tuple[Signal, ...] = (
    _BOWL.signal(),
    _STARVED,
    _BLOCKED,
    analog(
        "Bowl/Pressure",
        100,
        BAR,
        0.0,
        6.0,
        "Bowl pressure",
        "酒缸压力",
        _bowl_pressure,
        decimals=3,
    ),
    analog(
        "Bowl/Level",
        500,
        PERCENT,
        0.0,
        100.0,
        "Bowl level",
        "酒缸液位",
        lambda v: 62.0 + 4.0 * v.drift("level", 1.5) + 0.2 * v.noise("level"),
        decimals=1,
    ),
    analog(
        "Product/Temperature",
        1000,
        CELSIUS,
        0.0,
        40.0,
        "Product temperature",
        "产品温度",
        lambda v: 3.2 + 0.4 * v.drift("product", 30.0) + 3.0 * (1.0 - v.warmth(30.0)) + 0.03 * v.noise("product"),
    ),
    analog(
        "Product/Flow",
        500,
        CUBIC_METRE_PER_HOUR,
        0.0,
        40.0,
        "Product flow",
        "产品流量",
        lambda v: speed(v) * 0.5 * v.scale / 1000.0,
    ),
    analog(
        "Product/DissolvedOxygen",
        10_000,
        Unit("M1", "µg/l", "microgram per litre"),
        0.0,
        500.0,
        "Dissolved oxygen",
        "溶解氧",
        lambda v: 28.0 + 6.0 * v.drift("oxygen", 60.0) + 90.0 * v.fault("filling_valve") + v.noise("oxygen"),
        decimals=1,
    ),
    blocks.array("Heads/FillLevels", 2000, blocks.MILLIMETRE, 0.0, 150.0, "Fill levels", "灌装液位", 12, _heads, 1),
    counter("Rejects/Underfilled", 1000, "Underfilled bottles", "欠灌瓶数", lambda v: v.scrap * 2 // 3),
    flag("Crowner/CrownsLow", 1000, "Crowns low", "瓶盖不足", lambda v: v.cycles % 900 > 860),
)
"""Bowl, product, filling heads and crowner."""


def _zones(view: View) -> Floats:
    levels = (32.0, 45.0, 56.0, 62.0, 61.5, 48.0, 36.0, 28.0)
    fouled, told = view.fault("heat_exchanger"), _HOLDING.change(view, 120.0)
    columns = [
        level + (told - 4.5 * fouled if 2 <= n <= 4 else 0.0) + 0.3 * view.drift(f"zone{n}", 12.0)
        for n, level in enumerate(levels)
    ]
    return np.stack(columns, axis=1)


PASTEURISER: tuple[Signal, ...] = (
    _HOLDING.signal(),
    _STARVED,
    _BLOCKED,
    blocks.array("Zones/Temperatures", 2000, CELSIUS, 0.0, 90.0, "Zone temperatures", "各区温度", 8, _zones, 2),
    analog(
        "Zones/HoldingTemperature",
        500,
        CELSIUS,
        0.0,
        90.0,
        "Holding temperature",
        "保温温度",
        lambda v: _held_at(v) + 0.05 * v.noise("hold"),
    ),
    analog(
        "Dose/PasteurisationUnits",
        2000,
        PASTEURISATION_UNIT,
        0.0,
        100.0,
        "Pasteurisation units",
        "巴氏杀菌单位",
        # 20 minutes at T give 20 × 1.393^(T − 60) units (DelVecchio et al. 1951).
        lambda v: 12.0 * 1.393 ** (_held_at(v) - 60.0) * (1.0 + 0.01 * v.noise("pu")),
        decimals=1,
    ),
    analog(
        "Belt/Speed",
        1000,
        MILLIMETRE_PER_SECOND,
        0.0,
        20.0,
        "Belt speed",
        "链带速度",
        lambda v: 6.5 * v.run * (1.0 + 0.005 * v.noise("belt")),
        decimals=3,
    ),
    analog(
        "Steam/Valve",
        1000,
        PERCENT,
        0.0,
        100.0,
        "Steam valve",
        "蒸汽阀开度",
        lambda v: 12.0 + 34.0 * v.run + 30.0 * v.fault("heat_exchanger") + 3.0 * v.drift("steam", 4.0),
        decimals=1,
    ),
)
"""Zones, belt, steam and the dose they add up to."""


LABELLER: tuple[Signal, ...] = (
    _GLUE.signal(),
    _STARVED,
    _BLOCKED,
    counter("Labels/Applied", 1000, "Labels applied", "已贴标数", lambda v: 2 * (v.good + v.scrap)),
    analog(
        "Labels/RollRemaining",
        5000,
        PERCENT,
        0.0,
        100.0,
        "Label roll",
        "标签卷余量",
        lambda v: 100.0 - (v.cycles % 1500 + v.phase) / 15.0,
        decimals=1,
    ),
    analog(
        "Glue/Temperature",
        1000,
        CELSIUS,
        0.0,
        80.0,
        "Glue temperature",
        "胶水温度",
        _glue_temperature,
        decimals=1,
    ),
    text("Labels/BatchCode", 5000, "Batch code", "批次码", lambda v: v.cycles // 900, lambda key: f"L{key:06}A"),
)
"""Labels and glue."""


PACKER: tuple[Signal, ...] = (
    _AIR.signal(),
    _STARVED,
    counter("Crates/Packed", 1000, "Crates packed", "装箱数", lambda v: v.good // 20),
    analog(
        "Gripper/Pressure",
        500,
        BAR,
        0.0,
        10.0,
        "Gripper pressure",
        "抓头气压",
        _gripper_pressure,
    ),
    analog(
        "Gripper/Vibration",
        1000,
        MILLIMETRE_PER_SECOND,
        0.0,
        30.0,
        "Vibration",
        "振动",
        lambda v: 0.3 + 2.1 * v.run * (1.0 + 1.2 * v.fault("air_leak")) * (1.0 + 0.08 * v.noise("vibration")),
        decimals=3,
    ),
    flag("Crates/Full", 500, "Crate full", "箱已满", lambda v: v.in_cycle & (v.phase > 0.9)),
)
"""Crates and grippers."""
