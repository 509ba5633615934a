"""SQL that counts over all tenants; in platform transactions."""

from dataclasses import dataclass
from datetime import timedelta

from dualspan_onboarding.model import ConnectionState
from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class ModelUse:
    """How a tenant uses a version of an asset model: how many, of assets or of values bound to one property."""

    tenant: str
    model_id: str
    version: str
    property: str
    count: int


async def gateways(connection: Connection, span: timedelta) -> list[tuple[str, str, bool]]:
    """Gateways that have enrolled and are not revoked: full name, what people call it, heard of within a span."""
    rows = await connection.fetch(
        """SELECT tenant_id, gateway_id, display_name, coalesce(last_seen_at > now() - $1::interval, false) AS heard
        FROM gateway WHERE enrolled_at IS NOT NULL AND revoked_at IS NULL""",
        span,
    )
    return [
        (f"tenants/{row['tenant_id']}/gateways/{row['gateway_id']}", row["display_name"], row["heard"]) for row in rows
    ]


async def servers(connection: Connection) -> list[tuple[str, str, str, bool]]:
    """Machines' servers: full name, what people call it, the scheme of its address, connected now."""
    rows = await connection.fetch(
        """SELECT tenant_id, gateway_id, server_id, display_name, split_part(endpoint_url, '://', 1) AS scheme,
            connection_state FROM opc_ua_server"""
    )
    return [
        (
            f"tenants/{row['tenant_id']}/gateways/{row['gateway_id']}/servers/{row['server_id']}",
            row["display_name"],
            row["scheme"],
            row["connection_state"] == ConnectionState.CONNECTED,
        )
        for row in rows
    ]


async def assets_by_model(connection: Connection) -> list[ModelUse]:
    """How many assets every tenant has of every asset model; of no property."""
    rows = await connection.fetch(
        """SELECT tenant_id, model_id, model_version, '' AS property, count(*) AS count
        FROM asset WHERE model_id <> '' GROUP BY tenant_id, model_id, model_version"""
    )
    return [ModelUse(*row) for row in rows]


async def values_by_property(connection: Connection) -> list[ModelUse]:
    """How many values every tenant has bound to every property of every asset model."""
    rows = await connection.fetch(
        """SELECT a.tenant_id, a.model_id, a.model_version, b.property, count(*) AS count
        FROM asset_binding AS b JOIN asset AS a USING (tenant_id, asset_id)
        WHERE a.model_id <> '' GROUP BY a.tenant_id, a.model_id, a.model_version, b.property"""
    )
    return [ModelUse(*row) for row in rows]


async def own_model_sources(connection: Connection) -> list[tuple[str, str]]:
    """The documents of all tenants' own asset models, each with its tenant."""
    rows = await connection.fetch("SELECT tenant_id, source FROM asset_model ORDER BY tenant_id, model_id, created_at")
    return [(row["tenant_id"], row["source"]) for row in rows]


async def tag_count(connection: Connection) -> int:
    """How many tags there are."""
    return int(await connection.fetchval("SELECT count(*) FROM tag WHERE deleted_at IS NULL"))
