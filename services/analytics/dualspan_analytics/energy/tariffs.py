"""Tariffs by time of use: prices by local time, right across changes of the clock."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.calendars.expansion import check_shifts, expand
from dualspan_analytics.calendars.model import Calendar, Daily, Holiday, Shift
from dualspan_analytics.energy.errors import bad_tariff
from dualspan_analytics.intervals import Micros, pieces
from dualspan_runtime.errors import InvalidArgument

MOST_RATES = 16
MOST_WINDOWS = 64
_MONTHS = range(1, 13)


@dataclass(frozen=True, slots=True)
class Rate:
    """A price that has a name, such as `peak`.

    Attributes:
        name: For people.
        price: Of a kWh, in the tariff's currency.
    """

    name: str
    price: float


@dataclass(frozen=True, slots=True)
class Window:
    """When a rate holds.

    Attributes:
        rate: Name of the rate.
        hours: Local time and days of the week.
        months: 1 to 12; every month if empty.
    """

    rate: str
    hours: Daily
    months: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tariff:
    """What electricity costs.

    Attributes:
        id: Unique in the tenant.
        display_name: For people.
        time_zone: IANA name.
        currency: ISO 4217.
        rates: At least one.
        windows: They do not overlap.
        default_rate: Name of the rate outside of all windows, and on holidays.
        holidays: Local days on which no window begins.
        demand_price: Of a kW of the highest interval in a month; 0: none.
    """

    id: str
    display_name: str
    time_zone: str
    currency: str
    rates: tuple[Rate, ...]
    windows: tuple[Window, ...]
    default_rate: str
    holidays: tuple[dt.date, ...] = ()
    demand_price: float = 0.0

    @property
    def prices(self) -> NDArray[np.float64]:
        """float64[rates]."""
        return np.array([rate.price for rate in self.rates], np.float64)


@dataclass(frozen=True, slots=True)
class Rated:
    """A span cut where rates change.

    Attributes:
        edges: int64[n + 1], µs.
        rate: int64[n]: index of the rate that holds.
    """

    edges: Micros
    rate: NDArray[np.int64]


def check_tariff(tariff: Tariff) -> Tariff:
    """Return it; refuse one that says something impossible.

    Raises:
        InvalidArgument: `BAD_TARIFF`, or `UNKNOWN_TIME_ZONE`.
    """
    names = [rate.name for rate in tariff.rates]
    if not 1 <= len(names) <= MOST_RATES or len(tariff.windows) > MOST_WINDOWS:
        raise bad_tariff(f"it needs 1 to {MOST_RATES} rates, and {MOST_WINDOWS} windows at the most")
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise bad_tariff("each rate needs a name of its own")
    if not all(math.isfinite(price) for price in (*tariff.prices.tolist(), tariff.demand_price)):
        raise bad_tariff("a price is not a number")
    if tariff.demand_price < 0:
        raise bad_tariff("the price of a kW cannot be negative")
    for name in (tariff.default_rate, *(window.rate for window in tariff.windows)):
        if name not in names:
            raise bad_tariff(f"there is no rate {name[:60]!r}")
    if len(tariff.currency) != 3 or not tariff.currency.isalpha() or not tariff.currency.isupper():
        raise bad_tariff(f"{tariff.currency[:10]!r} is no currency by ISO 4217, such as CNY or EUR")
    if any(month not in _MONTHS for window in tariff.windows for month in window.months):
        raise bad_tariff("a month is none: 1 is January, 12 is December")
    for _, windows in _by_months(tariff):
        _check_overlaps(tariff, windows)
    return tariff


def rated(tariff: Tariff, start_us: int, end_us: int) -> Rated:
    """Cut [start_us, end_us) where rates change. Of an hour that comes twice in autumn, both have its rate."""
    spans: list[tuple[Micros, Micros, NDArray[np.int64]]] = []
    names = [rate.name for rate in tariff.rates]
    for months, windows in _by_months(tariff):
        found = expand(_calendar(tariff, windows), start_us, end_us)
        keep = np.isin(_month(found.day), list(months))
        rate = np.array([names.index(window.rate) for window in windows], np.int64)[found.shift[keep]]
        spans.append((found.start[keep], found.end[keep], rate))
    starts = np.concatenate([np.empty(0, np.int64), *(span[0] for span in spans)])
    ends = np.concatenate([np.empty(0, np.int64), *(span[1] for span in spans)])
    rates = np.concatenate([np.empty(0, np.int64), *(span[2] for span in spans)])
    edges = pieces([starts, ends], start_us, end_us)
    order = np.argsort(starts, kind="stable")
    starts, ends, rates = starts[order], ends[order], rates[order]
    at = np.searchsorted(starts, edges[:-1], side="right") - 1
    inside = (at >= 0) & (edges[:-1] < (ends[at] if len(ends) else 0))
    chosen = rates[at] if len(rates) else np.zeros(len(at), np.int64)
    return Rated(edges, np.where(inside, chosen, names.index(tariff.default_rate)))


def by_rate(tariff: Tariff, found: Rated, energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[rates]: kWh at each rate; NaN for a rate of which a part is not known."""
    return np.bincount(found.rate, energy, len(tariff.rates)).astype(np.float64)


def _by_months(tariff: Tariff) -> Sequence[tuple[tuple[int, ...], list[Window]]]:
    """Windows that hold in the same months, and in which."""
    groups: dict[tuple[int, ...], tuple[list[int], list[Window]]] = {}
    for month in _MONTHS:
        windows = [window for window in tariff.windows if not window.months or month in window.months]
        key = tuple(tariff.windows.index(window) for window in windows)
        groups.setdefault(key, ([], windows))[0].append(month)
    return [(tuple(months), windows) for months, windows in groups.values() if windows]


def _calendar(tariff: Tariff, windows: Sequence[Window]) -> Calendar:
    """Windows as shifts: the same hours of local days."""
    shifts = tuple(Shift(f"{window.rate} {number}", window.hours) for number, window in enumerate(windows, 1))
    holidays = tuple(Holiday(day, "") for day in tariff.holidays)
    return Calendar(tariff.id, tariff.display_name, tariff.time_zone, shifts, (), holidays)


def _check_overlaps(tariff: Tariff, windows: Sequence[Window]) -> None:
    try:
        check_shifts(_calendar(tariff, windows))
    except InvalidArgument as err:
        if err.reason == "UNKNOWN_TIME_ZONE":
            raise
        details = err.metadata
        if err.reason == "SHIFTS_OVERLAP":
            words = f"its windows {details['first']!r} and {details['second']!r} overlap on {details['day']}"
            raise bad_tariff(words) from err
        raise bad_tariff(err.message.removeprefix("The calendar is not valid: ").rstrip(".")) from err


def _month(day: NDArray[np.int32]) -> NDArray[np.int64]:
    """int64[n], 1 to 12: months of days since 1970-01-01."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
