"""Limits of plans as a column."""

import json
from collections.abc import Iterable

from dualspan_marketplace.usage.model import Dimension, Limit


def written(limits: Iterable[Limit]) -> str:
    """As JSON."""
    return json.dumps([{"dimension": each.dimension.value, "soft": each.soft, "hard": each.hard} for each in limits])


def read(text: str) -> tuple[Limit, ...]:
    """From JSON."""
    return tuple(Limit(Dimension(each["dimension"]), each["soft"], each["hard"]) for each in json.loads(text))
