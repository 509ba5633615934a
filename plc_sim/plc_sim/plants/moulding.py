"""Injection moulding of parts for home appliances.

A cycle: close, inject, hold, cool and plasticise for the next shot, open, eject. Names follow the companion
specification for plastics and rubber machinery (OPC 40083 ff.) where it has them.
"""

import struct

import numpy as np

from plc_sim.companions import IMM2MES
from plc_sim.model.machine import MachineModel, Mode, Product, StopReason
from plc_sim.model.plant import Identification, Machine
from plc_sim.model.signal import Enumeration, Signal, Structure
from plc_sim.model.view import Floats, Ints, View
from plc_sim.opcua.encoding import BuiltInType, string
from plc_sim.plants import blocks
from plc_sim.plants.blocks import (
    BAR,
    GRAM,
    KILONEWTON,
    MILLIMETRE,
    MILLIMETRE_PER_SECOND,
    SECOND,
    Evaluate,
    analog,
    flag,
    timeline,
)
from plc_sim.plants.moulding_conditions import CONDITIONS, SETPOINTS
from plc_sim.plants.operating import commands

MACHINES = 10

PRODUCTS = (
    Product("HA-1180", "Washing machine drum cover", 42.0, 1, 1.15),
    Product("HA-2044", "Refrigerator drawer front", 36.0, 1, 1.0),
    Product("HA-3310", "Kettle housing", 24.0, 2, 0.8),
)

MODEL = MachineModel(
    products=PRODUCTS,
    reasons=(
        StopReason(201, "Heater band failure", 1.5, 35.0, "heater_band", 40.0),
        StopReason(202, "Cooling water flow low", 1.5, 20.0, "cooling_clog", 90.0),
        StopReason(203, "Check ring worn", 1.0, 55.0, "check_ring", 180.0),
        StopReason(204, "Part not ejected", 5.0, 4.0),
        StopReason(205, "Robot fault", 4.0, 7.0),
        StopReason(206, "Material empty", 2.0, 11.0),
    ),
    mtbf_hours=9.0,
    scrap=0.012,
    scrap_fault=0.18,
    warmup_cycles=3,
    setup_minutes=28.0,
    maintenance_hours=2.0,
    power_kw={
        Mode.RUNNING: 46.0,
        Mode.SETUP: 14.0,
        Mode.MAINTENANCE: 3.0,
        Mode.FAULT: 16.0,
        Mode.STARVED: 18.0,
        Mode.BLOCKED: 18.0,
        Mode.BREAK: 12.0,
    },
)

PHASE = Enumeration(
    "CyclePhaseEnumeration",
    {0: "Idle", 1: "Closing", 2: "Injecting", 3: "Holding", 4: "Cooling", 5: "Opening", 6: "Ejecting"},
)
_ENDS = np.array([0.06, 0.13, 0.30, 0.84, 0.92])

PRESSURES = Structure(
    "InjectionPressuresDataType",
    blocks.fields(("Peak", BuiltInType.DOUBLE), ("Transfer", BuiltInType.DOUBLE), ("Hold", BuiltInType.DOUBLE)),
    type_id=3101,
    encoding_id=3102,
)
RESULT = Structure(
    "ShotResultDataType",
    blocks.fields(
        ("Cycle", BuiltInType.INT64),
        ("Article", BuiltInType.STRING),
        ("Passed", BuiltInType.BOOLEAN),
        ("Cavities", BuiltInType.UINT16),
        ("Pressures", PRESSURES),
    ),
    type_id=3103,
    encoding_id=3104,
)


def _phase(view: View) -> Ints:
    """0 outside a cycle; otherwise the phase."""
    step = np.searchsorted(_ENDS, view.phase, side="right") + 1
    return np.where(view.in_cycle, step, 0).astype(np.int64)


def _along(phases: list[float], levels: list[float]) -> Evaluate:
    """A profile over the cycle, 0 outside."""

    def value(view: View) -> Floats:
        return np.where(view.in_cycle, np.interp(view.phase, phases, levels), 0.0)

    return value


