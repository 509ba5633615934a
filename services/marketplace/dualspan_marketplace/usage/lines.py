"""Lines of statements: pure arithmetic over sums of events.

Rounding happens once for each line, of the exact product. A correction is the difference between what a month comes to
now and what its statements have said so far: so all lines about a month add up to what the month comes to, whatever
became known when.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from dualspan_marketplace.usage import money
from dualspan_marketplace.usage.model import Dimension, Pricing, Tariff

_MONTH = "mo"
_ORDER = {each: place for place, each in enumerate(Dimension)}


class Kind(Enum):
    """What a line is."""

    USAGE = "usage"
    CORRECTION = "correction"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True)
class Month:
    """A month of statements: [start, end), full hours."""

    start: datetime
    end: datetime

    @property
    def microseconds(self) -> int:
        """Its length."""
        return (self.end - self.start) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Used:
    """A sum of events of one month."""

    subscription_id: str
    app_id: str
    tariff: Tariff
    dimension: Dimension
    quantity: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a statement.

    Attributes:
        tariff: What was agreed; of an adjustment, its currency.
        dimension: None of an adjustment.
        quantity: In the dimension's smallest unit.
        unit_size: So many of it are one `unit`.
        price_micros: Of one `unit`; 0 where the plan does not charge for it.
        amount: In the currency's minor unit; 0 where there is none.
        month: That it is about.
        reason: Why, of an adjustment.
    """

    kind: Kind
    subscription_id: str
    app_id: str
    plan_id: str
    dimension: Dimension | None
    quantity: int
    unit_size: int
    unit: str
    price_micros: int
    currency: str
    amount: int
    month: Month
    reason: str = ""
    adjustment_id: str = ""

    @property
    def same(self) -> tuple[str, ...]:
        """Lines about the same thing of a month have the same."""
        dimension = self.dimension.value if self.dimension else ""
        return (self.subscription_id, self.plan_id, dimension, self.unit, str(self.price_micros), self.currency)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Money back, or more of it."""

    adjustment_id: str
    number: int
    subscription_id: str
    amount: int
    currency: str
    reason: str
    create_time: datetime


def of_month(used: Iterable[Used], month: Month) -> list[Line]:
    """What a month comes to, by subscription, plan and dimension; nothing of what was not used."""
    sums: dict[tuple[str, ...], Line] = {}
    for each in used:
        line = _unpaid(each, month)
        known = sums.get(line.same)
        sums[line.same] = replace(line, quantity=line.quantity + known.quantity) if known else line
    return sorted((_paid(each) for each in sums.values() if each.quantity), key=_place)


def _unpaid(used: Used, month: Month) -> Line:
    """A line that says what was used and what one unit of it costs."""
    tariff, dimension = used.tariff, used.dimension
    unit, unit_size, price = dimension.unit, dimension.unit_size, 0
    if tariff.pricing is Pricing.FLAT and dimension is Dimension.RUNNING_HOURS:
        unit, unit_size, price = _MONTH, month.microseconds, tariff.price_micros
    if tariff.pricing is Pricing.PER_ASSET_HOUR and dimension is Dimension.ASSET_HOURS:
        price = tariff.price_micros
    return Line(
        kind=Kind.USAGE,
        subscription_id=used.subscription_id,
        app_id=used.app_id,
        plan_id=tariff.plan_id,
        dimension=dimension,
        quantity=used.quantity,
        unit_size=unit_size,
        unit=unit,
        price_micros=price,
        currency=tariff.currency if price else "",
        amount=0,
        month=month,
    )


def _paid(line: Line) -> Line:
    """The same with what it comes to."""
    if not line.price_micros:
        return line
    return replace(line, amount=money.amount(line.quantity, line.unit_size, line.price_micros, line.currency))


def corrections(now: Iterable[Line], stated: Iterable[Line]) -> list[Line]:
    """What statements of a closed month lack, or have too much.

    Args:
        now: What the month comes to, by `of_month`.
        stated: All lines that any statement has about it, but adjustments.
    """
    known: dict[tuple[str, ...], Line] = {}
    for each in stated:
        before = known.get(each.same)
        quantity, amount = (before.quantity, before.amount) if before else (0, 0)
        known[each.same] = replace(each, quantity=quantity + each.quantity, amount=amount + each.amount)
    found: list[Line] = []
    current = {each.same: each for each in now}
    for key in current.keys() | known.keys():
        line = current.get(key) or replace(known[key], quantity=0, amount=0)
        before = known.get(key)
        quantity = line.quantity - (before.quantity if before else 0)
        amount = line.amount - (before.amount if before else 0)
        if quantity or amount:
            found.append(replace(line, kind=Kind.CORRECTION, quantity=quantity, amount=amount))
    return sorted(found, key=_place)


def adjusted(given: Adjustment, month: Month) -> Line:
    """An adjustment as a line, about the month of its statement."""
    return Line(
        kind=Kind.ADJUSTMENT,
        subscription_id=given.subscription_id,
        app_id="",
        plan_id="",
        dimension=None,
        quantity=0,
        unit_size=1,
        unit="",
        price_micros=0,
        currency=given.currency,
        amount=given.amount,
        month=month,
        reason=given.reason,
        adjustment_id=given.adjustment_id,
    )


def totals(lines: Sequence[Line]) -> Mapping[str, int]:
    """Sums by currency, in order of it; without lines that cost nothing in any."""
    found: defaultdict[str, int] = defaultdict(int)
    for each in lines:
        if each.currency:
            found[each.currency] += each.amount
    return dict(sorted(found.items()))


def _place(line: Line) -> tuple[datetime, str, str, int, int]:
    order = _ORDER[line.dimension] if line.dimension else len(_ORDER)
    return (line.month.start, line.subscription_id, line.plan_id, order, line.price_micros)
