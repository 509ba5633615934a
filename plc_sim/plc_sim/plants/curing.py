"""Tyre curing: presses that heat green tyres between a steam-heated mould and a bladder.

A cycle: load, close, shape the bladder, cure under internal steam and then nitrogen or hot water, release, open,
unload. A press makes two tyres at once.
"""

import struct

import numpy as np

from plc_sim.model.machine import MachineModel, Mode, Product, StopReason
from plc_sim.model.plant import Identification, Machine
from plc_sim.model.setpoint import Setpoint
from plc_sim.model.signal import Enumeration, Signal, Structure
from plc_sim.model.view import Floats, Ints, View
from plc_sim.opcua.encoding import BuiltInType, string
from plc_sim.plants import blocks
from plc_sim.plants.blocks import BAR, CELSIUS, KILONEWTON, MILLIMETRE, SECOND, analog, timeline
from plc_sim.plants.operating import commands

PRESSES = 14

PRODUCTS = (
    Product("T20555R16", "205/55 R16 passenger", 660.0, 2, 0.9),
    Product("T22545R17", "225/45 R17 passenger", 720.0, 2, 1.0),
    Product("T23560R18", "235/60 R18 SUV", 840.0, 2, 1.15),
)

MODEL = MachineModel(
    products=PRODUCTS,
    reasons=(
        StopReason(101, "Bladder leak", 3.0, 25.0, "bladder_leak", 75.0),
        StopReason(102, "Mould temperature low", 2.0, 18.0, "steam_trap", 60.0),
        StopReason(103, "Loader not in position", 4.0, 6.0),
        StopReason(104, "Hydraulic pressure low", 2.0, 14.0, "hydraulic_wear", 120.0),
        StopReason(105, "Safety gate", 3.0, 4.0),
    ),
    mtbf_hours=14.0,
    scrap=0.006,
    scrap_fault=0.12,
    warmup_cycles=1,
    setup_minutes=35.0,
    maintenance_hours=2.5,
    power_kw={
        Mode.RUNNING: 21.0,
        Mode.SETUP: 6.5,
        Mode.MAINTENANCE: 2.2,
        Mode.FAULT: 7.5,
        Mode.STARVED: 8.0,
        Mode.BLOCKED: 8.0,
        Mode.BREAK: 5.0,
    },
)

STEP = Enumeration(
    "CuringStepEnumeration",
    {0: "Open", 1: "Loading", 2: "Closing", 3: "Shaping", 4: "Steam", 5: "Nitrogen", 6: "Release", 7: "Opening"},
)
_NITROGEN_STEP = 5
_STEP_ENDS = np.array([0.04, 0.07, 0.10, 0.35, 0.90, 0.95, 0.98])

RESULT = Structure(
    "CuringResultDataType",
    blocks.fields(
        ("Cycle", BuiltInType.INT64),
        ("Article", BuiltInType.STRING),
        ("CureTime", BuiltInType.DOUBLE),
        ("PeakInternalPressure", BuiltInType.DOUBLE),
        ("Passed", BuiltInType.BOOLEAN),
    ),
    type_id=3001,
    encoding_id=3002,
)


PLATEN = Setpoint(
    "Setpoints/PlatenTemperature", 168.0, 140.0, 190.0, CELSIUS, "Platen temperature setpoint", "热板温度设定"
)
NITROGEN = Setpoint("Setpoints/NitrogenPressure", 21.0, 15.0, 26.0, BAR, "Nitrogen pressure setpoint", "氮气压力设定")
GATE_LIMIT = Setpoint(
    "Setpoints/ClampLimit", 1800.0, 1000.0, 2000.0, KILONEWTON, "Clamp limit", "合模力上限", locked=True
)
SETPOINTS = (PLATEN, NITROGEN, GATE_LIMIT)


def _step(view: View) -> Ints:
    """0 outside a cycle; otherwise the step that the phase is in."""
    step = np.searchsorted(_STEP_ENDS, view.phase, side="right") + 1
    return np.where(view.in_cycle, np.minimum(step, 7), 0).astype(np.int64)


def _internal_pressure(view: View) -> Floats:
    """Bladder pressure: shaping at 1 bar, steam at 14, nitrogen at 21."""
    step = _step(view)
    levels = np.array([0.0, 0.0, 0.3, 1.0, 14.0, 21.0, 4.0, 0.2])[step]
    levels = np.where(step == _NITROGEN_STEP, NITROGEN.followed(view, 3.0), levels)
    leak = 1.0 - 0.25 * view.fault("bladder_leak")
    return levels * leak * (1.0 + 0.004 * view.noise("internal_pressure"))


def _internal_temperature(view: View) -> Floats:
    levels = np.array([62.0, 58.0, 64.0, 90.0, 196.0, 182.0, 120.0, 80.0])[_step(view)]
    cooled = 30.0 + (levels - 30.0) * np.where(view.running, 1.0, view.warmth(45.0))
    return cooled + 0.4 * view.noise("internal_temperature")


def _mould(offset: float, key: str) -> blocks.Evaluate:
    def value(view: View) -> Floats:
        setpoint = PLATEN.followed(view, 180.0) + 4.0 * (view.scale - 1.0) + offset + 2.0 * (view.constant(key) - 0.5)
        dip = -3.5 * np.exp(-view.elapsed_s / 70.0) * view.in_cycle
        trap = -9.0 * view.fault("steam_trap")
        steady = setpoint + dip + trap + 0.5 * view.drift(key, 12.0)
        return 40.0 + (steady - 40.0) * view.warmth(90.0) + 0.08 * view.noise(key)

    return value


