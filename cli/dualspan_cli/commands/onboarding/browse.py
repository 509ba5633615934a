"""`dualspan onboarding browse | nodes | snapshots | compare`: what a server offers, and how that has changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.onboarding.v1 import browse_pb2, resources_pb2, snapshot_service_pb2
from dualspan.onboarding.v1 import service_pb2 as service
from dualspan.onboarding.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from dualspan_cli.commands.gateways import server_name
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.onboarding import browse_server
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_messages, print_rows, screen
from dualspan_cli.session import Session, all_pages

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.snapshot_service_pb2_grpc import SnapshotServiceAsyncStub

ServerArgument = Annotated[str, typer.Argument(help="The server, as GATEWAY/SERVER.")]
_SNAPSHOT_COLUMNS = ("snapshot", "ended", "nodes", "variables", "complete", "current")
_NODE_COLUMNS = ("browse_path", "type_name", "data_type", "unit", "range", "access", "description")
_CLASSES = {1: "object", 2: "variable", 4: "method"}
_READ, _WRITE = 1, 2
_MOST_SHOWN = 50


def _stub(session: Session) -> SnapshotServiceAsyncStub:
    return SnapshotServiceStub(session.onboarding_channel)


def browse(
    server: ServerArgument,
    root: Annotated[str, typer.Option(help="NodeId to begin at; the Objects folder if not given.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Browse a server through its gateway; what it offers is kept as a snapshot."""

    async def use(session: Session) -> service.BrowseServerResponse:
        name = server_name(session, server)
        with messages.status("Browsing…") as status:
            return await browse_server(session, name, root, lambda nodes: status.update(f"Browsing… {nodes:,} nodes"))

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    number = found.snapshot.rpartition("/")[2]
    messages.print(f"{found.nodes:,} nodes, {found.variables:,} of them variables: snapshot {number}.")
    if found.truncated:
        messages.print("There is more: the browse stopped where it had to.", style="yellow")
    for warning in found.warnings:
        messages.print(_plain(warning), style="yellow", markup=False)


def nodes(
    server: ServerArgument,
    prefix: Annotated[str, typer.Argument(help="Only nodes below this browse path.")] = "",
    snapshot: Annotated[int, typer.Option(help="Of this snapshot; the last one if not given.")] = 0,
    variables: Annotated[bool, typer.Option("--variables", help="Only variables.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print what a browse found: types, units, ranges, states, access."""

    async def use(session: Session) -> list[resources_pb2.BrowsedNode]:
        request = service.ListBrowsedNodesRequest(
            parent=server_name(session, server),
            page_size=10_000,
            variables_only=variables,
            browse_path_prefix=prefix,
            snapshot=snapshot,
        )
        call = session.onboarding.ListBrowsedNodes
        return await all_pages(call, request, lambda page: page.nodes)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    print_rows([_row(node) for node in found], as_json=False, columns=_NODE_COLUMNS)


def snapshots(
    server: ServerArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """List the snapshots that are kept of a server, newest first."""

    async def use(session: Session) -> list[browse_pb2.BrowseSnapshot]:
        request = snapshot_service_pb2.ListBrowseSnapshotsRequest(parent=server_name(session, server))
        call = partial(_stub(session).ListBrowseSnapshots)
        return await all_pages(call, request, lambda page: page.snapshots)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    rows = [
        {
            "snapshot": _number(each),
            "ended": each.end_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC"),
            "nodes": f"{each.nodes:,}",
            "variables": f"{each.variables:,}",
            "complete": not each.truncated and not each.warnings,
            "current": each.current,
        }
        for each in found
    ]
    print_rows(rows, as_json=False, columns=_SNAPSHOT_COLUMNS)
    for each in found:
        for warning in each.warnings:
            messages.print(f"Snapshot {_number(each)}: {_plain(warning)}", style="yellow", markup=False)


def compare(
    server: ServerArgument,
    snapshot: Annotated[int, typer.Argument(help="The later snapshot; the last one if not given.")] = 0,
    base: Annotated[int, typer.Option(help="The earlier one; the one before if not given.")] = 0,
    limit: Annotated[int, typer.Option(help="Print so many changes at the most; 0: all.")] = _MOST_SHOWN,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what was added, removed, changed and moved between two snapshots."""

    async def use(session: Session) -> snapshot_service_pb2.CompareBrowseSnapshotsResponse:
        name = f"{server_name(session, server)}/snapshots/{snapshot or '-'}"
        request = snapshot_service_pb2.CompareBrowseSnapshotsRequest(name=name, base=base, page_size=limit or 10_000)
        call = _stub(session).CompareBrowseSnapshots
        found = page = await call(request)
        while page.next_page_token and not limit:
            request.page_token = page.next_page_token
            page = await call(request)
            found.changes.extend(page.changes)
        return found

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    messages.print(
        f"From snapshot {_number(found.base)} to {_number(found.snapshot)}: {found.added:,} added, "
        f"{found.removed:,} removed, {found.changed:,} changed, {found.moved:,} moved."
    )
    for change in found.changes:
        _print_change(change)
    more = found.added + found.removed + found.changed + found.moved - len(found.changes)
    if more:
        messages.print(f"{more:,} more; --limit 0 prints all.")


def _number(snapshot: browse_pb2.BrowseSnapshot) -> str:
    return snapshot.name.rpartition("/")[2]


def _plain(text: str) -> str:
    """A server's words without what would steer a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _row(node: resources_pb2.BrowsedNode) -> dict[str, str]:
    access = ("r" if node.access_level & _READ else "-") + ("w" if node.access_level & _WRITE else "-")
    kind = _plain(node.type_name.rpartition(";")[2]) or _CLASSES.get(node.node_class, "")
    return {
        "browse_path": _plain(node.browse_path),
        "type_name": kind,
        "data_type": _plain(node.data_type),
        "unit": _plain(node.unit),
        "range": _meaning(node.details),
        "access": access if node.node_class == 2 else "",
        "description": _plain(node.description),
    }


def _meaning(details: browse_pb2.VariableDetails) -> str:
    """A range, or what the values mean, or what the fields are."""
    if details.HasField("eu_range"):
        return f"{details.eu_range.low:g} … {details.eu_range.high:g}"
    if details.enum_values:
        return _plain(", ".join(f"{each.value} {each.name}" for each in details.enum_values))
    return _plain(", ".join(f"{field.name} {field.data_type}" for field in details.fields))


def _print_change(change: snapshot_service_pb2.NodeChange) -> None:
    marks = {
        snapshot_service_pb2.NODE_CHANGE_KIND_ADDED: ("+", "green"),
        snapshot_service_pb2.NODE_CHANGE_KIND_REMOVED: ("-", "red"),
        snapshot_service_pb2.NODE_CHANGE_KIND_CHANGED: ("~", "yellow"),
        snapshot_service_pb2.NODE_CHANGE_KIND_MOVED: (">", "cyan"),
    }
    mark, style = marks.get(change.kind, ("?", "dim"))
    node = change.after if change.HasField("after") else change.before
    screen.print(f"[{style}]{mark}[/] ", end="", markup=True)
    screen.print(_plain(f"{node.browse_path}  {node.node_id}"), markup=False, soft_wrap=True)
    for field in change.fields:
        before, after = (_plain(_value(side, field)) for side in (change.before, change.after))
        screen.print(f"    {field}: {before or '(none)'} -> {after or '(none)'}", markup=False, soft_wrap=True)


def _value(node: resources_pb2.BrowsedNode, field: str) -> str:
    """A field as text, and those of `details` with a dot between."""
    value: object = as_dict(node)
    for part in field.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return value if isinstance(value, str) else str(value)
