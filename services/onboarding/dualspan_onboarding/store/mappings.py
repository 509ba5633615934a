"""Mappings that were proposed, and what was applied of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_onboarding.assets import (
    Application,
    ApplicationName,
    Binding,
    MadeBinding,
    ProposalName,
    Slot,
    StoredGroup,
    StoredMatch,
    StoredProposal,
    UnitConversion,
)
from dualspan_onboarding.names import ServerName
from dualspan_runtime.database import Connection

_GROUP = (
    "number, browse_path, display_name, asset_id, model_id, model_version, confidence, reason, family, unmatched,"
    " applied_asset"
)
_MATCH = (
    "group_number, node_id, property, number, browse_path, confidence, reason, unit, unit_factor, unit_offset,"
    " unit_known"
)
_APPLICATION = "tenant_id, application_id, proposal_id, created_at, undone_at, assets, tag_ids, groups"
_CHANGES = (
    "(SELECT count(*) FROM mapping_change AS c WHERE c.tenant_id = a.tenant_id"
    " AND c.application_id = a.application_id) AS bindings"
)


def _match(row: Record) -> StoredMatch:
    return StoredMatch(
        node_id=row["node_id"],
        browse_path=row["browse_path"],
        slot=Slot(row["property"], row["number"]),
        confidence=row["confidence"],
        reason=row["reason"],
        unit=row["unit"],
        conversion=UnitConversion(row["unit_factor"], row["unit_offset"], row["unit_known"]),
    )


def _group(row: Record, matches: Sequence[StoredMatch]) -> StoredGroup:
    return StoredGroup(
        number=row["number"],
        browse_path=row["browse_path"],
        display_name=row["display_name"],
        asset_id=row["asset_id"],
        model=row["model_id"],
        model_version=row["model_version"],
        confidence=row["confidence"],
        reason=row["reason"],
        family=row["family"],
        matches=tuple(matches),
        unmatched=tuple(row["unmatched"]),
        applied_asset=row["applied_asset"],
    )


def _application(row: Record) -> Application:
    return Application(
        name=ApplicationName(row["tenant_id"], row["application_id"]),
        proposal=ProposalName(row["tenant_id"], row["proposal_id"]),
        created_at=row["created_at"],
        undone_at=row["undone_at"],
        assets=tuple(row["assets"]),
        tag_ids=tuple(row["tag_ids"]),
        groups=tuple(row["groups"]),
        bindings=row["bindings"],
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a proposal looks at: variables of a browse below a path (all if empty), by some models (all if none)."""

    browse: uuid.UUID
    path: str
    models: tuple[str, ...]


async def latest(connection: Connection, server: ServerName, scope: Scope) -> ProposalName | None:
    """The last proposal that looked at the same."""
    found = await connection.fetchval(
        "SELECT proposal_id FROM mapping_proposal WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3"
        " AND browse_id = $4 AND path_prefix = $5 AND models = $6 ORDER BY created_at DESC LIMIT 1",
        server.tenant,
        server.gateway,
        server.server,
        scope.browse,
        scope.path,
        list(scope.models),
    )
    return None if found is None else ProposalName(server.tenant, found)


async def insert(
    connection: Connection,
    name: ProposalName,
    server: ServerName,
    scope: Scope,
    variables: int,
    groups: Sequence[StoredGroup],
) -> None:
    """Keep a proposal. Earlier ones of the server of which nothing was applied are dropped: they are out of date."""
    await connection.execute(
        "DELETE FROM mapping_proposal AS p WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND NOT EXISTS"
        " (SELECT FROM mapping_application AS a WHERE a.tenant_id = $1 AND a.proposal_id = p.proposal_id)",
        server.tenant,
        server.gateway,
        server.server,
    )
    await connection.execute(
        "INSERT INTO mapping_proposal (tenant_id, proposal_id, gateway_id, server_id, variables, browse_id,"
        " path_prefix, models) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        name.tenant,
        name.uid,
        server.gateway,
        server.server,
        variables,
        scope.browse,
        scope.path,
        list(scope.models),
    )
    await _insert_groups(connection, name, groups)
    await insert_matches(connection, name, groups)


async def _insert_groups(connection: Connection, name: ProposalName, groups: Sequence[StoredGroup]) -> None:
    await connection.executemany(
        f"INSERT INTO mapping_group (tenant_id, proposal_id, {_GROUP})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        [
            (
                name.tenant,
                name.uid,
                group.number,
                group.browse_path,
                group.display_name,
                group.asset_id,
                group.model,
                group.model_version,
                group.confidence,
                group.reason,
                group.family,
                list(group.unmatched),
                group.applied_asset,
            )
            for group in groups
        ],
    )


