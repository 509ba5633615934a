"""What machines measured in five minutes each, kept so that each point is asked for once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dualspan_appkit.machine_time import Element, meanings, timeline
from dualspan_sdk import Aggregate, Asset, Plant, PropertyRef

POINT = timedelta(minutes=5)
POINT_US = POINT // timedelta(microseconds=1)
_STATE = "state"
_PRODUCT = "product-code"


@dataclass(frozen=True, slots=True)
class Past:
    """One machine's points, ascending in time.

    Attributes:
        refs: The measures.
        start: int64, shape (points,): begins, µs.
        value: float64, shape (measures, points).
        product: object, shape (points,): what was made when the point began, as text.
        steady: bool, shape (points,): it produced all the time.
    """

    refs: tuple[PropertyRef, ...]
    start: NDArray[np.int64]
    value: NDArray[np.float64]
    product: NDArray[np.object_]
    steady: NDArray[np.bool_]

    def followed_by(self, other: "Past", most: int) -> "Past":
        """These points and the ones of `other`, the newest `most`."""
        keep = slice(-most, None)
        return Past(
            other.refs,
            np.concatenate([self.start, other.start])[keep],
            np.concatenate([self.value, other.value], axis=1)[:, keep],
            np.concatenate([self.product, other.product])[keep],
            np.concatenate([self.steady, other.steady])[keep],
        )


class History:
    """The past of all machines.

    Args:
        plant: Where it is read.
        days: How much of it is kept.
    """

    def __init__(self, plant: Plant, days: float) -> None:
        self._plant = plant
        self._span = timedelta(days=days)
        self._past: dict[str, Past] = {}

    async def extend(self, machine: Asset, now: datetime) -> Past:
        """Read what is new of a machine, or all of it the first time; returns what is known."""
        end = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
        refs = _measures(machine)
        known = self._past.get(machine.id)
        if known is not None and known.refs != refs:
            known = None
        start = end - self._span if known is None else _instant(int(known.start[-1]) + POINT_US)
        if start < end:
            new = await self._read(machine, refs, start, end)
            most = self._span // POINT
            known = new if known is None else known.followed_by(new, most)
            self._past[machine.id] = known
        assert known is not None  # noqa: S101 - the span is not empty
        return known

    async def _read(self, machine: Asset, refs: tuple[PropertyRef, ...], start: datetime, end: datetime) -> Past:
        found = await self._plant.read_processed(refs, start, end, interval=POINT, aggregates=[Aggregate.AVERAGE])
        facts = [PropertyRef(machine.id, each) for each in (_STATE, _PRODUCT) if machine.has(each)]
        happened = await self._plant.read_many(facts, start, end, before=True)
        columns = [found[ref, Aggregate.AVERAGE] for ref in refs]
        starts = columns[0].timestamp
        state = happened[PropertyRef(machine.id, _STATE)]
        line = timeline(state, meanings(machine.model, {}), int(starts[0]), int(starts[-1]) + POINT_US)
        product = happened.get(PropertyRef(machine.id, _PRODUCT))
        made = np.full(len(starts), "", object)
        if product is not None and len(product):
            place = np.searchsorted(product.timestamp, starts, side="right") - 1
            made = np.where(place >= 0, product.value[np.maximum(place, 0)], "")
        steady = line.is_throughout(Element.PRODUCTION, starts, POINT_US)
        return Past(refs, starts, np.array([each.value for each in columns]), made, steady)


def _measures(machine: Asset) -> tuple[PropertyRef, ...]:
    names: Sequence[tuple[str, int]] = sorted(machine.sources)
    return tuple(PropertyRef(machine.id, *slot) for slot in names if slot[0] not in {_STATE, _PRODUCT})


def _instant(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
