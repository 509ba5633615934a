"""Limits of plans on what apps read in a month.

A soft limit puts a notice on the subscription. A hard one refuses the app's reads, with RESOURCE_EXHAUSTED and words
that say until when; the app itself goes on running, writes its results, and shows what it has: a dashboard that
disappears in the middle of a shift would do more harm than one that stands still.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dualspan_marketplace.usage.model import Dimension, Limit


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands with its limits; both are words for a person, or ""."""

    notice: str = ""
    exhausted: str = ""


def standing(limits: Sequence[Limit], used: Mapping[Dimension, int], end: datetime, zone: str) -> Standing:
    """How a subscription stands.

    Args:
        limits: Of its plan.
        used: In the month that is open.
        end: Of that month.
        zone: IANA, for the words.
    """
    local = f"{end.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"
    for each in limits:
        if each.hard and used.get(each.dimension, 0) >= each.hard:
            words = (
                f"The plan's limit of {each.hard} {each.dimension.unit} a month is reached: the app's reads are refused"
                f" until {local}. Choose a plan with a higher limit to go on at once."
            )
            return Standing(words, words)
    for each in limits:
        if each.soft and used.get(each.dimension, 0) >= each.soft:
            words = [
                f"More than {each.soft} {each.dimension.unit} were used this month, as of which the plan warns.",
                *([f"Reads are refused at {each.hard}."] if each.hard else []),
                f"The month ends at {local}.",
            ]
            return Standing(" ".join(words))
    return Standing()


def problems(limits: Sequence[Limit]) -> Iterator[str]:
    """What is wrong with the limits of a plan."""
    if len({each.dimension for each in limits}) < len(limits):
        yield "Limit each dimension once."
    for each in limits:
        if not each.dimension.is_limited:
            yield f"{each.dimension.value} cannot be limited: read-requests and read-samples can."
        if each.soft < 0 or each.hard < 0 or not (each.soft or each.hard):
            yield "A limit is a soft one, a hard one or both, each more than 0."
        if each.soft and each.hard and each.soft >= each.hard:
            yield "The soft limit must be below the hard one: it is a warning."
