"""Samples as rows for the screen. Here, and nowhere on the data path, is one sample handled at a time."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dualspan_cli.output import OutputForm, print_csv, screen
from dualspan_cli.times import format_time
from dualspan_frame import BinaryColumn
from dualspan_sdk import Frame, Series, Tag, ValueKind

_SEVERITY = {0: "Good", 1: "Uncertain", 2: "Bad", 3: "Bad"}
_HEADER = ("time", "tag_id", "tag", "aggregate", "value", "unit", "status")


@dataclass(frozen=True, slots=True)
class Row:
    """One sample or one interval."""

    time: str
    tag_id: int
    tag: str
    aggregate: str
    value: float | int | bool | str
    unit: str
    status: int

    def cells(self) -> tuple[object, ...]:
        """In the order of the header; the status as OPC UA writes it."""
        return (self.time, self.tag_id, self.tag, self.aggregate, self.value, self.unit, f"0x{self.status:08X}")

    def as_json(self) -> str:
        """One JSON object. What JSON cannot write as a number (NaN, the infinities) becomes a string."""
        value = self.value
        if isinstance(value, float) and not math.isfinite(value):
            value = str(value)
        row = dict(zip(_HEADER, self.cells(), strict=True)) | {"value": value}
        if not self.aggregate:
            del row["aggregate"]
        return json.dumps(row, ensure_ascii=False)


def frame_rows(frame: Frame, tags: Mapping[int, Tag]) -> Iterator[Row]:
    """The samples of a frame, each with what its tag is called."""
    for block in frame.blocks:
        columns = zip(block.tag.tolist(), block.timestamp.tolist(), block.status.tolist(), strict=True)
        for (tag_id, timestamp, status), value in zip(columns, _values(block.kind, block.value), strict=True):
            tag = tags[tag_id]
            yield Row(format_time(timestamp), tag_id, tag.display_name, "", value, tag.unit, status)


def series_rows(series: Series, tags: Mapping[int, Tag]) -> Iterator[Row]:
    """The intervals of a series."""
    tag, aggregate = tags[series.tag_id], series.aggregate.name.lower().replace("_", "-")
    columns = zip(series.timestamp.tolist(), series.status.tolist(), series.value.tolist(), strict=True)
    for timestamp, status, value in columns:
        yield Row(format_time(timestamp), series.tag_id, tag.display_name, aggregate, value, tag.unit, status)


def _values(kind: ValueKind, column: object) -> Iterator[float | int | bool | str]:
    if not isinstance(column, BinaryColumn):
        yield from column.tolist()  # pyright: ignore[reportAttributeAccessIssue] - every other column is an array
    elif kind is ValueKind.TEXT:
        yield from column.to_text()
    else:
        yield from (content.hex() for content in column.to_list())


@dataclass(slots=True)
class RowPrinter:
    """Prints rows as they come, up to a limit (0: none).

    Attributes:
        form: Table, CSV or JSON lines.
        limit: How many rows at the most; 0: all.
        has_default_limit: Nobody asked for the limit.
    """

    form: OutputForm
    limit: int
    has_default_limit: bool = False
    printed: int = field(default=0, init=False)

    @property
    def is_cut(self) -> bool:
        """Whether rows may be missing that somebody would expect."""
        return self.has_default_limit and self.printed >= self.limit

    def print(self, row: Row) -> bool:
        """Prints a row; False when no more are wanted."""
        if self.form is OutputForm.JSON:
            sys.stdout.write(row.as_json() + "\n")
        elif self.form is OutputForm.CSV:
            print_csv(_HEADER if self.printed == 0 else None, [row.cells()])
        else:
            if self.printed == 0:
                screen.print(f"[bold]{'time':<28}{'value':>16} {'unit':<8}{'status':<10} tag[/]")
            screen.print(_line(row), soft_wrap=True, markup=False)
        self.printed += 1
        return self.limit == 0 or self.printed < self.limit


def _line(row: Row) -> str:
    value = f"{row.value:.6g}" if isinstance(row.value, float) else str(row.value)
    name = f"{row.tag} {row.aggregate}".strip()
    return f"{row.time:<28}{value:>16} {row.unit:<8}{_SEVERITY[row.status >> 30]:<10} {name}"
