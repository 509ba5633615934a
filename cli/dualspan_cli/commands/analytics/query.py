"""`dualspan analytics query`: properties of assets as one table, on the screen or in a file."""

from __future__ import annotations

import csv
import io
import math
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import query_pb2 as contract
from dualspan.analytics.v1.query_pb2_grpc import QueryServiceStub
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows
from dualspan_cli.session import Session, required_tenant
from dualspan_cli.times import parse_duration, parse_time

if TYPE_CHECKING:  # it exists in the stub files only
    from dualspan.analytics.v1.query_pb2_grpc import QueryServiceAsyncStub

_COLUMN = re.compile(
    r"(?:(?P<title>[^=/|]+)=)?"
    r"(?P<asset>[a-z0-9-]+)/(?P<property>[a-z0-9-]+)(?:\[(?P<index>\d+)\])?(?::(?P<how>[a-z0-9-]+))?(?:\|(?P<unit>.+))?"
)
_SCREEN_ROWS = 200
_JOINS = {
    "last": contract.JOIN_KIND_LAST,
    "linear": contract.JOIN_KIND_LINEAR,
    "nearest": contract.JOIN_KIND_NEAREST,
}


class TableForm(StrEnum):
    """Where a table goes."""

    TABLE = "table"
    CSV = "csv"
    XLSX = "xlsx"
    ARROW = "arrow"
    PARQUET = "parquet"


class JoinWay(StrEnum):
    """Which value a row gets."""

    LAST = "last"
    LINEAR = "linear"
    NEAREST = "nearest"


class QualityWay(StrEnum):
    """What stands beside each value."""

    NOTHING = "nothing"
    STATUS = "status"
    GOOD_SHARE = "good-share"


_FORMS = {
    TableForm.TABLE: contract.TABLE_FORM_CSV,
    TableForm.CSV: contract.TABLE_FORM_CSV,
    TableForm.XLSX: contract.TABLE_FORM_XLSX,
    TableForm.ARROW: contract.TABLE_FORM_ARROW,
    TableForm.PARQUET: contract.TABLE_FORM_PARQUET,
}
_QUALITIES = {
    QualityWay.NOTHING: contract.QUALITY_COLUMNS_UNSPECIFIED,
    QualityWay.STATUS: contract.QUALITY_COLUMNS_STATUS,
    QualityWay.GOOD_SHARE: contract.QUALITY_COLUMNS_GOOD_SHARE,
}