async def insert_matches(connection: Connection, name: ProposalName, groups: Sequence[StoredGroup]) -> None:
    """Keep the matches of groups."""
    rows = [(group.number, match) for group in groups for match in group.matches]
    await connection.execute(
        f"INSERT INTO mapping_match (tenant_id, proposal_id, {_MATCH})"
        " SELECT $1, $2, m.* FROM unnest($3::integer[], $4::text[], $5::text[], $6::integer[], $7::text[],"
        " $8::float8[], $9::text[], $10::text[], $11::float8[], $12::float8[], $13::boolean[]) AS m",
        name.tenant,
        name.uid,
        [number for number, _ in rows],
        [match.node_id for _, match in rows],
        [match.slot.property for _, match in rows],
        [match.slot.number for _, match in rows],
        [match.browse_path for _, match in rows],
        [match.confidence for _, match in rows],
        [match.reason for _, match in rows],
        [match.unit for _, match in rows],
        [match.conversion.factor for _, match in rows],
        [match.conversion.offset for _, match in rows],
        [match.conversion.known for _, match in rows],
    )


async def replace(connection: Connection, name: ProposalName, groups: Sequence[StoredGroup]) -> None:
    """Keep groups as they are now, with their matches."""
    await connection.execute(
        "DELETE FROM mapping_match WHERE tenant_id = $1 AND proposal_id = $2 AND group_number = ANY($3::integer[])",
        name.tenant,
        name.uid,
        [group.number for group in groups],
    )
    await connection.executemany(
        "UPDATE mapping_group SET display_name = $4, unmatched = $5"
        " WHERE tenant_id = $1 AND proposal_id = $2 AND number = $3",
        [(name.tenant, name.uid, g.number, g.display_name, list(g.unmatched)) for g in groups],
    )
    await insert_matches(connection, name, groups)


async def find(connection: Connection, name: ProposalName, sure: float) -> StoredProposal | None:
    """One proposal in numbers; `sure` is the confidence from which a match counts as sure."""
    row = await connection.fetchrow(
        "SELECT gateway_id, server_id, created_at, variables,"
        " (SELECT count(*) FROM mapping_group AS g WHERE g.tenant_id = $1 AND g.proposal_id = $2) AS groups,"
        " count(m.node_id) AS matched, count(m.node_id) FILTER (WHERE m.confidence >= $3) AS sure"
        " FROM mapping_proposal AS p LEFT JOIN mapping_match AS m ON m.tenant_id = p.tenant_id"
        " AND m.proposal_id = p.proposal_id AND m.property <> ''"
        " WHERE p.tenant_id = $1 AND p.proposal_id = $2 GROUP BY p.tenant_id, p.proposal_id",
        name.tenant,
        name.uid,
        sure,
    )
    if row is None:
        return None
    return StoredProposal(
        name=name,
        server=ServerName(name.tenant, row["gateway_id"], row["server_id"]),
        created_at=row["created_at"],
        variables=row["variables"],
        matched=row["matched"],
        sure=row["sure"],
        groups=row["groups"],
    )


async def lock(connection: Connection, name: ProposalName) -> ServerName | None:
    """Make changes of a proposal one after the other; its server, or None if there is no such proposal."""
    row = await connection.fetchrow(
        "SELECT gateway_id, server_id FROM mapping_proposal WHERE tenant_id = $1 AND proposal_id = $2 FOR UPDATE",
        name.tenant,
        name.uid,
    )
    return None if row is None else ServerName(name.tenant, row["gateway_id"], row["server_id"])


async def groups_after(connection: Connection, name: ProposalName, after: int, limit: int | None) -> list[StoredGroup]:
    """The groups after a number, in order of it, with their matches, the likeliest first."""
    rows = await connection.fetch(
        f"SELECT {_GROUP} FROM mapping_group WHERE tenant_id = $1 AND proposal_id = $2 AND number > $3"
        " ORDER BY number LIMIT $4",
        name.tenant,
        name.uid,
        after,
        limit,
    )
    matches = await connection.fetch(
        f"SELECT {_MATCH} FROM mapping_match WHERE tenant_id = $1 AND proposal_id = $2"
        " AND group_number = ANY($3::integer[]) ORDER BY confidence DESC, browse_path",
        name.tenant,
        name.uid,
        [row["number"] for row in rows],
    )
    by_group: dict[int, list[StoredMatch]] = {}
    for row in matches:
        by_group.setdefault(row["group_number"], []).append(_match(row))
    return [_group(row, by_group.get(row["number"], [])) for row in rows]


async def mark_applied(connection: Connection, name: ProposalName, assets: Sequence[tuple[int, str]]) -> None:
    """Note which asset each group has become."""
    await connection.execute(
        "UPDATE mapping_group AS g SET applied_asset = a.asset"
        " FROM unnest($3::integer[], $4::text[]) AS a (number, asset)"
        " WHERE g.tenant_id = $1 AND g.proposal_id = $2 AND g.number = a.number",
        name.tenant,
        name.uid,
        [number for number, _ in assets],
        [asset for _, asset in assets],
    )