_PRESSURE = _along([0.0, 0.06, 0.10, 0.13, 0.14, 0.30, 0.32, 1.0], [0.0, 0.0, 780.0, 1240.0, 620.0, 560.0, 0.0, 0.0])
_POSITION = _along([0.0, 0.06, 0.13, 0.30, 0.34, 0.76, 1.0], [182.0, 182.0, 24.0, 12.0, 12.0, 182.0, 182.0])
_VELOCITY = _along([0.0, 0.06, 0.065, 0.12, 0.13, 0.30, 1.0], [0.0, 0.0, 118.0, 96.0, 8.0, 0.0, 0.0])
_CLAMP = _along([0.0, 0.05, 0.06, 0.84, 0.85, 1.0], [0.0, 0.0, 2850.0, 2820.0, 0.0, 0.0])
_MOULD = _along([0.0, 0.06, 0.84, 0.92, 1.0], [480.0, 0.0, 0.0, 480.0, 480.0])


def _injection_pressure(view: View) -> Floats:
    shot = _PRESSURE(view) * view.scale * (1.0 - 0.14 * view.fault("check_ring"))
    # A transmitter never stands quite still, which is what makes this the busiest signal of a machine.
    return shot * (1.0 + 0.006 * view.noise("pressure")) + 0.4 * np.abs(view.noise("transmitter"))


def _peak_pressure(view: View) -> Floats:
    view = view.completed
    spread = 1.0 + 0.008 * view.per_cycle("peak") + 0.004 * view.drift("peak", 90.0)
    return 1240.0 * view.scale * (1.0 - 0.14 * view.fault("check_ring")) * spread


def _cushion(view: View) -> Floats:
    view = view.completed
    return 12.0 - 5.5 * view.fault("check_ring") + 0.18 * view.per_cycle("cushion")


def _weight(view: View) -> Floats:
    view = view.completed
    nominal = 310.0 * view.scale
    lack = 1.0 - 0.03 * view.fault("check_ring") - 0.012 * view.fault("heater_band")
    return nominal * lack + 0.35 * view.per_cycle("weight")


def _cavity_pressures(view: View) -> Floats:
    view = view.completed
    columns = [
        420.0 * view.scale * (1.0 + 0.01 * view.per_cycle(f"cavity{n}")) * (1.0 - 0.1 * view.fault("check_ring"))
        for n in range(4)
    ]
    return np.stack(columns, axis=1)


def _order(key: int) -> str:
    return f"PO-{2_600_000 + key}"


def _message(key: int) -> str:
    return {
        0: "Automatic operation",
        1: "Changeover in progress",
        2: "Maintenance in progress",
        3: "Machine fault: see stop reason",
    }.get(key, "Waiting")


def _result_key(view: View) -> Ints:
    product = view.week.cycle_product[np.maximum(view.done - 1, 0)].astype(np.int64)
    return view.cycles * 8 + product * 2 + view.last_was_good


