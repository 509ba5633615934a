"""A brewery's packaging hall: two bottle lines from the depalletiser to the packer, with PackML states.

States and tag names follow ISA-TR88.00.02 (PackML). The machines of a line stop together, a gap travelling along it.
"""

from dataclasses import dataclass

import numpy as np

from plc_sim.model.machine import SECOND, MachineModel, Mode, Product, StopReason
from plc_sim.model.plant import Identification, Machine
from plc_sim.model.schedule import line
from plc_sim.model.signal import Enumeration, Signal, Structure, Unit
from plc_sim.model.timeline import Timeline
from plc_sim.model.view import Floats, Ints, View
from plc_sim.opcua.encoding import BuiltInType, string
from plc_sim.plants import blocks
from plc_sim.plants.blocks import (
    AMPERE,
    BAR,
    CELSIUS,
    CUBIC_METRE_PER_HOUR,
    MILLIMETRE_PER_SECOND,
    PERCENT,
    Evaluate,
    analog,
    counter,
    enumeration,
    flag,
    text,
)

LINES = 2
MAKER = "Donglin Filling Systems"
BOTTLES_PER_HOUR = Unit("2H", "bottles/h", "bottles per hour")
PASTEURISATION_UNIT = Unit("C62", "PU", "pasteurisation unit")
GRAM_PER_LITRE = Unit("GL", "g/l", "gram per litre")

PRODUCTS = (
    Product("LAGER-500", "Lager 0.5 l", 6.0, 60, 1.0),
    Product("WHEAT-500", "Wheat beer 0.5 l", 6.6, 60, 1.1),
    Product("PILS-330", "Pils 0.33 l", 5.4, 60, 0.8),
)

STATE = Enumeration(
    "PackMLStateEnumeration",
    {
        1: "Clearing",
        2: "Stopped",
        3: "Starting",
        4: "Idle",
        5: "Suspended",
        6: "Execute",
        7: "Stopping",
        8: "Aborting",
        9: "Aborted",
        10: "Holding",
        11: "Held",
        12: "Unholding",
        13: "Suspending",
        14: "Unsuspending",
        15: "Resetting",
        16: "Completing",
        17: "Complete",
    },
)
UNIT_MODE = Enumeration("PackMLUnitModeEnumeration", {1: "Production", 2: "Maintenance", 3: "Manual"})

PACKAGE = Structure(
    "ProductDataType",
    blocks.fields(
        ("ProductId", BuiltInType.INT32),
        ("Code", BuiltInType.STRING),
        ("Name", BuiltInType.STRING),
        ("UnitsPerCycle", BuiltInType.INT32),
    ),
    type_id=3201,
    encoding_id=3202,
)

_POWER = {
    Mode.SETUP: 0.30,
    Mode.MAINTENANCE: 0.05,
    Mode.FAULT: 0.35,
    Mode.STARVED: 0.45,
    Mode.BLOCKED: 0.45,
    Mode.BREAK: 0.3,
}


def _model(kilowatts: float, scrap: float, mtbf_hours: float, *reasons: StopReason) -> MachineModel:
    return MachineModel(
        products=PRODUCTS,
        reasons=reasons,
        mtbf_hours=mtbf_hours,
        scrap=scrap,
        scrap_fault=0.04,
        warmup_cycles=2,
        setup_minutes=32.0,
        maintenance_hours=3.0,
        power_kw={Mode.RUNNING: kilowatts, **{mode: share * kilowatts for mode, share in _POWER.items()}},
        reject_units=True,
    )


