"""Assets, their bindings, and the asset models of tenants."""

from collections.abc import Mapping, Sequence

from asyncpg import Record

from dualspan_onboarding.assets import Asset, AssetLevel, AssetName, Binding, NewAsset, Slot, UnitConversion
from dualspan_runtime.database import Connection

_COLUMNS = "tenant_id, asset_id, display_name, level, parent_id, model_id, model_version, created_at"
_BINDING = "asset_id, property, number, tag_id, unit_factor, unit_offset, unit_known"


def _asset(row: Record, bindings: Sequence[Binding]) -> Asset:
    return Asset(
        name=AssetName(row["tenant_id"], row["asset_id"]),
        display_name=row["display_name"],
        level=AssetLevel(row["level"]),
        parent=row["parent_id"],
        model=row["model_id"],
        model_version=row["model_version"],
        created_at=row["created_at"],
        bindings=tuple(bindings),
    )


def _binding(row: Record) -> Binding:
    conversion = UnitConversion(row["unit_factor"], row["unit_offset"], row["unit_known"])
    return Binding(Slot(row["property"], row["number"]), row["tag_id"], conversion)


async def lock(connection: Connection, tenant: str) -> None:
    """Make changes of a tenant's assets one after the other: the tree stays a tree."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('asset ' || $1, 0))", tenant)


async def insert(connection: Connection, tenant: str, assets: Sequence[NewAsset]) -> None:
    """Make assets, parents before children."""
    await connection.execute(
        "INSERT INTO asset (tenant_id, asset_id, display_name, level, parent_id, model_id, model_version)"
        " SELECT $1, a.* FROM unnest($2::text[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[]) AS a",
        tenant,
        [a.asset_id for a in assets],
        [a.display_name for a in assets],
        [a.level for a in assets],
        [a.parent for a in assets],
        [a.model for a in assets],
        [a.model_version for a in assets],
    )


async def bindings_of(connection: Connection, tenant: str, asset_ids: Sequence[str]) -> dict[str, list[Binding]]:
    """The bindings of assets to tags that are not deleted, in order of property and number."""
    rows = await connection.fetch(
        f"SELECT {_BINDING} FROM asset_binding AS b WHERE tenant_id = $1 AND asset_id = ANY($2::text[])"
        " AND EXISTS (SELECT FROM tag AS t WHERE t.tenant_id = $1 AND t.tag_id = b.tag_id AND t.deleted_at IS NULL)"
        " ORDER BY asset_id, property, number",
        tenant,
        asset_ids,
    )
    found: dict[str, list[Binding]] = {asset_id: [] for asset_id in asset_ids}
    for row in rows:
        found[row["asset_id"]].append(_binding(row))
    return found


async def find(connection: Connection, name: AssetName) -> Asset | None:
    """One asset with its bindings."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM asset WHERE tenant_id = $1 AND asset_id = $2", name.tenant, name.asset
    )
    if row is None:
        return None
    bindings = await bindings_of(connection, name.tenant, [name.asset])
    return _asset(row, bindings[name.asset])


async def page(
    connection: Connection, tenant: str, *, under: str | None, model: str, after: str, limit: int
) -> Sequence[Asset]:
    """The assets after an id, in order of it: those at or below one (None: all), of one model ("": any)."""
    rows = await connection.fetch(
        "WITH RECURSIVE chosen AS (SELECT asset_id FROM asset WHERE tenant_id = $1 AND asset_id = $2"
        " UNION SELECT a.asset_id FROM asset AS a JOIN chosen AS c ON a.parent_id = c.asset_id WHERE a.tenant_id = $1)"
        f" SELECT {_COLUMNS} FROM asset WHERE tenant_id = $1 AND asset_id > $4 AND ($3 = '' OR model_id = $3)"
        " AND ($2::text IS NULL OR asset_id IN (SELECT asset_id FROM chosen)) ORDER BY asset_id LIMIT $5",
        tenant,
        under,
        model,
        after,
        limit,
    )
    bindings = await bindings_of(connection, tenant, [row["asset_id"] for row in rows])
    return [_asset(row, bindings[row["asset_id"]]) for row in rows]


async def ids(connection: Connection, tenant: str) -> set[str]:
    """The ids of all assets of a tenant."""
    rows = await connection.fetch("SELECT asset_id FROM asset WHERE tenant_id = $1", tenant)
    return {row["asset_id"] for row in rows}


