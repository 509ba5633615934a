"""What is shared: groups, months, consents, contributions and what was published of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from dualspan_analytics.assets import Asset, AssetTree
from dualspan_runtime.errors import InvalidArgument

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


class GroupKind(StrEnum):
    """What enterprises are grouped by."""

    MODEL = "model"
    INDUSTRY = "industry"


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Enterprises with machines of one built-in model, or of one industry."""

    kind: GroupKind
    id: str


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether a KPI is shared, who said so last, and when."""

    kpi: str
    granted: bool
    actor: str
    change_time: datetime


@dataclass(frozen=True, slots=True)
class Contribution:
    """An enterprise's one figure for a group and month, over all its machines of the group."""

    group: Group
    kpi: str
    month: str
    value: float
    good_share: float
    machines: int


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was published for a group and month; `lower`, `median` and `upper` are None where it was refused."""

    group: Group
    kpi: str
    month: str
    at_least: int
    lower: float | None
    median: float | None
    upper: float | None
    refusal: str


def month_of(time_us: int) -> str:
    """`YYYY-MM` of a time in µs, by UTC: a month is the same for all enterprises."""
    return f"{datetime.fromtimestamp(time_us / 1e6, UTC):%Y-%m}"


def month_span(month: str) -> tuple[int, int]:
    """First µs of a month, and of the next one.

    Raises:
        InvalidArgument: It is no month (`BAD_MONTH`).
    """
    found = _MONTH.fullmatch(month)
    if found is None:
        raise InvalidArgument("BAD_MONTH", f"{month[:20]!r} is no month. Write it like 2026-09.", month=month[:20])
    year, number = int(found[1]), int(found[2])
    start = datetime(year, number, 1, tzinfo=UTC)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return _us(start), _us(end)


def closed_month(now_us: int, delay: timedelta) -> str:
    """The newest month that has been over for so long."""
    return month_of(month_span(month_of(now_us - round(delay.total_seconds() * 1e6)))[0] - 1)


def groups_of(tree: AssetTree, machines: Iterable[str]) -> dict[Group, list[str]]:
    """Which groups machines belong to: those of their built-in models, of those that these extend, of the industry.

    Models of an enterprise's own are no groups: their names would tell whose they are.
    """
    found: dict[Group, list[str]] = {}
    for machine in machines:
        for group in _groups(tree, tree.asset(machine)):
            found.setdefault(group, []).append(machine)
    return found


def _groups(tree: AssetTree, asset: Asset) -> Sequence[Group]:
    models = [each for each in tree.lineage(asset.id) if each.built_in]
    groups = [Group(GroupKind.MODEL, model.id) for model in models]
    if models:
        groups.append(Group(GroupKind.INDUSTRY, models[0].industry))
    return groups


def _us(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000
