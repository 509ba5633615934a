"""OEE by ISO 22400-2: availability × effectiveness × quality ratio. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_appkit.machine_time import Element, Timeline
from dualspan_sdk import Columns

# A machine's best is what it reached in the best tenth of its runs of cycles, not in the very best one. A single cycle
# is too short: counters are read once a second.
_BEST = 0.1
_RUN = 5
_FEWEST_CYCLES = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What a machine did in a span; what cannot be known is None.

    Attributes:
        availability: APT / PBT (ISO 22400-2, 9.6): of the time that was planned, the share that it produced.
        effectiveness: PRI × PQ / APT (9.7): what was made, against what could have been in that time.
        quality: GQ / PQ (9.14).
        good: Good pieces.
        scrap: Scrapped pieces.
        production: Seconds of production.
        busy: Seconds that were planned and about which something is known.
        down: Seconds of unplanned stops.
    """

    availability: float | None
    effectiveness: float | None
    quality: float | None
    good: float
    scrap: float
    production: float
    busy: float
    down: float

    @property
    def oee(self) -> float | None:
        """The product of the three (ISO 22400-2, 9.9)."""
        if self.availability is None or self.effectiveness is None or self.quality is None:
            return None
        return self.availability * self.effectiveness * self.quality


def counted(counter: Columns | None) -> float:
    """How much a counter rose over its samples; one that falls began again at zero."""
    return float(steps(counter)[1].sum())


def steps(counter: Columns | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """When a counter rose, µs, and by how much."""
    if counter is None:
        return np.empty(0, np.int64), np.empty(0)
    good = counter.only_good()
    value = good.value.astype(np.float64)
    rise = np.diff(value)
    rise = np.where(rise < 0, value[1:], rise)
    rose = rise > 0
    return good.timestamp[1:][rose], rise[rose]


def seconds_per_piece(counter: Columns | None, product: Columns | None, within: tuple[int, int]) -> float:
    """How long a piece of what was made takes at the machine's best, seconds: the mean over products by their pieces.

    The best is demonstrated: the time for each piece that one in ten runs of five cycles of a product beats.

    Args:
        counter: Of pieces, over a longer time, so that the best can be seen.
        product: What was made, as text.
        within: Begin and end of what counts, µs.

    Returns:
        NaN when too little was made to tell.
    """
    time, rise = steps(counter)
    if len(time) <= _FEWEST_CYCLES:
        return float("nan")
    kind = _kinds(product, time)
    whole = kind[_RUN:] == kind[:-_RUN]
    pieces = np.cumsum(rise)
    each = (time[_RUN:] - time[:-_RUN]) / 1e6 / (pieces[_RUN:] - pieces[:-_RUN])
    best = np.array([_best(each[whole & (kind[_RUN:] == one)]) for one in range(int(kind.max()) + 1)])
    inside = (time >= within[0]) & (time < within[1]) & ~np.isnan(best[kind])
    made = float(rise[inside].sum())
    return float((best[kind] * rise)[inside].sum()) / made if made else float("nan")


def planned_pieces(speed: Columns | None, line: Timeline) -> float:
    """How many pieces a machine should have made while it produced, by its set speed (pieces per hour)."""
    if speed is None or not len(speed):
        return float("nan")
    good = speed.only_good()
    edges = np.union1d(line.start, good.timestamp[(good.timestamp > line.start[0]) & (good.timestamp < line.end[-1])])
    until = np.append(edges[1:], line.end[-1])
    element = line.element[np.searchsorted(line.start, edges, side="right") - 1]
    place = np.searchsorted(good.timestamp, edges, side="right") - 1
    set_speed = np.where(place >= 0, good.value.astype(np.float64)[np.maximum(place, 0)], 0.0)
    produces = element == Element.PRODUCTION
    return float((set_speed * (until - edges) / 3.6e9)[produces].sum())


def figures(line: Timeline, good: float, scrap: float, expected: float) -> Figures:
    """What a machine did.

    Args:
        line: Its time.
        good: Good pieces.
        scrap: Scrapped pieces.
        expected: Share of the production time that everything made would have taken at the planned pace; NaN: unknown.
    """
    production = line.seconds(Element.PRODUCTION)
    busy = production + line.seconds(Element.SETUP, Element.DELAY, Element.DOWN)
    made = good + scrap
    return Figures(
        availability=production / busy if busy else None,
        effectiveness=None if np.isnan(expected) else float(expected),
        quality=good / made if made else None,
        good=good,
        scrap=scrap,
        production=production,
        busy=busy,
        down=line.seconds(Element.DELAY, Element.DOWN),
    )


def stops(line: Timeline, reason: Columns | None) -> list[tuple[str, int, float]]:
    """Unplanned stops by reason, the costliest first: reason, how many, seconds.

    A machine tells its reason a little after it stops, so a stop has the last reason that was given while it stood.
    """
    found: dict[str, tuple[int, float]] = {}
    lost = np.flatnonzero(np.isin(line.element, (Element.DELAY, Element.DOWN, Element.SETUP)))
    for row in lost.tolist():
        start, end = int(line.start[row]), int(line.end[row])
        text = _told(reason, start, end)
        count, seconds = found.get(text, (0, 0.0))
        found[text] = (count + 1, seconds + (end - start) / 1e6)
    return sorted(((text, *lost) for text, lost in found.items()), key=lambda each: -each[2])


def _best(seconds: NDArray[np.float64]) -> float:
    return float(np.quantile(seconds, _BEST)) if len(seconds) else float("nan")


def _told(reason: Columns | None, start: int, end: int) -> str:
    if reason is None:
        return ""
    until = int(np.searchsorted(reason.timestamp, end, side="left"))
    since = int(np.searchsorted(reason.timestamp, start, side="left"))
    given = [str(text) for text in reason.value[max(since - 1, 0) : until] if text]
    return given[-1] if given else ""


def _kinds(product: Columns | None, time: NDArray[np.int64]) -> NDArray[np.intp]:
    """A number for the product of each time; 0 for all where products are not known."""
    if product is None or not len(product):
        return np.zeros(len(time), np.intp)
    texts: Sequence[Any] = product.value.astype(str).tolist()
    _, codes = np.unique(np.array(texts), return_inverse=True)
    place = np.maximum(np.searchsorted(product.timestamp, time, side="right") - 1, 0)
    _, kinds = np.unique(codes[place], return_inverse=True)
    return kinds
