"""Dashboards: what is on them, and what can be. Rules, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeAlias

from dualspan_analytics.dashboards.errors import bad_dashboard

COLUMNS, LOWEST_ROW, TALLEST = 12, 999, 24
MOST_PANELS, MOST_LINES, MOST_ASSETS = 40, 20, 50
LONGEST_NAME, LONGEST_DESCRIPTION, LONGEST_TEXT = 120, 500, 4000
_SECOND = 1_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND
_CHART_SPANS = (10 * _SECOND, 400 * _DAY)
_STATE_SPANS = (_MINUTE, 31 * _DAY)
_OEE_SPANS = (_HOUR, 400 * _DAY)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is on the grid, in cells."""

    column: int
    row: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """A property of an asset, or, where `tag_id` is not 0, a tag as it is."""

    asset: str = ""
    property: str = ""
    index: int = 0
    tag_id: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over the last `span_us`."""

    lines: tuple[Measurement, ...]
    span_us: int
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True, slots=True)
class Value:
    """One value as it is now; beyond `low` and `high` it stands out."""

    measurement: Measurement
    low: float | None
    high: float | None
    kind: Literal["value"] = "value"


@dataclass(frozen=True, slots=True)
class States:
    """States of the machines of some assets; of all for none."""

    assets: tuple[str, ...]
    span_us: int
    kind: Literal["state"] = "state"


@dataclass(frozen=True, slots=True)
class Oee:
    """OEE of the machines of some assets; of all for none."""

    assets: tuple[str, ...]
    span_us: int
    kind: Literal["oee"] = "oee"


@dataclass(frozen=True, slots=True)
class Alarms:
    """Active alarms of some assets; of all for none."""

    assets: tuple[str, ...]
    kind: Literal["alarms"] = "alarms"


@dataclass(frozen=True, slots=True)
class Words:
    """Markdown."""

    markdown: str
    kind: Literal["text"] = "text"


Content: TypeAlias = Chart | Value | States | Oee | Alarms | Words


@dataclass(frozen=True, slots=True)
class Panel:
    """One part of a dashboard."""

    id: str
    title: str
    place: Place
    content: Content


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels.

    Attributes:
        id: Within the enterprise.
        display_name: What people call it.
        description: What it is for.
        panels: What is on it.
    """

    id: str
    display_name: str
    description: str
    panels: tuple[Panel, ...]


def check(given: Dashboard) -> None:
    """Refuse what cannot be shown.

    Raises:
        InvalidArgument: Something in it cannot be (`BAD_DASHBOARD`); the field is named.
    """
    if not given.display_name or len(given.display_name) > LONGEST_NAME:
        raise bad_dashboard("display_name", f"it must have 1 to {LONGEST_NAME} characters")
    if len(given.description) > LONGEST_DESCRIPTION:
        raise bad_dashboard("description", f"it must have {LONGEST_DESCRIPTION} characters at the most")
    if len(given.panels) > MOST_PANELS:
        raise bad_dashboard("panels", f"there can be {MOST_PANELS} at the most")
    if len({each.id for each in given.panels}) < len(given.panels):
        raise bad_dashboard("panels", "two have the same id")
    for number, panel in enumerate(given.panels):
        _check_panel(panel, f"panels[{number}]")


def _check_panel(panel: Panel, field: str) -> None:
    if len(panel.title) > LONGEST_NAME:
        raise bad_dashboard(f"{field}.title", f"it must have {LONGEST_NAME} characters at the most")
    place = panel.place
    inside = place.column >= 0 and place.width >= 1 and place.column + place.width <= COLUMNS
    if not inside or not 0 <= place.row <= LOWEST_ROW or not 1 <= place.height <= TALLEST:
        raise bad_dashboard(f"{field}.place", f"it must lie on {COLUMNS} columns and be 1 to {TALLEST} rows high")
    match panel.content:
        case Chart(lines, span_us):
            _check_count(f"{field}.chart.lines", lines, 1, MOST_LINES)
            for line in lines:
                _check_measurement(f"{field}.chart.lines", line)
            _check_span(f"{field}.chart.span", span_us, _CHART_SPANS)
        case Value(measurement, low, high):
            _check_measurement(f"{field}.value.measurement", measurement)
            if any(limit is not None and not isfinite(limit) for limit in (low, high)):
                raise bad_dashboard(f"{field}.value", "limits must be numbers")
        case States(assets, span_us):
            _check_count(f"{field}.state.assets", assets, 0, MOST_ASSETS)
            _check_span(f"{field}.state.span", span_us, _STATE_SPANS)
        case Oee(assets, span_us):
            _check_count(f"{field}.oee.assets", assets, 0, MOST_ASSETS)
            _check_span(f"{field}.oee.span", span_us, _OEE_SPANS)
        case Alarms(assets):
            _check_count(f"{field}.alarms.assets", assets, 0, MOST_ASSETS)
        case Words(markdown):
            _check_count(f"{field}.text.markdown", markdown, 1, LONGEST_TEXT)


def _check_measurement(field: str, given: Measurement) -> None:
    is_property, is_tag = bool(given.asset and given.property), given.tag_id > 0
    if is_property == is_tag or given.index < 0 or given.tag_id < 0:
        raise bad_dashboard(field, "name a property with its asset, or a tag")


def _check_span(field: str, span_us: int, allowed: tuple[int, int]) -> None:
    least, most = allowed
    if not least <= span_us <= most:
        raise bad_dashboard(field, f"it must be from {least // _SECOND} s to {most // _SECOND} s")


def _check_count(field: str, given: Sequence[object], least: int, most: int) -> None:
    if not least <= len(given) <= most:
        raise bad_dashboard(field, f"there must be {least} to {most}")