def _packml(view: View) -> Ints:
    """PackML state: the acting states are short, at the ends of the waiting ones."""
    since, left = view.since_us, view.until_us
    mode = view.mode
    fault = np.select(
        [since < 3 * SECOND, left < 8 * SECOND, left < 16 * SECOND, left < 22 * SECOND], [8, 3, 15, 1], default=9
    )
    waiting = np.select([since < 2 * SECOND, left < 2 * SECOND], [13, 14], default=5)
    planned = np.select([since < 5 * SECOND, left < 8 * SECOND, left < 16 * SECOND], [7, 3, 15], default=2)
    state = np.where(mode == Mode.FAULT, fault, planned)
    state = np.where((mode == Mode.STARVED) | (mode == Mode.BLOCKED), waiting, state)
    return np.where(view.running, 6, state).astype(np.int64)


def _unit_mode(view: View) -> Ints:
    return np.select([view.mode == Mode.MAINTENANCE, view.mode == Mode.SETUP], [2, 3], default=1).astype(np.int64)


def _set_speed(view: View) -> Floats:
    nominal = np.array([3600.0 / product.cycle_s * product.units for product in PRODUCTS])
    return nominal[view.product]


def _speed(view: View) -> Floats:
    ramp = 1.0 - np.exp(-view.since_us / (6 * SECOND))
    jitter = 1.0 + 0.004 * view.noise("speed") + 0.004 * view.drift("speed", 2.0)
    return np.where(view.running, _set_speed(view) * ramp * jitter, 0.0)


def _motor(level: float, fault: str = "") -> Evaluate:
    def value(view: View) -> Floats:
        extra = 0.35 * view.fault(fault) if fault else 0.0
        return level * (0.08 + 0.92 * view.run) * (1.0 + extra) * (1.0 + 0.02 * view.noise("motor"))

    return value


def _product_body(key: int) -> bytes:
    product = PRODUCTS[key]
    return key.to_bytes(4, "little") + string(product.code) + string(product.name) + product.units.to_bytes(4, "little")


def _unit_signals(model: MachineModel, motor: Evaluate) -> tuple[Signal, ...]:
    """PackTags that every machine of the line has."""
    reasons = blocks.stop_text({reason.code: reason.text for reason in model.reasons})
    return (
        enumeration("Status/StateCurrent", 500, "Current state", "当前状态", STATE, _packml),
        enumeration("Status/UnitModeCurrent", 1000, "Current unit mode", "当前模式", UNIT_MODE, _unit_mode),
        analog(
            "Status/MachSpeed", 5000, BOTTLES_PER_HOUR, 0.0, 60_000.0, "Set speed", "设定速度", _set_speed, decimals=0
        ),
        analog(
            "Status/CurMachSpeed", 200, BOTTLES_PER_HOUR, 0.0, 60_000.0, "Current speed", "当前速度", _speed, decimals=0
        ),
        Signal(
            "Status/Product",
            BuiltInType.EXTENSION_OBJECT,
            5000,
            lambda v: v.product,
            "Product",
            "产品",
            structure=PACKAGE,
            render=_product_body,
        ),
        counter("Admin/ProdProcessedCount", 1000, "Processed", "处理总数", lambda v: v.good + v.scrap),
        counter("Admin/ProdDefectiveCount", 1000, "Defective", "次品总数", lambda v: v.scrap),
        counter("Admin/StopReasonId", 1000, "Stop reason", "停机原因代码", lambda v: v.reason, BuiltInType.UINT16),
        text("Admin/StopReasonText", 1000, "Stop reason text", "停机原因", lambda v: v.reason, reasons),
        *blocks.energy(peak_kw=2.0 * model.power_kw[Mode.RUNNING]),
        analog("Drive/MotorCurrent", 200, AMPERE, 0.0, 100.0, "Motor current", "电机电流", motor),
        analog(
            "Drive/Temperature",
            2000,
            CELSIUS,
            0.0,
            120.0,
            "Drive temperature",
            "驱动温度",
            lambda v: 26.0 + 29.0 * v.warmth(20.0) + v.drift("drive", 15.0) + 0.1 * v.noise("drive"),
            decimals=1,
        ),
    )