async def subtree(connection: Connection, name: AssetName) -> Sequence[str]:
    """The ids of an asset and of all below it, children before parents."""
    rows = await connection.fetch(
        "WITH RECURSIVE chosen AS (SELECT asset_id, 0 AS depth FROM asset WHERE tenant_id = $1 AND asset_id = $2"
        " UNION ALL SELECT a.asset_id, c.depth + 1 FROM asset AS a JOIN chosen AS c ON a.parent_id = c.asset_id"
        " WHERE a.tenant_id = $1) SELECT asset_id FROM chosen ORDER BY depth DESC, asset_id",
        name.tenant,
        name.asset,
    )
    return [row["asset_id"] for row in rows]


async def update(connection: Connection, asset: Asset) -> None:
    """Keep an asset's names, place and model version."""
    await connection.execute(
        "UPDATE asset SET display_name = $3, parent_id = $4, model_version = $5 WHERE tenant_id = $1 AND asset_id = $2",
        asset.name.tenant,
        asset.name.asset,
        asset.display_name,
        asset.parent,
        asset.model_version,
    )


async def delete(connection: Connection, tenant: str, asset_ids: Sequence[str]) -> None:
    """Remove assets with their bindings; children must be among them."""
    await connection.execute(
        "UPDATE mapping_group SET applied_asset = NULL WHERE tenant_id = $1 AND applied_asset = ANY($2::text[])",
        tenant,
        asset_ids,
    )
    await connection.execute("DELETE FROM asset WHERE tenant_id = $1 AND asset_id = ANY($2::text[])", tenant, asset_ids)


async def bind(connection: Connection, tenant: str, bindings: Mapping[str, Sequence[Binding]]) -> None:
    """Bind properties of assets; what was bound there before is replaced."""
    rows = [(asset_id, binding) for asset_id, each in bindings.items() for binding in each]
    await connection.execute(
        f"INSERT INTO asset_binding (tenant_id, {_BINDING})"
        " SELECT $1, b.* FROM unnest($2::text[], $3::text[], $4::integer[], $5::bigint[], $6::float8[], $7::float8[],"
        " $8::boolean[]) AS b ON CONFLICT (tenant_id, asset_id, property, number) DO UPDATE SET"
        " tag_id = excluded.tag_id, unit_factor = excluded.unit_factor, unit_offset = excluded.unit_offset,"
        " unit_known = excluded.unit_known",
        tenant,
        [asset_id for asset_id, _ in rows],
        [b.slot.property for _, b in rows],
        [b.slot.number for _, b in rows],
        [b.tag_id for _, b in rows],
        [b.conversion.factor for _, b in rows],
        [b.conversion.offset for _, b in rows],
        [b.conversion.known for _, b in rows],
    )


async def unbind(connection: Connection, tenant: str, slots: Sequence[tuple[str, Slot]]) -> None:
    """Free properties of assets."""
    await connection.execute(
        "DELETE FROM asset_binding AS b"
        " USING unnest($2::text[], $3::text[], $4::integer[]) AS s (asset, property, number)"
        " WHERE b.tenant_id = $1 AND b.asset_id = s.asset AND b.property = s.property AND b.number = s.number",
        tenant,
        [asset_id for asset_id, _ in slots],
        [slot.property for _, slot in slots],
        [slot.number for _, slot in slots],
    )


async def bound_tags(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> set[int]:
    """Those of the tags that some property is bound to."""
    rows = await connection.fetch(
        "SELECT DISTINCT tag_id FROM asset_binding WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[])",
        tenant,
        tag_ids,
    )
    return {row["tag_id"] for row in rows}


async def tag_facts(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> dict[int, tuple[str, str, int]]:
    """Unit, browse path and kind of tags that are not deleted."""
    rows = await connection.fetch(
        "SELECT tag_id, unit, browse_path, kind FROM tag"
        " WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[]) AND deleted_at IS NULL",
        tenant,
        tag_ids,
    )
    return {row["tag_id"]: (row["unit"], row["browse_path"], row["kind"]) for row in rows}


async def insert_model(connection: Connection, tenant: str, model_id: str, version: str, source: str) -> bool:
    """Keep a version of a tenant's own asset model; False if it is there."""
    row = await connection.fetchrow(
        "INSERT INTO asset_model (tenant_id, model_id, version, source) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING model_id",
        tenant,
        model_id,
        version,
        source,
    )
    return row is not None


async def model_sources(connection: Connection, tenant: str) -> Sequence[str]:
    """The documents of a tenant's own asset models."""
    rows = await connection.fetch(
        "SELECT source FROM asset_model WHERE tenant_id = $1 ORDER BY model_id, created_at, version", tenant
    )
    return [row["source"] for row in rows]
