"""What a report is, and what stands in it, in no language yet."""

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from dualspan_analytics.reports.errors import bad_report

MINUTE_US = 60_000_000
LONGEST_DELAY_US = 7 * 24 * 60 * MINUTE_US
DEFAULT_DELAY_US = 15 * MINUTE_US
_MOST_OPERATORS = 1000
_MOST_ASSETS = 1000


class Period(IntEnum):
    """How long the time is that one run tells of; the numbers of the contract."""

    DAILY = 1
    SHIFT = 2
    MONTHLY = 3


class SectionKind(IntEnum):
    """What a report tells of; the numbers of the contract."""

    OEE = 1
    LOSSES = 2
    ENERGY = 3
    ALARMS = 4
    SPC = 5
    COMPLETENESS = 6


class Language(IntEnum):
    """In which a file is; the numbers of the contract."""

    EN = 1
    ZH = 2

    @property
    def code(self) -> str:
        """BCP 47."""
        return {Language.EN: "en", Language.ZH: "zh-CN"}[self]


class Format(IntEnum):
    """In which form a file is; the numbers of the contract."""

    HTML = 1
    PDF = 2


@dataclass(frozen=True, slots=True)
class ReportDefinition:
    """A report.

    Attributes:
        id: Unique in the tenant.
        display_name: Stands on it.
        period: Of one run.
        assets: Each with all below it; all if empty.
        sections: In this order.
        languages: Each has files of its own.
        time_zone: IANA name; "" for the calendar's, else UTC.
        calendar: Id of the one whose shifts are followed; "" for none.
        delay_us: It is made so long after a period ends.
        paused: Nothing is made by itself.
        start_us: Only periods that begin from here on are made by themselves; None for those after now.
        operators: Who share the alarms of these assets; what ISA-18.2 advises is for each of them.
    """

    id: str
    display_name: str
    period: Period
    assets: tuple[str, ...]
    sections: tuple[SectionKind, ...]
    languages: tuple[Language, ...]
    time_zone: str
    calendar: str
    delay_us: int
    paused: bool
    start_us: int | None
    operators: int = 1


def check(definition: ReportDefinition) -> None:
    """Refuse a report that cannot be made.

    Raises:
        InvalidArgument: `BAD_REPORT`, with what is wrong.
    """
    if definition.period is Period.SHIFT and not definition.calendar:
        raise bad_report("calendar", "a report by shift needs a calendar with shifts")
    if not 0 <= definition.delay_us <= LONGEST_DELAY_US:
        raise bad_report("delay", "it must be 0 to 7 days")
    if len(definition.assets) > _MOST_ASSETS:
        raise bad_report("assets", f"{_MOST_ASSETS} are the most; name what they stand under")
    if not 1 <= definition.operators <= _MOST_OPERATORS:
        raise bad_report("operators", f"1 to {_MOST_OPERATORS} share the alarms")
    for field, given in (("sections", definition.sections), ("languages", definition.languages)):
        if len(set(given)) < len(given):
            raise bad_report(field, "one is named twice")


@dataclass(frozen=True, slots=True)
class Span:
    """A period: [start_us, end_us), µs since the Unix epoch, and the shift's name or ""."""

    start_us: int
    end_us: int
    title: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that a language has, by key, and what stands in their places."""

    key: str
    values: tuple[tuple[str, "Text"], ...] = ()


Text: TypeAlias = str | Phrase
"""What a person reads: words of the platform, or as they are (names, numbers)."""


def say(key: str, **values: Text) -> Phrase:
    """Words of the platform."""
    return Phrase(key, tuple(values.items()))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows; the first `texts` columns are words, the others numbers."""

    columns: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    texts: int = 1


@dataclass(frozen=True, slots=True)
class Bars:
    """Values by label, as bars; NaN has none.

    Attributes:
        title: Above it.
        labels: One for each.
        values: The lengths.
        unit: Behind the values.
        most: The length of a whole bar; 0 for the largest value.
    """

    title: Text
    labels: tuple[Text, ...]
    values: tuple[float, ...]
    unit: str
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence; `is_warning` if a reader must know it before believing figures."""

    text: Text
    is_warning: bool = False


Block: TypeAlias = Table | Bars | Note


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a title of its own."""

    kind: SectionKind
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    Attributes:
        title: What somebody called it.
        tenant: Whose.
        period: Which kind.
        span: Of what it tells.
        scope: Names of the assets; empty for all.
        time_zone: In which times are shown.
        made_us: When it was made.
        sections: Its parts.
    """

    title: str
    tenant: str
    period: Period
    span: Span
    scope: tuple[str, ...]
    time_zone: str
    made_us: int
    sections: tuple[Section, ...]


def number(value: float, digits: int = 1) -> str:
    """A figure for people, "—" for what is not known."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else "—"


def percent(share: float, digits: int = 1) -> str:
    """A share of 0 to 1 as a percentage."""
    return f"{number(share * 100, digits)} %" if math.isfinite(share) else "—"