def _result_body(key: int) -> bytes:
    """ShotResultDataType of a key: cycle × 8 + product × 2 + passed."""
    cycle, rest = divmod(key, 8)
    product = PRODUCTS[rest // 2]
    spread = (cycle * 2654435761 % 1000) / 1000.0
    peak = round((1236.0 + 8.0 * spread) * product.scale, 1)
    return (
        struct.pack("<q", cycle)
        + string(product.code)
        + struct.pack("<?H", rest % 2 == 1, product.units)
        + struct.pack("<ddd", peak, round(peak * 0.94, 1), round(peak * 0.47, 1))
    )


_SHOT: tuple[Signal, ...] = (
    blocks.enumeration("Status/CyclePhase", 500, "Cycle phase", "循环阶段", PHASE, _phase),
    analog(
        "Injection/Pressure",
        100,
        BAR,
        0.0,
        2000.0,
        "Injection pressure",
        "注射压力",
        _injection_pressure,
        decimals=1,
    ),
    analog(
        "Injection/ScrewPosition",
        200,
        MILLIMETRE,
        0.0,
        250.0,
        "Screw position",
        "螺杆位置",
        lambda v: _POSITION(v) + 0.01 * np.abs(v.noise("position")),
    ),
    analog("Injection/Velocity", 200, MILLIMETRE_PER_SECOND, 0.0, 200.0, "Injection velocity", "注射速度", _VELOCITY),
    analog(
        "Injection/PeakPressure",
        1000,
        BAR,
        0.0,
        2000.0,
        "Peak pressure",
        "峰值压力",
        _peak_pressure,
        decimals=1,
    ),
    analog("Injection/Cushion", 1000, MILLIMETRE, 0.0, 50.0, "Cushion", "料垫", _cushion),
    analog(
        "Injection/FillTime",
        1000,
        SECOND,
        0.0,
        10.0,
        "Fill time",
        "充填时间",
        lambda v: 0.07 * v.last_cycle_s * (1.0 + 0.01 * v.per_cycle("fill")),
        decimals=3,
    ),
    analog(
        "Production/CycleTime",
        1000,
        SECOND,
        0.0,
        120.0,
        "Cycle time",
        "循环时间",
        lambda v: v.last_cycle_s,
        decimals=2,
    ),
    analog("Clamp/Force", 500, KILONEWTON, 0.0, 3500.0, "Clamping force", "锁模力", _CLAMP, decimals=0),
    analog("Mould/Opening", 500, MILLIMETRE, 0.0, 600.0, "Mould opening", "开模行程", _MOULD, decimals=1),
    analog("Quality/PartWeight", 1000, GRAM, 0.0, 1000.0, "Part weight", "制品重量", _weight),
    blocks.array(
        "Quality/CavityPressures",
        1000,
        BAR,
        0.0,
        1000.0,
        "Cavity pressures",
        "型腔压力",
        4,
        _cavity_pressures,
        1,
    ),
    Signal(
        "Quality/LastShot",
        BuiltInType.EXTENSION_OBJECT,
        1000,
        _result_key,
        "Last shot",
        "上一模次结果",
        structure=RESULT,
        render=_result_body,
    ),
)
"""What happens within a cycle."""


_REASONS = blocks.stop_text({reason.code: reason.text for reason in MODEL.reasons})


_ORDERS: tuple[Signal, ...] = (
    blocks.text("Production/Article", 5000, "Article", "产品代码", lambda v: v.product, lambda key: PRODUCTS[key].code),
    blocks.text(
        "Production/Order",
        10_000,
        "Production order",
        "生产工单",
        lambda v: np.cumsum(v.week.mode == Mode.SETUP)[v.segment] + v.week.number * 7,
        _order,
    ),
    blocks.text("Status/StopText", 1000, "Stop reason text", "停机原因", lambda v: v.reason, _REASONS),
    blocks.text(
        "Status/Message",
        1000,
        "Message",
        "状态信息",
        lambda v: v.mode.astype(np.int64),
        _message,
        BuiltInType.LOCALIZED_TEXT,
    ),
    Signal(
        "Setup/LastStart",
        BuiltInType.DATETIME,
        5000,
        lambda v: v.week.start[v.segment],
        "Last change of state",
        "最近状态变化时间",
    ),
    flag("Robot/Ready", 1000, "Robot ready", "机械手就绪", lambda v: v.running),
    flag(
        "Mould/Protection",
        500,
        "Mould closed",
        "模具闭合",
        lambda v: v.in_cycle & (v.phase > 0.06) & (v.phase < 0.84),
    ),
)
"""Article, order and words for people."""


def machines(seed: int) -> tuple[Machine, ...]:
    """The injection moulding machines."""
    signals = (
        *blocks.production(),
        *blocks.energy(peak_kw=90.0),
        *_SHOT,
        *CONDITIONS,
        *_ORDERS,
        *commands(PRODUCTS),
        *(setpoint.signal() for setpoint in SETPOINTS),
    )
    return tuple(
        Machine(
            name=f"IMM{number:02}",
            label=f"Injection moulding machine {number}",
            label_zh=f"{number}号注塑机",
            identification=Identification(
                "Tianhe Plastics Machinery", "TH 280/1340", f"TH{seed:02}{5200 + number}", 2021, "Hall A"
            ),
            timeline=timeline(seed, "moulding", f"IMM{number:02}", MODEL),
            signals=signals,
            companion=IMM2MES,
        )
        for number in range(1, MACHINES + 1)
    )
