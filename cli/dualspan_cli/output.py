"""How results reach the screen: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich import box
from rich.console import Console
from rich.table import Table

# A pipe has no width: what goes into one must not be cut where a screen would end.
_NO_SCREEN_WIDTH = 10_000
screen = Console(highlight=False, width=None if sys.stdout.isatty() else _NO_SCREEN_WIDTH)
"""Results."""
messages = Console(stderr=True, highlight=False)
"""Progress and errors: never mixed into what a program reads."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class OutputForm(StrEnum):
    """How `dualspan query` prints samples."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def as_dict(message: Message) -> dict[str, Any]:
    """A message as the HTTP API would show it, in the proto's field names."""
    return MessageToDict(message, preserving_proto_field_name=True)


def print_message(message: Message, *, as_json: bool, columns: Sequence[str]) -> None:
    """Prints one resource."""
    print_rows([as_dict(message)], as_json=as_json, columns=columns, single=True)


def print_messages(resources: Iterable[Message], *, as_json: bool, columns: Sequence[str]) -> None:
    """Prints many resources."""
    print_rows([as_dict(message) for message in resources], as_json=as_json, columns=columns)


def print_rows(
    rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str], single: bool = False
) -> None:
    """Prints rows as a table of `columns`, or whole as JSON (one object if `single`)."""
    if as_json:
        print_json(rows[0] if single else list(rows))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    screen.print(table)


def print_done(words: str, what: Message | Mapping[str, object], *, as_json: bool) -> None:
    """Says in words that something was done; programs get `what` came of it, or whom it was done to."""
    if as_json:
        print_json(as_dict(what) if isinstance(what, Message) else what)
    else:
        messages.print(words)


def print_json(value: object) -> None:
    """Prints one JSON value on a line of its own."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_csv(header: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> None:
    """Prints CSV (RFC 4180), with a header line if one is given."""
    writer = csv.writer(sys.stdout)
    if header is not None:
        writer.writerow(header)
    writer.writerows(rows)
    sys.stdout.flush()


_ENUM_PREFIX = re.compile(
    r"^(ROLE|GAP_CAUSE|GAP_STATE|GATEWAY_STATE|CONNECTION_STATE|TAG_STATE|SECURITY_MODE|VALUE_KIND|NOTICE_SEVERITY|NOTICE_STATE)_(?=[A-Z])"
)
_TENANT_PREFIX = re.compile(r"^tenants/[^/]+/")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _ENUM_PREFIX.match(value):
        return _ENUM_PREFIX.sub("", value).lower().replace("_", " ")
    return _TENANT_PREFIX.sub("", str(value))
