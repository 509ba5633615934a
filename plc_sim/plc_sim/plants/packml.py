"""PackTags: what every machine of a packaging line has (ISA-TR88.00.02)."""

import numpy as np

from plc_sim.model.machine import SECOND, MachineModel, Mode, Product
from plc_sim.model.setpoint import Setpoint
from plc_sim.model.signal import Enumeration, Signal, Structure, Unit
from plc_sim.model.view import Floats, Ints, View
from plc_sim.opcua.encoding import BuiltInType, string
from plc_sim.plants import blocks
from plc_sim.plants.blocks import AMPERE, CELSIUS, Evaluate, analog, counter, enumeration, text
from plc_sim.plants.operating import commands

BOTTLES_PER_HOUR = Unit("2H", "bottles/h", "bottles per hour")

DRIVE_LIMIT = Setpoint(
    "Setpoints/DriveTemperatureLimit",
    90.0,
    50.0,
    110.0,
    CELSIUS,
    "Drive temperature limit",
    "驱动温度上限",
    locked=True,
)

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


def set_speed(view: View) -> Floats:
    """Nominal speed for the product, bottles per hour."""
    nominal = np.array([3600.0 / product.cycle_s * product.units for product in PRODUCTS])
    return nominal[view.product]


def speed(view: View) -> Floats:
    """Actual speed: ramps up after a start, then wavers."""
    ramp = 1.0 - np.exp(-view.since_us / (6 * SECOND))
    jitter = 1.0 + 0.004 * view.noise("speed") + 0.004 * view.drift("speed", 2.0)
    return np.where(view.running, set_speed(view) * ramp * jitter, 0.0)


def motor_current(level: float) -> Evaluate:
    """Current of a main drive whose mean is `level` amperes."""

    def value(view: View) -> Floats:
        return level * (0.08 + 0.92 * view.run) * (1.0 + 0.02 * view.noise("motor"))

    return value


def _product_body(key: int) -> bytes:
    product = PRODUCTS[key]
    return key.to_bytes(4, "little") + string(product.code) + string(product.name) + product.units.to_bytes(4, "little")


def unit_signals(model: MachineModel, motor: Evaluate) -> tuple[Signal, ...]:
    """PackTags that every machine of the line has."""
    reasons = blocks.stop_text({reason.code: reason.text for reason in model.reasons})
    return (
        enumeration("Status/StateCurrent", 500, "Current state", "当前状态", STATE, _packml),
        enumeration("Status/UnitModeCurrent", 1000, "Current unit mode", "当前模式", UNIT_MODE, _unit_mode),
        analog(
            "Status/MachSpeed", 5000, BOTTLES_PER_HOUR, 0.0, 60_000.0, "Set speed", "设定速度", set_speed, decimals=0
        ),
        analog(
            "Status/CurMachSpeed", 200, BOTTLES_PER_HOUR, 0.0, 60_000.0, "Current speed", "当前速度", speed, decimals=0
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
        *commands(PRODUCTS),
        DRIVE_LIMIT.signal(),
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
