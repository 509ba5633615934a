"""`dualspan query`: stored and live samples, as a table, CSV or JSON lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan_cli.commands.events import events
from dualspan_cli.commands.options import DataOption, settings_with
from dualspan_cli.errors import CommandError
from dualspan_cli.output import OutputForm, messages
from dualspan_cli.session import choose_access
from dualspan_cli.times import parse_duration, parse_time

if TYPE_CHECKING:  # at run time each command imports what it needs, so that --help is quick
    from dualspan_cli.rows import Row, RowPrinter
    from dualspan_sdk import Aggregate, Client, Tag

query = typer.Typer(help="Stored and live samples, and events.", no_args_is_help=True)
query.command("events")(events)

_MOST_TAGS = 1000
_TABLE_ROWS = 200
TagsArgument = Annotated[
    list[str], typer.Argument(metavar="TAG…", help="Tag ids, or part of the browse path or display name.")
]
FromOption = Annotated[str, typer.Option("--from", help="-1h, -7d, 2026-05-04T12:30:00Z; included.")]
ToOption = Annotated[str, typer.Option("--to", help="now, -5m, 2026-05-04T13:30:00Z; not included.")]
FormOption = Annotated[OutputForm, typer.Option("--form", help="How to print.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --form json: one JSON object per line.")]
LimitOption = Annotated[int, typer.Option(min=0, help="At most so many rows; 0: all (200 in a table).")]


@query.command("raw")
def raw(
    tags: TagsArgument,
    start: FromOption = "-1h",
    end: ToOption = "now",
    limit: LimitOption = 0,
    form: FormOption = OutputForm.TABLE,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Samples as they came."""
    from dualspan_cli.rows import frame_rows

    now = datetime.now(UTC)
    span = parse_time(start, now), parse_time(end, now)

    async def rows(client: Client, chosen: dict[int, Tag]) -> AsyncGenerator[Row]:
        async for page in client.read_raw_pages(chosen, *span):
            for row in frame_rows(page, chosen):
                yield row

    _print(tags, rows, _printer(form, limit, as_json=as_json), data)


