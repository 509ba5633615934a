"""From what an instance's own counters show to what it used.

A counter of processor time only rises while the instance lives; a new instance begins anew, under another name. What is
observed twice, or late, adds nothing: it is compared with what was seen last, in the transaction that keeps both.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dualspan_marketplace.usage.hours import hour_of
from dualspan_marketplace.usage.model import HOUR, Dimension, Event

_MICROSECOND = timedelta(microseconds=1)
# Whoever has not looked for so long does not know how much memory was held meanwhile.
_LONGEST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of an instance.

    Attributes:
        instance: Its name, another one for each start.
        started: When.
        time: When it was looked at.
        cpu_us: Processor time since its start.
        memory_bytes: What it held.
    """

    instance: str
    started: datetime
    time: datetime
    cpu_us: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Counter:
    """What was seen last."""

    cpu_us: int
    seen: datetime


def used(before: Counter | None, now: Observation) -> tuple[Counter, list[Event]]:
    """What was used since the instance was seen last, and what is to be remembered.

    Args:
        before: None for an instance that is seen for the first time: it counts from its start.
        now: What is seen. If it is no later than what was seen last, nothing was used.
    """
    before = before or Counter(0, min(now.started, now.time))
    if now.time <= before.seen:
        return before, []
    added = max(0, now.cpu_us - before.cpu_us)
    held_from = max(before.seen, now.time - _LONGEST)
    events = _spread(Dimension.CPU_HOURS, now.instance, before.seen, now.time, added)
    memory = now.memory_bytes * ((now.time - held_from) // _MICROSECOND) // 1_000_000
    events += _spread(Dimension.MEMORY_HOURS, now.instance, held_from, now.time, memory)
    return Counter(max(before.cpu_us, now.cpu_us), now.time), events


def _spread(dimension: Dimension, instance: str, begin: datetime, end: datetime, quantity: int) -> list[Event]:
    """A quantity over the hours that a span touches, by time, to the last unit."""
    found: list[Event] = []
    whole, given, hour = end - begin, 0, hour_of(begin)
    while hour < end and quantity:
        until = min(hour + HOUR, end)
        upto = quantity * ((until - begin) // _MICROSECOND) // (whole // _MICROSECOND)
        if upto > given:
            found.append(Event(dimension, hour, instance, upto - given))
        given, hour = upto, hour + HOUR
    return found