async def unmark_applied(connection: Connection, name: ProposalName, groups: Sequence[int]) -> None:
    """Note that groups are not applied any more."""
    await connection.execute(
        "UPDATE mapping_group SET applied_asset = NULL"
        " WHERE tenant_id = $1 AND proposal_id = $2 AND number = ANY($3::integer[])",
        name.tenant,
        name.uid,
        groups,
    )


async def insert_application(connection: Connection, application: Application, made: Sequence[MadeBinding]) -> datetime:
    """Keep what was applied and what was there before; returns when."""
    tenant, application_id = application.name.tenant, application.name.uid
    created_at = await connection.fetchval(
        "INSERT INTO mapping_application (tenant_id, application_id, proposal_id, assets, tag_ids, groups)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING created_at",
        tenant,
        application_id,
        application.proposal.uid,
        list(application.assets),
        list(application.tag_ids),
        list(application.groups),
    )
    await connection.executemany(
        "INSERT INTO mapping_change (tenant_id, application_id, asset_id, property, number, tag_id, was_tag_id,"
        " was_factor, was_offset, was_known) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            (
                tenant,
                application_id,
                each.asset,
                each.slot.property,
                each.slot.number,
                each.tag_id,
                each.was.tag_id if each.was else None,
                each.was.conversion.factor if each.was else None,
                each.was.conversion.offset if each.was else None,
                each.was.conversion.known if each.was else None,
            )
            for each in made
        ],
    )
    return created_at


async def lock_application(connection: Connection, name: ApplicationName) -> Application | None:
    """An application, held until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_APPLICATION}, {_CHANGES} FROM mapping_application AS a"
        " WHERE tenant_id = $1 AND application_id = $2 FOR UPDATE",
        name.tenant,
        name.uid,
    )
    return None if row is None else _application(row)


async def made_bindings(connection: Connection, name: ApplicationName) -> list[MadeBinding]:
    """The bindings that an application made."""
    rows = await connection.fetch(
        "SELECT asset_id, property, number, tag_id, was_tag_id, was_factor, was_offset, was_known FROM mapping_change"
        " WHERE tenant_id = $1 AND application_id = $2 ORDER BY asset_id, property, number",
        name.tenant,
        name.uid,
    )
    return [_made(row) for row in rows]


def _made(row: Record) -> MadeBinding:
    slot = Slot(row["property"], row["number"])
    was = None
    if row["was_tag_id"] is not None:
        was = Binding(slot, row["was_tag_id"], UnitConversion(row["was_factor"], row["was_offset"], row["was_known"]))
    return MadeBinding(row["asset_id"], slot, row["tag_id"], was)


async def mark_undone(connection: Connection, name: ApplicationName) -> datetime:
    """Note that an application was taken back; returns when."""
    return await connection.fetchval(
        "UPDATE mapping_application SET undone_at = now() WHERE tenant_id = $1 AND application_id = $2"
        " RETURNING undone_at",
        name.tenant,
        name.uid,
    )


async def applications(
    connection: Connection, tenant: str, before: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[Application]:
    """The applications before a (time, id), the latest first."""
    rows = await connection.fetch(
        f"SELECT {_APPLICATION}, {_CHANGES} FROM mapping_application AS a WHERE tenant_id = $1"
        " AND ($2::timestamptz IS NULL OR (created_at, application_id) < ($2, $3::uuid))"
        " ORDER BY created_at DESC, application_id DESC LIMIT $4",
        tenant,
        before[0] if before else None,
        before[1] if before else None,
        limit,
    )
    return [_application(row) for row in rows]


@dataclass(frozen=True, slots=True)
class AcceptedPlace:
    """Where in the address space a bound property of an applied machine is; `root` is where the machine begins."""

    asset: str
    model: str
    root: str
    browse_path: str
    slot: Slot


async def accepted_places(connection: Connection, tenant: str) -> Sequence[AcceptedPlace]:
    """The places of the bindings of all machines that came of proposals."""
    rows = await connection.fetch(
        "SELECT DISTINCT a.asset_id, a.model_id, g.browse_path AS root, t.browse_path, b.property, b.number"
        " FROM mapping_group AS g JOIN asset AS a ON a.tenant_id = g.tenant_id AND a.asset_id = g.applied_asset"
        " JOIN asset_binding AS b ON b.tenant_id = a.tenant_id AND b.asset_id = a.asset_id"
        " JOIN tag AS t ON t.tenant_id = b.tenant_id AND t.tag_id = b.tag_id AND t.deleted_at IS NULL"
        " WHERE g.tenant_id = $1 AND starts_with(t.browse_path, g.browse_path)",
        tenant,
    )
    return [
        AcceptedPlace(
            row["asset_id"],
            row["model_id"],
            row["root"],
            row["browse_path"],
            Slot(row["property"], row["number"]),
        )
        for row in rows
    ]