# The first machine of a line is never starved, the last never blocked: they have no such signal.
_STARVED = flag("Status/Starved", 500, "Starved", "缺瓶", lambda v: v.mode == Mode.STARVED)
_BLOCKED = flag("Status/Blocked", 500, "Blocked", "堵瓶", lambda v: v.mode == Mode.BLOCKED)


def _depalletiser() -> tuple[Signal, ...]:
    return (
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
            lambda v: -0.62 * v.run * (1.0 - 0.5 * v.fault("vacuum_leak")) + 0.006 * v.noise("vacuum"),
            decimals=3,
        ),
    )


def _washer() -> tuple[Signal, ...]:
    def bath(name: str, level: float) -> Evaluate:
        def value(view: View) -> Floats:
            cold = 9.0 * view.fault("caustic_heater")
            return level - cold + 0.5 * view.drift(name, 20.0) + 0.08 * view.noise(name)

        return value

    return (
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
            bath("soak", 42.0),
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
            bath("caustic", 81.0),
        ),
        analog(
            "Bath/RinseTemperature",
            2000,
            CELSIUS,
            0.0,
            100.0,
            "Rinse temperature",
            "冲洗温度",
            bath("rinse", 33.0),
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


def _filler() -> tuple[Signal, ...]:
    def heads(view: View) -> Floats:
        """Fill level of 12 sampled heads, mm below the rim; the fifth has the valve that leaks."""
        columns = [
            58.0 + 0.6 * view.per_cycle(f"head{n}") + (7.0 * view.fault("filling_valve") if n == 4 else 0.0)
            for n in range(12)
        ]
        return np.stack(columns, axis=1)

    return (
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
            lambda v: 2.1 + 0.9 * v.run + 0.05 * v.drift("bowl", 1.0) + 0.012 * v.noise("bowl"),
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
            lambda v: _speed(v) * 0.5 * v.scale / 1000.0,
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
        blocks.array("Heads/FillLevels", 2000, blocks.MILLIMETRE, 0.0, 150.0, "Fill levels", "灌装液位", 12, heads, 1),
        counter("Rejects/Underfilled", 1000, "Underfilled bottles", "欠灌瓶数", lambda v: v.scrap * 2 // 3),
        flag("Crowner/CrownsLow", 1000, "Crowns low", "瓶盖不足", lambda v: v.cycles % 900 > 860),
    )


def _pasteuriser() -> tuple[Signal, ...]:
    def zones(view: View) -> Floats:
        levels = (32.0, 45.0, 56.0, 62.0, 61.5, 48.0, 36.0, 28.0)
        fouled = view.fault("heat_exchanger")
        columns = [
            level - (4.5 * fouled if 2 <= n <= 4 else 0.0) + 0.3 * view.drift(f"zone{n}", 12.0)
            for n, level in enumerate(levels)
        ]
        return np.stack(columns, axis=1)

    return (
        _STARVED,
        _BLOCKED,
        blocks.array("Zones/Temperatures", 2000, CELSIUS, 0.0, 90.0, "Zone temperatures", "各区温度", 8, zones, 2),
        analog(
            "Zones/HoldingTemperature",
            500,
            CELSIUS,
            0.0,
            90.0,
            "Holding temperature",
            "保温温度",
            lambda v: 62.0 - 4.5 * v.fault("heat_exchanger") + 0.3 * v.drift("zone3", 12.0) + 0.05 * v.noise("hold"),
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
            lambda v: (
                12.0
                * 1.393 ** (2.0 - 4.5 * v.fault("heat_exchanger") + 0.3 * v.drift("zone3", 12.0))
                * (1.0 + 0.01 * v.noise("pu"))
            ),
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


def _labeller() -> tuple[Signal, ...]:
    return (
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
            lambda v: 24.0 + 4.0 * v.warmth(15.0) - 7.0 * v.fault("glue_heater") + 0.1 * v.noise("glue"),
            decimals=1,
        ),
        text("Labels/BatchCode", 5000, "Batch code", "批次码", lambda v: v.cycles // 900, lambda key: f"L{key:06}A"),
    )


def _packer() -> tuple[Signal, ...]:
    return (
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
            lambda v: 5.8 - 1.7 * v.fault("air_leak") + 0.12 * v.drift("air", 3.0) + 0.02 * v.noise("air"),
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


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    label: str
    label_zh: str
    maker: str
    model: MachineModel
    signals: tuple[Signal, ...]


def _units() -> tuple[_Unit, ...]:
    """The machines in the order of the flow."""
    return (
        _Unit(
            "Depalletiser",
            "Depalletiser",
            "卸垛机",
            MAKER,
            _model(
                11.0,
                0.0004,
                30.0,
                StopReason(301, "Vacuum lost", 2.0, 4.0, "vacuum_leak", 45.0),
                StopReason(302, "Pallet jam", 3.0, 5.0),
            ),
            _depalletiser(),
        ),
        _Unit(
            "Washer",
            "Bottle washer",
            "洗瓶机",
            MAKER,
            _model(
                54.0,
                0.001,
                45.0,
                StopReason(311, "Caustic temperature low", 1.0, 14.0, "caustic_heater", 60.0),
                StopReason(312, "Bottle jam at infeed", 3.0, 6.0),
            ),
            _washer(),
        ),
        _Unit(
            "Filler",
            "Filler and crowner",
            "灌装压盖机",
            MAKER,
            _model(
                38.0,
                0.002,
                14.0,
                StopReason(321, "Filling valve leak", 1.0, 12.0, "filling_valve", 80.0),
                StopReason(322, "Bottle burst", 3.0, 3.0),
                StopReason(323, "Crown jam", 3.0, 4.0),
            ),
            _filler(),
        ),
        _Unit(
            "Pasteuriser",
            "Tunnel pasteuriser",
            "隧道杀菌机",
            MAKER,
            _model(
                61.0,
                0.0005,
                60.0,
                StopReason(331, "Holding temperature low", 2.0, 16.0, "heat_exchanger", 100.0),
                StopReason(332, "Belt overload", 1.0, 9.0),
            ),
            _pasteuriser(),
        ),
        _Unit(
            "Labeller",
            "Labeller",
            "贴标机",
            "Hanbo Labelling",
            _model(
                14.0,
                0.0015,
                16.0,
                StopReason(341, "Glue temperature low", 1.0, 8.0, "glue_heater", 40.0),
                StopReason(342, "Label misfeed", 4.0, 3.0),
            ),
            _labeller(),
        ),
        _Unit(
            "Packer",
            "Crate packer",
            "装箱机",
            MAKER,
            _model(
                17.0,
                0.0003,
                22.0,
                StopReason(351, "Gripper air pressure low", 1.0, 7.0, "air_leak", 60.0),
                StopReason(352, "Crate missing", 3.0, 3.0),
            ),
            _packer(),
        ),
    )


def machines(seed: int) -> tuple[Machine, ...]:
    """The machines of all lines."""
    units = _units()
    found: list[Machine] = []
    for number in range(1, LINES + 1):
        name = f"Line{number}"
        schedules = line(seed, f"packaging/{name}", [unit.model for unit in units])
        for position, (unit, schedule) in enumerate(zip(units, schedules, strict=True)):
            serial = f"DL{seed:02}{number}{position + 1}0"
            found.append(
                Machine(
                    name=f"{name}{unit.name}",
                    label=f"Line {number} {unit.label.lower()}",
                    label_zh=f"{number}号线{unit.label_zh}",
                    identification=Identification(
                        unit.maker, f"{unit.name} 40", serial, 2018, f"Hall C, line {number}"
                    ),
                    timeline=Timeline(seed, "packaging", f"{name}{unit.name}", unit.model, schedule),
                    signals=(
                        *_unit_signals(unit.model, _motor(0.9 * unit.model.power_kw[Mode.RUNNING])),
                        *unit.signals,
                    ),
                )
            )
    return tuple(found)
