"""What a machine is: products, stops, faults and power, from which its timeline follows."""

from dataclasses import dataclass
from enum import IntEnum

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

COMMISSIONED_US = 1_788_739_200_000_000
"""Monday 2026-09-07 00:00 UTC: every plant began then with its counters at zero."""


class Mode(IntEnum):
    """What a machine does, whatever its industry calls it."""

    RUNNING = 0
    SETUP = 1
    MAINTENANCE = 2
    FAULT = 3
    STARVED = 4
    BLOCKED = 5
    BREAK = 6


PLANNED = frozenset({Mode.SETUP, Mode.MAINTENANCE, Mode.BREAK})


@dataclass(frozen=True, slots=True)
class Product:
    """Something a machine makes.

    Attributes:
        code: Article number.
        name: English name.
        cycle_s: Nominal cycle time.
        units: Units that one cycle makes.
        scale: Of the process values that depend on the product's size; 1 is the middle.
    """

    code: str
    name: str
    cycle_s: float
    units: int
    scale: float


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why a machine stops by itself.

    Attributes:
        code: Number on the panel, above 0.
        text: English text.
        weight: Relative frequency.
        minutes: Median duration.
        fault: Process fault that leads up to it, or "".
        lead_minutes: How long the fault shows before the stop.
    """

    code: int
    text: str
    weight: float
    minutes: float
    fault: str = ""
    lead_minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class MachineModel:
    """A kind of machine.

    Attributes:
        products: What it makes, in rotation.
        reasons: Its unplanned stops.
        mtbf_hours: Mean running time between them.
        scrap: Share of scrap in a steady process.
        scrap_fault: Added share at the height of a process fault.
        warmup_cycles: Cycles after a start that are scrap more often than not.
        setup_minutes: Median duration of a changeover, one a day.
        maintenance_hours: Length of the weekly maintenance.
        power_kw: Mean active power by mode.
        reject_units: Whether scrap counts units within a cycle (a line) rather than whole cycles (a press).
    """

    products: tuple[Product, ...]
    reasons: tuple[StopReason, ...]
    mtbf_hours: float
    scrap: float
    scrap_fault: float
    warmup_cycles: int
    setup_minutes: float
    maintenance_hours: float
    power_kw: dict[Mode, float]
    reject_units: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A command stopped the machine.

    Attributes:
        start_us: When.
        end_us: When it goes on; None: nobody has said so yet.
        product: Index of the product that it makes then; None: the one before.
    """

    start_us: int
    end_us: int | None = None
    product: int | None = None
