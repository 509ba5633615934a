"""Snapshots of a server: which are kept, and how two of them differ."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dualspan_onboarding.browsed import BrowsedNode, ChangeKind, Snapshot, SnapshotName
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.browsing import snapshot_unknown
from dualspan_onboarding.errors.fleet import server_unknown
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.service.browsing import stored_snapshot
from dualspan_onboarding.store import browses, servers, snapshots
from dualspan_runtime.database import Connection, Database

# A comparison walks over both snapshots, which may have a million nodes each.
_TIMEOUT_SECONDS = 120.0
_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class NodeChange:
    """One node that differs; `fields` are those of the contract's BrowsedNode and of its details."""

    kind: ChangeKind
    before: BrowsedNode | None
    after: BrowsedNode | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComparisonCursor:
    """Where the next page begins: behind a NodeId. The totals were counted for the first one."""

    after: str
    totals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A page of a difference; totals are of all pages."""

    base: Snapshot
    snapshot: Snapshot
    changes: Sequence[NodeChange]
    totals: Mapping[ChangeKind, int]
    following: ComparisonCursor | None


class Comparing:
    """The use cases around stored snapshots.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, server: ServerName, before: int, limit: int) -> Sequence[Snapshot]:
        """Snapshots with a lower number, newest first; raises NotFound when there is no such server."""
        async with self._database.transaction(server.tenant, readonly=True) as connection:
            if await servers.find(connection, server) is None:
                raise server_unknown(server)
            return [stored.snapshot for stored in await snapshots.page(connection, server, before, limit)]

    async def compare(self, name: SnapshotName, base: int, cursor: ComparisonCursor | None, limit: int) -> Comparison:
        """How a snapshot differs from an earlier one, a page at a time, in order of NodeId.

        Args:
            name: The later one.
            base: Number of the earlier one; 0: the last before it that began at the same node.
            cursor: From the last page; None for the first.
            limit: Most nodes of the page.

        Raises:
            InvalidArgument: The earlier one is not earlier.
            NotFound: A snapshot is not kept.
            FailedPrecondition: The server has not been browsed.
        """
        tenant = name.server.tenant
        async with self._database.transaction(
            tenant, isolation="repeatable_read", readonly=True, timeout=_TIMEOUT_SECONDS
        ) as connection:
            later = await stored_snapshot(connection, name)
            earlier = await _base_of(connection, later.snapshot, base)
            pair = (earlier.browse_id, later.browse_id)
            if cursor is None:
                counted = await snapshots.totals(connection, tenant, *pair)
                cursor = ComparisonCursor("", tuple(counted[kind] for kind in ChangeKind))
            kinds = await snapshots.changes(connection, tenant, *pair, cursor.after, limit + 1)
            ids = list(kinds)[:limit]
            before, after = [
                {node.node_id: node for node in await browses.nodes_by_id(connection, tenant, browse, ids)}
                for browse in pair
            ]
        return Comparison(
            base=earlier.snapshot,
            snapshot=later.snapshot,
            changes=[_change(kinds[node_id], before.get(node_id), after.get(node_id)) for node_id in ids],
            totals=dict(zip(ChangeKind, cursor.totals, strict=True)),
            following=ComparisonCursor(ids[-1], cursor.totals) if len(kinds) > limit else None,
        )


async def _base_of(connection: Connection, later: Snapshot, base: int) -> snapshots.StoredSnapshot:
    server, number = later.name.server, later.name.number
    if base >= number:
        raise malformed("NOT_EARLIER", "base", f"base must be lower than {number}, the snapshot compared with it.")
    if base:
        return await stored_snapshot(connection, SnapshotName(server, base))
    # A browse of a part says nothing about the rest.
    for earlier in await snapshots.page(connection, server, number, _MOST_KEPT):
        if earlier.snapshot.root_node_id == later.root_node_id:
            return earlier
    raise snapshot_unknown(f"snapshot of {server} before {number} that began at the same node")


def _change(kind: ChangeKind, before: BrowsedNode | None, after: BrowsedNode | None) -> NodeChange:
    if before is None or after is None:
        return NodeChange(kind, before, after, ())
    differing = [name for name in _names(before) if name != "details" and getattr(before, name) != getattr(after, name)]
    old, new = before.details, after.details
    differing += [f"details.{name}" for name in _names(old) if getattr(old, name) != getattr(new, name)]
    return NodeChange(kind, before, after, tuple(differing))


def _names(record: object) -> list[str]:
    return [field.name for field in dataclasses.fields(record)]  # pyright: ignore[reportArgumentType] - dataclasses only
