"""Charts in a terminal."""

import math

from dualspan_cli.plotting import Line, plot


def drawn(values: list[float], marked: set[int], lines: list[Line], width: int = 40) -> list[str]:
    return plot(values, marked, lines, width=width, height=5).plain.splitlines()


def test_points_stand_at_their_height_and_marked_ones_differ() -> None:
    rows = drawn([0.0, 4.0, 2.0], {1}, [])
    assert [row.partition("┤")[2] for row in rows] == [" ✕ ", "   ", "  •", "   ", "•  "]


def test_lines_lie_behind_points_and_a_missing_value_leaves_them() -> None:
    rows = drawn([0.0, math.nan, 4.0], set(), [Line([2.0] * 3, "─", "green"), Line([-math.inf] * 3, "┄", "red")])
    assert rows[2].endswith("───")
    assert "┄" not in "".join(rows)
    assert rows[0].endswith("  •")


def test_more_points_than_columns_show_those_that_matter() -> None:
    values = [0.0] * 1000
    values[500] = 9.0
    rows = drawn(values, {250}, [], width=30)
    text = "\n".join(rows)
    assert max(map(len, rows)) <= 30
    assert text.count("✕") == 1
    assert rows[0].count("•") == 1


def test_nothing_and_one_level_can_be_drawn() -> None:
    assert plot([math.nan], set(), [], width=40).plain == "(nothing to show)\n"
    assert "•" in plot([5.0, 5.0], set(), [], width=40).plain
    assert plot([0.0], {0}, [], width=1).plain.count("✕") == 1
