"""`dualspan onboarding import` and `export`: tags from a file and into one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualspan.onboarding.v1 import transfer_pb2 as transfer
from dualspan.onboarding.v1.transfer_pb2_grpc import TransferServiceStub
from dualspan_cli.commands.gateways import gateway_name, server_name
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows, screen
from dualspan_cli.session import Session, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.transfer_pb2_grpc import TransferServiceAsyncStub

_LONGEST_SECONDS = 300.0
_MOST_SHOWN = 40
_PROBLEM_COLUMNS = ("line", "entry", "field", "reason", "message", "remedy")
_CHANGE_COLUMNS = ("action", "server", "node_id", "field", "before", "after")
_REMARK_COLUMNS = ("times", "first_line", "field", "message")
_Change = transfer.ImportChange


class FileFormat(StrEnum):
    """How tags are written down."""

    AUTO = "auto"
    CSV = "csv"
    XLSX = "xlsx"
    PUBLISHED_NODES = "published-nodes"


class Mode(StrEnum):
    """What an import does with what is there already."""

    CREATE = "create"
    UPDATE = "update"
    MERGE = "merge"
    REPLACE = "replace"


_FORMATS: dict[FileFormat, transfer.TagFileFormat.ValueType] = {
    FileFormat.AUTO: transfer.TAG_FILE_FORMAT_UNSPECIFIED,
    FileFormat.CSV: transfer.TAG_FILE_FORMAT_CSV,
    FileFormat.XLSX: transfer.TAG_FILE_FORMAT_XLSX,
    FileFormat.PUBLISHED_NODES: transfer.TAG_FILE_FORMAT_PUBLISHED_NODES,
}
_MODES: dict[Mode, transfer.ImportMode.ValueType] = {
    Mode.CREATE: transfer.IMPORT_MODE_CREATE,
    Mode.UPDATE: transfer.IMPORT_MODE_UPDATE,
    Mode.MERGE: transfer.IMPORT_MODE_MERGE,
    Mode.REPLACE: transfer.IMPORT_MODE_REPLACE,
}
_ENDINGS = {".csv": FileFormat.CSV, ".xlsx": FileFormat.XLSX, ".json": FileFormat.PUBLISHED_NODES}
GatewayOption = Annotated[str, typer.Option(help="The gateway through which the file's endpoints are reached.")]
ServerOption = Annotated[str, typer.Option(help="The server of entries that name none, as GATEWAY/SERVER.")]


def _stub(session: Session) -> TransferServiceAsyncStub:
    return TransferServiceStub(session.onboarding_channel)


def import_tags(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX, or OPC Publisher's published-nodes JSON.", exists=True)],
    mode: Annotated[
        Mode,
        typer.Option(
            help="create: all new. update: all there. merge: both. replace: and nothing else on these servers."
        ),
    ] = Mode.MERGE,
    form: Annotated[FileFormat, typer.Option("--format", help="Found out if it is not given.")] = FileFormat.AUTO,
    gateway: GatewayOption = "",
    server: ServerOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before tags are deleted.")] = False,
    accept_over_budget: Annotated[
        bool, typer.Option("--accept-over-budget", help="Also if a server would have more load than it bears.")
    ] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring tags from a file, all of them or none; what is wrong is named entry by entry."""
    content = file.read_bytes()

    async def attempt(session: Session, *, dry: bool, expected: str = "") -> transfer.ImportTagsResponse:
        request = transfer.ImportTagsRequest(
            parent=required_tenant(session),
            content=content,
            format=_FORMATS[form],
            mode=_MODES[mode],
            dry_run=dry,
            gateway=gateway_name(session, gateway) if gateway else "",
            server=server_name(session, server) if server else "",
            expected_difference=expected,
            accept_over_budget=accept_over_budget,
        )
        with messages.status("Comparing…" if dry else "Importing…"):
            return await _stub(session).ImportTags(request, timeout=_LONGEST_SECONDS)

    async def use(session: Session) -> transfer.ImportTagsResponse:
        shown = await attempt(session, dry=True)
        if not as_json:
            show_difference(shown)
        if dry_run or shown.problems:
            return shown
        if shown.deleted and not yes:
            _confirm(shown.deleted, as_json=as_json)
        return await attempt(session, dry=False, expected=shown.difference)

    done = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(done))
    elif done.applied:
        messages.print("[bold green]Done.[/]", markup=True)
    if done.problems and as_json:
        raise typer.Exit(1)
    if done.problems:
        raise CommandError("NOTHING_IMPORTED", f"{_entries(len(done.problems))} cannot be taken. Nothing has changed.")


