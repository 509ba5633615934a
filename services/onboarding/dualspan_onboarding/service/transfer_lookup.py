"""What is known of the servers and nodes that a file names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from dualspan_onboarding.model import OpcUaServer
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.store import browses, tags, transfers
from dualspan_onboarding.transfer.entries import Entry, Refused
from dualspan_onboarding.transfer.nodes import Known, first_node_id, path_of
from dualspan_onboarding.transfer.targets import Targets
from dualspan_runtime.database import Connection


async def look_up(
    connection: Connection, targets: Targets, there: Mapping[ServerName, OpcUaServer]
) -> dict[ServerName, Known]:
    """By server: what is known of it, as far as the entries need it."""
    wanted: dict[ServerName, list[Entry]] = {}
    for server, entry in targets.entries:
        wanted.setdefault(server, []).append(entry)
    return {
        name: await _known(connection, there[name], entries) if name in there else Known()
        for name, entries in wanted.items()
    }


async def _known(connection: Connection, server: OpcUaServer, entries: Sequence[Entry]) -> Known:
    stored = await tags.filtered(connection, server.name, tag_ids=(), path="", query="", data_type="")
    known = Known(
        browsed=server.snapshot is not None,
        namespaces=await transfers.namespaces_of(connection, server.name),
        tags={(tag.node_id, tag.address): tag for tag in stored},
    )
    if server.snapshot is None:
        return known
    known = await _with_nodes(connection, server, known, _first_ids(entries, known))
    paths = _paths(entries, known)
    if not paths:
        return known
    by_path = await transfers.ids_by_path(connection, server.name.tenant, server.snapshot, paths)
    ids = [node_id for found in by_path.values() for node_id in found]
    return replace(await _with_nodes(connection, server, known, ids), by_path=by_path)


async def _with_nodes(connection: Connection, server: OpcUaServer, known: Known, ids: Sequence[str]) -> Known:
    browse: UUID | None = server.snapshot
    if browse is None or not ids:
        return known
    found = await browses.nodes_by_id(connection, server.name.tenant, browse, sorted(set(ids)))
    return replace(known, nodes={**known.nodes, **{node.node_id: node for node in found}})


def _first_ids(entries: Sequence[Entry], known: Known) -> list[str]:
    ids: list[str] = []
    for entry in entries:
        try:
            node_id = first_node_id(entry.node, known)
        except Refused:
            continue  # said again, with its place, when the entry is planned
        if node_id:
            ids.append(node_id)
    return ids


def _paths(entries: Sequence[Entry], known: Known) -> list[str]:
    paths: set[str] = set()
    for entry in entries:
        if not entry.node.path:
            continue
        try:
            paths.add(path_of(entry.node, known))
        except Refused:
            continue  # said again, with its place, when the entry is planned
    return sorted(paths)
