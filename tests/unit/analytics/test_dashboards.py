"""What a dashboard cannot be."""

import dataclasses
from typing import Any

import pytest

from dualspan.analytics.v1 import dashboards_pb2 as contract
from dualspan_analytics.dashboards.model import (
    Chart,
    Content,
    Dashboard,
    Measurement,
    Oee,
    Panel,
    Place,
    States,
    Value,
    Words,
    check,
)
from dualspan_analytics.servicer.dashboard_mapping import read_panels
from dualspan_runtime.errors import InvalidArgument

HOUR = 3_600_000_000
SPEED = Measurement("mill", "spindle-speed")
PANEL = Panel("a", "", Place(0, 0, 6, 4), Words("x"))
GOOD = Dashboard("line", "Line", "", (PANEL,))


def refused_field(given: Dashboard) -> str:
    with pytest.raises(InvalidArgument) as refused:
        check(given)
    assert refused.value.reason == "BAD_DASHBOARD"
    return refused.value.metadata["field"]


def test_a_good_one_is_taken() -> None:
    check(GOOD)
    check(dataclasses.replace(GOOD, panels=()))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 121}, "display_name"),
        ({"description": "x" * 501}, "description"),
        ({"panels": (PANEL, PANEL)}, "panels"),
        ({"panels": tuple(dataclasses.replace(PANEL, id=f"p{n}") for n in range(41))}, "panels"),
        ({"panels": (dataclasses.replace(PANEL, title="x" * 121),)}, "panels[0].title"),
    ],
)
def test_names_and_numbers_are_bounded(change: dict[str, Any], field: str) -> None:
    assert refused_field(dataclasses.replace(GOOD, **change)) == f"dashboard.{field}"


@pytest.mark.parametrize(
    "place", [(-1, 0, 6, 4), (7, 0, 6, 4), (0, -1, 6, 4), (0, 1000, 6, 4), (0, 0, 0, 4), (0, 0, 6, 25)]
)
def test_panels_lie_on_the_grid(place: tuple[int, int, int, int]) -> None:
    panel = dataclasses.replace(PANEL, place=Place(*place))
    assert refused_field(dataclasses.replace(GOOD, panels=(panel,))) == "dashboard.panels[0].place"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (Chart((), HOUR), "chart.lines"),
        (Chart((SPEED,) * 21, HOUR), "chart.lines"),
        (Chart((Measurement("mill", "spindle-speed", tag_id=7),), HOUR), "chart.lines"),
        (Chart((Measurement(),), HOUR), "chart.lines"),
        (Chart((SPEED,), 9_000_000), "chart.span"),
        (Value(SPEED, None, float("nan")), "value"),
        (Value(Measurement("mill"), None, None), "value.measurement"),
        (States(("a",) * 51, HOUR), "state.assets"),
        (States((), 32 * 24 * HOUR), "state.span"),
        (Oee((), 1), "oee.span"),
        (Words(""), "text.markdown"),
        (Words("x" * 4001), "text.markdown"),
    ],
)
def test_contents_are_bounded(content: Content, field: str) -> None:
    panel = dataclasses.replace(PANEL, content=content)
    assert refused_field(dataclasses.replace(GOOD, panels=(panel,))) == f"dashboard.panels[0].{field}"


def test_a_panel_without_content_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="shows nothing"):
        read_panels([contract.Panel(id="a")])
