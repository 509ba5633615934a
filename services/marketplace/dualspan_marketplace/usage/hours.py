"""From stretches of a subscription's life to hours.

Within an hour every microsecond counts once, for the stretch that it lies in: a plan or an asset that changes at 10:20
is paid as it was for 20 minutes and as it is for 40. Nothing is rounded here.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from dualspan_marketplace.usage.model import HOUR, Dimension, Event, Stretch

_MICROSECOND = timedelta(microseconds=1)


def hour_of(time: datetime) -> datetime:
    """The beginning of the hour of UTC that a time lies in."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def count(stretches: Sequence[Stretch], start: datetime, end: datetime) -> list[Event]:
    """Hours of running and of assets in [start, end).

    Args:
        stretches: Of one subscription, in order of time.
        start: A full hour.
        end: A full hour; not included.
    """
    found: list[Event] = []
    for stretch, until in zip(stretches, [*(each.start for each in stretches[1:]), end], strict=True):
        if stretch.running:
            for hour, used in _split(max(stretch.start, start), min(until, end)):
                source = str(stretch.number)
                found.append(Event(Dimension.RUNNING_HOURS, hour, source, used))
                if stretch.assets:
                    found.append(Event(Dimension.ASSET_HOURS, hour, source, used * stretch.assets))
    return found


def _split(begin: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """Hours that a span touches, and its microseconds in each."""
    while begin < end:
        hour = hour_of(begin)
        until = min(hour + HOUR, end)
        yield hour, (until - begin) // _MICROSECOND
        begin = until
