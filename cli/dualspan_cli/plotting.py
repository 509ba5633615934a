"""Charts in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.text import Text

_HEIGHT = 13
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """A line across a chart: one level for each point, NaN or infinite where there is none."""

    levels: Sequence[float]
    symbol: str
    style: str


def plot(
    values: Sequence[float], marked: set[int], lines: Sequence[Line], *, width: int, height: int = _HEIGHT
) -> Text:
    """Points over lines, with the scale on the left.

    Where there are more points than columns, each column shows the point that lies farthest from the middle of all, a
    marked one before any other.

    Args:
        values: One for each point; NaN where there is none.
        marked: Points that are shown as such.
        lines: Behind the points.
        width: Of the whole, in characters.
        height: In lines.
    """
    finite = [
        level for series in (values, *(line.levels for line in lines)) for level in series if math.isfinite(level)
    ]
    if not finite:
        return Text("(nothing to show)\n", style="dim")
    low, high = min(finite), max(finite)
    margin = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    low, high = low - margin, high + margin
    labels = [f"{high - (high - low) * row / (height - 1):.5g}" for row in range(height)]
    gutter = max(map(len, labels)) + 1
    columns = _columns(values, marked, max(1, width - gutter - 2))
    rows = [Text(f"{label:>{gutter}} ┤", style="dim") for label in labels]
    for shown in columns:
        cells = {_row(line.levels[shown], low, high, height): (line.symbol, line.style) for line in lines}
        if math.isfinite(values[shown]):
            point = ("✕", "bold red") if shown in marked else ("•", "bold")
            cells[_row(values[shown], low, high, height)] = point
        for row, text in enumerate(rows):
            symbol, style = cells.get(row, (" ", ""))
            text.append(symbol, style=style)
    return Text("\n").join(rows).append("\n")


def _columns(values: Sequence[float], marked: set[int], most: int) -> list[int]:
    """Which point each column shows."""
    count = len(values)
    if count <= most:
        return list(range(count))
    known = [value for value in values if math.isfinite(value)]
    middle = sum(known) / len(known) if known else 0.0
    edges = [count * column // most for column in range(most + 1)]

    def weight(point: int) -> tuple[bool, float]:
        return point in marked, abs(values[point] - middle) if math.isfinite(values[point]) else -1.0

    return [max(range(first, last), key=weight) for first, last in pairwise(edges)]


def _row(level: float, low: float, high: float, height: int) -> int:
    return round((high - level) / (high - low) * (height - 1)) if math.isfinite(level) else -1
