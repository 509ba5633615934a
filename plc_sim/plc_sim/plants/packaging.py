"""A brewery's packaging hall: two bottle lines from the depalletiser to the packer, with PackML states.

States and tag names follow ISA-TR88.00.02 (PackML). The machines of a line stop together, a gap travelling along it.
"""

from dataclasses import dataclass

from plc_sim.companions import PACKML
from plc_sim.model.machine import MachineModel, Mode, StopReason
from plc_sim.model.plant import Identification, Machine
from plc_sim.model.schedule import line
from plc_sim.model.signal import Signal
from plc_sim.model.timeline import Timeline
from plc_sim.plants import packaging_units
from plc_sim.plants.packml import PRODUCTS, motor_current, unit_signals

LINES = 2
MAKER = "Donglin Filling Systems"

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


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    label: str
    label_zh: str
    maker: str
    model: MachineModel
    signals: tuple[Signal, ...]


_UNITS: tuple[_Unit, ...] = (
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
        packaging_units.DEPALLETISER,
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
        packaging_units.WASHER,
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
        packaging_units.FILLER,
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
        packaging_units.PASTEURISER,
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
        packaging_units.LABELLER,
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
        packaging_units.PACKER,
    ),
)
"""The machines in the order of the flow."""


def machines(seed: int) -> tuple[Machine, ...]:
    """The machines of all lines."""
    found: list[Machine] = []
    for number in range(1, LINES + 1):
        name = f"Line{number}"
        schedules = line(seed, f"packaging/{name}", [unit.model for unit in _UNITS])
        for position, (unit, schedule) in enumerate(zip(_UNITS, schedules, strict=True)):
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
                        *unit_signals(unit.model, motor_current(0.9 * unit.model.power_kw[Mode.RUNNING])),
                        *unit.signals,
                    ),
                    companion=PACKML,
                )
            )
    return tuple(found)