@query.command("processed")
def processed(
    tags: TagsArgument,
    start: FromOption = "-1h",
    end: ToOption = "now",
    interval: Annotated[str, typer.Option(help="Length of each interval, such as 1m; 0s: one interval.")] = "1m",
    aggregate: Annotated[
        list[str] | None, typer.Option("--aggregate", help="Such as average, minimum or percent-good; repeatable.")
    ] = None,
    limit: LimitOption = 0,
    form: FormOption = OutputForm.TABLE,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Aggregates by interval, after OPC UA Part 13."""
    from dualspan_cli.rows import series_rows

    now = datetime.now(UTC)
    span = parse_time(start, now), parse_time(end, now)
    length = timedelta(seconds=parse_duration(interval))
    aggregates = [parse_aggregate(name) for name in aggregate or ["average"]]

    async def rows(client: Client, chosen: dict[int, Tag]) -> AsyncGenerator[Row]:
        for series in await client.read_processed(
            _numeric(chosen, aggregates), *span, interval=length, aggregates=aggregates
        ):
            for row in series_rows(series, chosen):
                yield row

    _print(tags, rows, _printer(form, limit, as_json=as_json), data)


@query.command("latest")
def latest(
    tags: TagsArgument,
    form: FormOption = OutputForm.TABLE,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """The newest sample of each tag."""
    from dualspan_cli.rows import frame_rows

    async def rows(client: Client, chosen: dict[int, Tag]) -> AsyncGenerator[Row]:
        for row in frame_rows(await client.read_latest(chosen), chosen):
            yield row

    _print(tags, rows, _printer(form, 0, as_json=as_json), data)


@query.command("subscribe")
def subscribe(
    tags: TagsArgument,
    limit: Annotated[int, typer.Option(min=0, help="Stop after so many samples; 0: never.")] = 0,
    form: FormOption = OutputForm.TABLE,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Samples as they are committed, until Ctrl-C."""
    from dualspan_cli.rows import RowPrinter, frame_rows

    async def rows(client: Client, chosen: dict[int, Tag]) -> AsyncGenerator[Row]:
        async for update in client.subscribe(chosen, include_latest=True):
            if update.skipped_frames or update.resumed:
                messages.print("[yellow]Some samples were left out here; `dualspan query raw` has them.[/]")
            for row in frame_rows(update.frame, chosen):
                yield row

    try:
        _print(tags, rows, RowPrinter(OutputForm.JSON if as_json else form, limit), data)
    except KeyboardInterrupt:
        return


def parse_aggregate(name: str) -> Aggregate:
    """The aggregate that a word means.

    Raises:
        CommandError: There is none of that name.
    """
    from dualspan_sdk import Aggregate

    try:
        return Aggregate[name.upper().replace("-", "_")]
    except KeyError as err:
        known = ", ".join(aggregate.name.lower().replace("_", "-") for aggregate in Aggregate)
        raise CommandError("UNKNOWN_AGGREGATE", f"There is no {name!r}; there are {known}.", exit_code=2) from err


def _numeric(chosen: dict[int, Tag], aggregates: Sequence[Aggregate]) -> dict[int, Tag]:
    """Leaves out, and says so, what has no numbers to aggregate, unless only counts and shares are asked for.

    Raises:
        CommandError: Nothing is left.
    """
    from dualspan_sdk import Aggregate, ValueKind

    if all(
        one in {Aggregate.COUNT, *(a for a in Aggregate if a.name.startswith(("DURATION", "PERCENT")))}
        for one in aggregates
    ):
        return chosen
    left_out = [tag for tag in chosen.values() if tag.kind in {ValueKind.TEXT, ValueKind.BYTES}]
    if len(left_out) == len(chosen):
        raise CommandError(
            "NOT_NUMERIC", "None of these tags has numbers to aggregate; `dualspan query raw` shows what they hold."
        )
    for tag in left_out:
        messages.print(f"[yellow]left out, for it has no numbers:[/] {tag.browse_path} (tag {tag.tag_id})")
    return {tag_id: tag for tag_id, tag in chosen.items() if tag not in left_out}


async def choose_tags(client: Client, wanted: list[str]) -> dict[int, Tag]:
    """The tags that ids and search words mean, by id.

    Raises:
        CommandError: A word matches no tag, or all together match more than a query may have.
    """
    every = {tag.tag_id: tag async for tag in client.list_tags()} if any(word.isdigit() for word in wanted) else {}
    chosen: dict[int, Tag] = {}
    for word in wanted:
        if not word.strip():
            raise CommandError(
                "EMPTY_WORD", "An empty word matches every tag. Name a part of a path, or an id.", exit_code=2
            )
        if word.isdigit():
            found = [every[int(word)]] if int(word) in every else []
        else:
            found = [tag async for tag in client.list_tags(query=word)]
        if not found:
            raise CommandError("UNKNOWN_TAG", f"No tag matches {word!r}. `dualspan tags list` shows them.", exit_code=7)
        chosen |= {tag.tag_id: tag for tag in found}
    if len(chosen) > _MOST_TAGS:
        raise CommandError("TOO_MANY_TAGS", f"{len(chosen)} tags match; at most {_MOST_TAGS} go together.", exit_code=2)
    return chosen


def _print(
    tags: list[str],
    rows: Callable[[Client, dict[int, Tag]], AsyncGenerator[Row]],
    printer: RowPrinter,
    data: Path | None,
) -> None:
    from dualspan_sdk import Client, Endpoints

    access = choose_access(settings_with(data), is_named=data is not None)
    if not access.exchange_secret:
        raise CommandError(
            "NO_PERSON", "Samples belong to a tenant. Run `dualspan sign-in`, or set DUALSPAN_TOKEN to an API token."
        )
    addresses = access.addresses
    endpoints = Endpoints(historian=addresses.historian, onboarding=addresses.onboarding, identity=addresses.identity)

    async def main() -> None:
        async with await Client.connect(endpoints, token=access.exchange_secret) as client:
            chosen = await choose_tags(client, tags)
            async with aclosing(rows(client, chosen)) as found:
                async for row in found:
                    if not printer.print(row):
                        break
        if printer.is_cut:
            messages.print(f"[dim]The first {printer.printed} rows; --limit or --form csv for more.[/]")

    asyncio.run(main())


def _printer(form: OutputForm, limit: int, *, as_json: bool) -> RowPrinter:
    from dualspan_cli.rows import RowPrinter

    chosen = OutputForm.JSON if as_json else form
    is_default = limit == 0 and chosen is OutputForm.TABLE
    return RowPrinter(chosen, _TABLE_ROWS if is_default else limit, has_default_limit=is_default)