def _confirm(deleted: int, *, as_json: bool) -> None:
    if as_json:
        raise CommandError("CONFIRMATION_MISSING", f"{deleted} tags would be deleted. Say --yes if that is meant.")
    typer.confirm(f"{deleted} tags will be stored no more. Go on?", abort=True, err=True)


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def show_difference(shown: transfer.ImportTagsResponse) -> None:
    """Prints what an import would do, or why it would do nothing."""
    if shown.problems:
        _limited([_problem_row(problem) for problem in shown.problems], _PROBLEM_COLUMNS)
        return
    _limited([row for change in shown.changes for row in _change_rows(change)], _CHANGE_COLUMNS)
    if shown.remarks:
        messages.print("Without counterpart here, or taken otherwise:")
        _limited(_remark_rows(shown.remarks), _REMARK_COLUMNS)
    counts = {
        "servers new": shown.servers_created,
        "created": shown.created,
        "updated": shown.updated,
        "deleted": shown.deleted,
        "waiting for a browse": shown.waiting,
        "left out": shown.skipped,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    screen.print(f"{_entries(shown.entries)}: {told or 'nothing to do'}, {shown.unchanged} unchanged.")


def _limited(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    if rows:
        print_rows(rows[:_MOST_SHOWN], as_json=False, columns=columns)
    if len(rows) > _MOST_SHOWN:
        messages.print(f"… and {len(rows) - _MOST_SHOWN} more; --json prints all.")


def _problem_row(problem: transfer.ImportProblem) -> dict[str, Any]:
    place = problem.place
    return {
        "line": place.line or "",
        "entry": place.entry,
        "field": place.field,
        "reason": problem.reason,
        "message": problem.message,
        "remedy": problem.remedy,
    }


def _change_rows(change: transfer.ImportChange) -> list[dict[str, Any]]:
    """One row for each field; the tag stands in the first of them."""
    action = _Change.Action.Name(change.action).removeprefix("ACTION_").lower()
    _, _, server = change.server.partition("/gateways/")
    head = {"action": action, "server": server.replace("/servers/", "/"), "node_id": change.node_id}
    fields = [{"field": field.field, "before": field.before, "after": field.after} for field in change.fields]
    first, *others = fields or [{}]
    return [head | first, *others]


def _remark_rows(remarks: Sequence[transfer.ImportRemark]) -> list[dict[str, Any]]:
    """Remarks that say the same in one row: people want to know of what, programs get each."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for remark in remarks:
        key = (remark.place.field.lower(), remark.message)
        row = found.setdefault(
            key,
            {"times": 0, "first_line": remark.place.line, "field": remark.place.field, "message": remark.message},
        )
        row["times"] += 1
    return sorted(found.values(), key=lambda row: -int(row["times"]))


def export_tags(
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output if not given.")] = None,
    form: Annotated[
        FileFormat, typer.Option("--format", help="From the file's ending if not given.")
    ] = FileFormat.AUTO,
    gateway: Annotated[str, typer.Option(help="Only this gateway's.")] = "",
    server: Annotated[str, typer.Option(help="Only this server's, as GATEWAY/SERVER.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write tags into a file; importing it again changes nothing."""
    chosen = form
    if form is FileFormat.AUTO:
        chosen = _ENDINGS.get(file.suffix.lower() if file else ".csv", FileFormat.CSV)
    if chosen is FileFormat.XLSX and file is None:
        raise CommandError("FILE_MISSING", "Say into which file a workbook goes.", exit_code=2)

    async def use(session: Session) -> transfer.ExportTagsResponse:
        request = transfer.ExportTagsRequest(
            parent=required_tenant(session),
            format=_FORMATS[chosen],
            gateway=gateway_name(session, gateway) if gateway else "",
            server=server_name(session, server) if server else "",
        )
        return await _stub(session).ExportTags(request, timeout=_LONGEST_SECONDS)

    answer = with_session(use, tenant=tenant, data=data)
    if file is not None:
        file.write_bytes(answer.content)
    for remark in answer.remarks:
        messages.print(f"{remark.place.entry}: {remark.message}", markup=False)
    if as_json:
        print_json({"tags": answer.tags, "bytes": len(answer.content), "file": str(file or "")})
    elif file is None:
        typer.echo(answer.content, nl=False)
    else:
        messages.print(f"{answer.tags} tags in {file}.")
