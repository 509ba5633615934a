"""What a subscription used, for whoever asks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from zoneinfo import ZoneInfo

from dualspan_marketplace.usage.model import Dimension, Limit


class Step(Enum):
    """By which spans usage is added up."""

    WHOLE = "whole"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Amount:
    """What was used from a time on, in the dimension's smallest unit."""

    dimension: Dimension
    start: datetime
    quantity: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a subscription used, and how it stands with its limits.

    Attributes:
        used: In the month that is open, of what is limited.
        metered_until: Hours are counted up to here; None before it ran.
    """

    amounts: Sequence[Amount]
    limits: Sequence[Limit]
    used: Mapping[Dimension, int]
    notice: str
    metered_until: datetime | None
    start: datetime
    end: datetime


def added_up(hours: Iterable[Amount], step: Step, start: datetime, zone: str) -> list[Amount]:
    """Hours as the spans that were asked for, in order of dimension and time.

    Args:
        hours: From `start` on.
        step: Hours, local days or all of it.
        start: Of it all.
        zone: Of days, IANA.
    """
    local = ZoneInfo(zone)
    sums: defaultdict[tuple[Dimension, datetime], int] = defaultdict(int)
    for each in hours:
        sums[each.dimension, _beginning(each.start, step, start, local)] += each.quantity
    order = list(Dimension)
    return sorted(
        (Amount(dimension, time, quantity) for (dimension, time), quantity in sums.items()),
        key=lambda each: (order.index(each.dimension), each.start),
    )


def _beginning(hour: datetime, step: Step, start: datetime, zone: ZoneInfo) -> datetime:
    match step:
        case Step.HOUR:
            return hour
        case Step.DAY:
            return hour.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        case Step.WHOLE:
            return start