def _clamping(view: View) -> Floats:
    closed = (_step(view) >= 3) & (_step(view) <= 5)
    force = 1450.0 * (0.96 + 0.08 * (view.scale - 1.0)) * (1.0 - 0.07 * view.fault("hydraulic_wear"))
    return np.where(closed, force * (1.0 + 0.003 * view.noise("clamping")), 0.0)


def _hydraulic(view: View) -> Floats:
    load = np.where(_step(view) > 0, 155.0, 120.0) * np.where(view.running, 1.0, 0.35)
    return load * (1.0 - 0.2 * view.fault("hydraulic_wear")) + 1.2 * view.noise("hydraulic")


def _vibration(view: View) -> Floats:
    """Spectrum of the pump, 16 bands: a hump at the pump's frequency that wear makes taller."""
    bands = np.arange(16.0)
    shape = 0.25 + 1.8 * np.exp(-((bands - 5.0) ** 2) / 3.0)
    wear = 1.0 + 1.6 * view.fault("hydraulic_wear")
    level = np.where(view.running, wear, 0.08)[:, np.newaxis]
    wobble = np.stack([view.noise(f"vibration{band}") for band in range(16)], axis=1)
    return level * shape * (1.0 + 0.06 * wobble)


def _result_body(key: int) -> bytes:
    """CuringResultDataType of a key: cycle × 8 + product × 2 + passed."""
    cycle, rest = divmod(key, 8)
    product = PRODUCTS[rest // 2]
    spread = (cycle * 2654435761 % 1000) / 1000.0
    return (
        struct.pack("<q", cycle)
        + string(product.code)
        + struct.pack("<dd?", round(product.cycle_s * 0.83 + spread, 1), round(20.7 + 0.6 * spread, 2), rest % 2 == 1)
    )


def _result_key(view: View) -> Ints:
    product = view.week.cycle_product[np.maximum(view.done - 1, 0)].astype(np.int64)
    return view.cycles * 8 + product * 2 + view.last_was_good


_REASONS = blocks.stop_text({reason.code: reason.text for reason in MODEL.reasons})


_SIGNALS: tuple[Signal, ...] = (
    *blocks.production(),
    *blocks.energy(peak_kw=40.0),
    blocks.enumeration("Status/Step", 500, "Curing step", "硫化步骤", STEP, _step),
    blocks.text("Status/StopText", 1000, "Stop reason text", "停机原因", lambda v: v.reason, _REASONS),
    blocks.text("Production/Article", 5000, "Article", "产品代码", lambda v: v.product, lambda key: PRODUCTS[key].code),
    analog("Bladder/Pressure", 200, BAR, 0.0, 30.0, "Internal pressure", "胶囊内压", _internal_pressure, decimals=3),
    analog("Bladder/Temperature", 500, CELSIUS, 0.0, 250.0, "Internal temperature", "胶囊内温", _internal_temperature),
    analog(
        "Mould/UpperTemperature",
        500,
        CELSIUS,
        0.0,
        250.0,
        "Upper platen temperature",
        "上热板温度",
        _mould(0.0, "upper"),
    ),
    analog(
        "Mould/LowerTemperature",
        500,
        CELSIUS,
        0.0,
        250.0,
        "Lower platen temperature",
        "下热板温度",
        _mould(-0.8, "lower"),
    ),
    analog(
        "Mould/JacketTemperature",
        2000,
        CELSIUS,
        0.0,
        250.0,
        "Jacket temperature",
        "模套温度",
        _mould(-3.0, "jacket"),
    ),
    analog("Clamp/Force", 500, KILONEWTON, 0.0, 2000.0, "Clamping force", "合模力", _clamping, decimals=1),
    analog(
        "Clamp/Position",
        500,
        MILLIMETRE,
        0.0,
        900.0,
        "Platen position",
        "模板位置",
        lambda v: (
            np.interp(v.phase, [0.0, 0.04, 0.07, 0.98, 1.0], [850.0, 850.0, 0.0, 0.0, 850.0]) * v.run
            + 850.0 * (1.0 - v.run)
        ),
        decimals=1,
    ),
    analog("Hydraulics/Pressure", 200, BAR, 0.0, 250.0, "Hydraulic pressure", "液压压力", _hydraulic),
    blocks.array(
        "Hydraulics/PumpVibration",
        10_000,
        blocks.MILLIMETRE_PER_SECOND,
        0.0,
        20.0,
        "Pump vibration spectrum",
        "泵振动频谱",
        16,
        _vibration,
        decimals=3,
    ),
    analog(
        "Production/RemainingTime",
        1000,
        SECOND,
        0.0,
        1200.0,
        "Remaining cure time",
        "剩余硫化时间",
        lambda v: np.where(v.in_cycle, (1.0 - v.phase) * 720.0 * v.scale, 0.0),
        decimals=0,
    ),
    Signal(
        "Production/LastResult",
        BuiltInType.EXTENSION_OBJECT,
        1000,
        _result_key,
        "Last result",
        "上一循环结果",
        structure=RESULT,
        render=_result_body,
    ),
    blocks.flag("Loader/Ready", 1000, "Loader ready", "装胎机就绪", lambda v: v.running & (_step(v) != 1)),
)


def machines(seed: int) -> tuple[Machine, ...]:
    """The presses."""
    signals = (*_SIGNALS, *commands(PRODUCTS), *(setpoint.signal() for setpoint in SETPOINTS))
    return tuple(
        Machine(
            name=f"Press{number:02}",
            label=f"Curing press {number}",
            label_zh=f"{number}号硫化机",
            identification=Identification(
                "Hengli Rubber Machinery", "PC-X 1370/2", f"HL{seed:02}{1700 + number}", 2019, "Hall B"
            ),
            timeline=timeline(seed, "curing", f"Press{number:02}", MODEL),
            signals=signals,
        )
        for number in range(1, PRESSES + 1)
    )
