"""What is counted, in whole numbers of each dimension's smallest unit."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

HOUR = timedelta(hours=1)
_HOUR_US = 3_600_000_000


class Dimension(Enum):
    """What is counted, in the order in which statements show it."""

    RUNNING_HOURS = "running-hours"
    ASSET_HOURS = "asset-hours"
    READ_REQUESTS = "read-requests"
    READ_SAMPLES = "read-samples"
    CPU_HOURS = "cpu-hours"
    MEMORY_HOURS = "memory-hours"

    @property
    def unit(self) -> str:
        """What a person reads: UCUM where there is a code."""
        return _UNITS[self][0]

    @property
    def unit_size(self) -> int:
        """How many of the smallest unit are one of `unit`."""
        return _UNITS[self][1]

    @property
    def is_limited(self) -> bool:
        """Whether a plan can limit it."""
        return self in {Dimension.READ_REQUESTS, Dimension.READ_SAMPLES}


# Smallest units: microseconds, reads, samples, and byte seconds.
_UNITS = {
    Dimension.RUNNING_HOURS: ("h", _HOUR_US),
    Dimension.ASSET_HOURS: ("h", _HOUR_US),
    Dimension.READ_REQUESTS: ("reads", 1),
    Dimension.READ_SAMPLES: ("samples", 1),
    Dimension.CPU_HOURS: ("h", _HOUR_US),
    Dimension.MEMORY_HOURS: ("GiB.h", (1 << 30) * 3600),
}


class Pricing(Enum):
    """How a plan counts; the words of `catalogue.model.PlanModel`."""

    FREE = "free"
    TRIAL = "trial"
    FLAT = "flat"
    PER_ASSET_HOUR = "per-asset-hour"


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a plan says of money.

    Attributes:
        price_micros: Millionths of the currency's unit: a month of a flat plan, or an hour of an asset.
        currency: ISO 4217; "" where nothing is paid.
    """

    plan_id: str
    pricing: Pricing = Pricing.FREE
    price_micros: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a subscription's life in which nothing changes that counts; it lasts until the next one begins.

    Attributes:
        number: From 1 on.
        running: It ran: active, or upgrading, when the old version still runs.
        assets: Distinct assets that are bound.
    """

    number: int
    start: datetime
    running: bool
    assets: int


@dataclass(frozen=True, slots=True)
class Event:
    """What was used in one hour, as one source knows it.

    Attributes:
        hour: Its beginning, a full hour of UTC.
        source: Number of the stretch; or who counts.
        quantity: In the dimension's smallest unit; not negative.
    """

    dimension: Dimension
    hour: datetime
    source: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of a plan for each month; 0: there is none."""

    dimension: Dimension
    soft: int = 0
    hard: int = 0