def query(
    columns: Annotated[
        list[str],
        typer.Argument(
            metavar="COLUMN…",
            help="ASSET/PROPERTY, such as imm01/cycle-time; with [2] for an indexed property, :average (or any "
            "aggregate of OPC UA Part 13, or last, linear, nearest), |UNIT, and TITLE= before it, such as "
            "'cycle=imm01/cycle-time:average|ms'.",
        ),
    ],
    start: Annotated[str, typer.Option("--from", help="-1h, -7d, 2026-05-04T12:30:00Z; included.")] = "-1h",
    end: Annotated[str, typer.Option("--to", help="now, -5m, 2026-05-04T13:30:00Z; not included.")] = "now",
    interval: Annotated[str, typer.Option(help="A row for every interval of this length, such as 1m.")] = "",
    rows_of: Annotated[int, typer.Option(help="A row for every sample of this column, counted from 1.")] = 0,
    join: Annotated[JoinWay, typer.Option(help="Which value a row gets.")] = JoinWay.LAST,
    tolerance: Annotated[str, typer.Option(help="A sample farther from its row is not used.")] = "",
    quality: Annotated[QualityWay, typer.Option(help="What stands beside each value.")] = QualityWay.NOTHING,
    time_zone: Annotated[str, typer.Option(help="Of the times, such as Asia/Shanghai; UTC if not given.")] = "",
    form: Annotated[TableForm | None, typer.Option(help="By the file's ending, or a table on the screen.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help=".csv, .xlsx, .arrow or .parquet.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Properties of assets as one table, joined in time, with units converted."""
    now = datetime.now(UTC)
    chosen = _form(form, output)
    request = contract.QueryRequest(
        columns=[_column(text) for text in columns],
        join=_JOINS[join.value],
        quality=_QUALITIES[quality],
        time_zone=time_zone,
        form=_FORMS[chosen],
    )
    request.start_time.FromMicroseconds(parse_time(start, now))
    request.end_time.FromMicroseconds(parse_time(end, now))
    if interval:
        request.interval.CopyFrom(_duration(interval))
    if rows_of:
        request.rows_of_column = rows_of
    if tolerance:
        request.tolerance.CopyFrom(_duration(tolerance))

    async def use(session: Session) -> Summary:
        asset_prefix = f"{required_tenant(session)}/assets/"
        request.parent = required_tenant(session)
        for column in request.columns:
            column.asset = asset_prefix + column.asset
        return await write_table(QueryServiceStub(session.analytics_channel), request, chosen, output, as_json=as_json)

    _tell(with_session(use, tenant=tenant, data=data), output, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Summary:
    """What came."""

    columns: list[contract.QueryColumnInfo]
    rows: int
    written: int


def _form(form: TableForm | None, output: Path | None) -> TableForm:
    if form is None:
        ending = output.suffix.lstrip(".") if output else ""
        form = TableForm(ending) if ending in set(TableForm) else TableForm.CSV if output else TableForm.TABLE
    if form not in {TableForm.TABLE, TableForm.CSV} and output is None and sys.stdout.isatty():
        words = f"A file of the form {form.value} is not for a screen. Say where it goes with --output."
        raise CommandError("OUTPUT_MISSING", words, exit_code=2)
    return form


def _duration(text: str) -> Duration:
    made = Duration()
    made.FromMicroseconds(round(parse_duration(text) * 1_000_000))
    return made


def _column(text: str) -> contract.QueryColumn:
    found = _COLUMN.fullmatch(text)
    if found is None:
        words = f"{text!r} is not a column. Write ASSET/PROPERTY, such as 'imm01/mould-temperature[2]:average|Cel'."
        raise CommandError("BAD_COLUMN", words, exit_code=2)
    made = contract.QueryColumn(
        asset=found["asset"],
        property=found["property"],
        index=int(found["index"] or 0),
        unit=found["unit"] or "",
        title=found["title"] or "",
    )
    how = found["how"]
    if how in _JOINS:
        made.join = _JOINS[how]
    elif how:
        made.aggregate = _aggregate(how)
    return made


def _aggregate(word: str) -> historian.Aggregate.ValueType:
    name = f"AGGREGATE_{word.upper().replace('-', '_')}"
    if name not in historian.Aggregate.keys() or not historian.Aggregate.Value(name):  # noqa: SIM118 - a wrapper
        words = ", ".join(
            key.removeprefix("AGGREGATE_").lower().replace("_", "-") for key in historian.Aggregate.keys()[1:]
        )
        raise CommandError(
            "UNKNOWN_AGGREGATE", f"There is no {word!r}; there are last, linear, nearest, {words}.", exit_code=2
        )
    return historian.Aggregate.Value(name)


async def write_table(
    stub: QueryServiceAsyncStub, request: contract.QueryRequest, form: TableForm, output: Path | None, *, as_json: bool
) -> Summary:
    """Writes the table where it goes; a file appears when it is whole."""
    if output is None:
        if form is TableForm.TABLE:
            return await _on_screen(stub, request, as_json=as_json)
        return await _streamed(stub, request, sys.stdout.buffer)
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with unfinished.open("wb") as file, messages.status("The table is made…"):
            summary = await _streamed(stub, request, file)
        unfinished.replace(output)
    except OSError as err:
        raise CommandError("CANNOT_WRITE", f"{output} cannot be written: {err.strerror}.") from err
    finally:
        unfinished.unlink(missing_ok=True)
    return summary


async def _pages(stub: QueryServiceAsyncStub, request: contract.QueryRequest) -> AsyncGenerator[contract.QueryResponse]:
    call = stub.Query(request)
    try:
        async for page in call:
            yield page
    finally:
        call.cancel()


async def _streamed(stub: QueryServiceAsyncStub, request: contract.QueryRequest, file: BinaryIO) -> Summary:
    columns: list[contract.QueryColumnInfo] = []
    rows = written = 0
    async with aclosing(_pages(stub, request)) as pages:
        async for page in pages:
            if page.columns:
                columns, rows = list(page.columns), page.total_rows
            written += file.write(page.data)
    return Summary(columns, rows, written)


async def _on_screen(stub: QueryServiceAsyncStub, request: contract.QueryRequest, *, as_json: bool) -> Summary:
    """The first rows for people, all of them for programs."""
    if as_json:
        content = io.BytesIO()
        request.form = contract.TABLE_FORM_ARROW
        summary = await _streamed(stub, request, content)
        print_json(_objects(content.getvalue()))
        return summary
    request.page_rows = _SCREEN_ROWS
    async with aclosing(_pages(stub, request)) as pages:
        page = await anext(pages)
    names, *rows = csv.reader(io.StringIO(page.data.decode(), newline=""))
    shown = [dict(zip(names, map(_cell, row), strict=True)) for row in rows]
    print_rows(shown, as_json=False, columns=names)
    return Summary(list(page.columns), page.total_rows, 0)


def _cell(text: str) -> str:
    """Six digits of a fraction are enough for a screen; the forms for programs have all of them."""
    try:
        return f"{float(text):.6g}" if "." in text else text
    except ValueError:
        return text


def _objects(content: bytes) -> list[dict[str, Any]]:
    """An object per row; what JSON cannot write as a number (NaN, the infinities) becomes a string."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = pa.ipc.open_stream(content).read_all().to_pylist()
    for row in rows:
        row["time"] = row["time"].isoformat().replace("+00:00", "Z")
        row.update({k: str(v) for k, v in row.items() if isinstance(v, float) and not math.isfinite(v)})
    return rows


def _tell(summary: Summary, output: Path | None, *, as_json: bool) -> None:
    if as_json:
        if output is not None:
            print_json(
                {
                    "output": str(output),
                    "bytes": summary.written,
                    "rows": summary.rows,
                    "columns": [as_dict(column) for column in summary.columns],
                }
            )
        return
    for column in summary.columns:
        unit = f" in {column.unit}" if column.unit else ""
        messages.print(f"[dim]{column.title}{unit}: {column.good_share:.1%} of the time good[/]", highlight=False)
    if output is not None:
        messages.print(f"{summary.rows} rows in {output}")
    elif summary.rows > _SCREEN_ROWS:
        messages.print(f"[dim]The first {_SCREEN_ROWS} of {summary.rows} rows; --output has them all.[/]")
