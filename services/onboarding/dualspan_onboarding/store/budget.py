"""What servers state of their limits, which vendor profile goes for them, and what their tags ask of them."""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

from asyncpg import Record

from dualspan_onboarding.budget import UNKNOWN_LIMITS, ServerLimits, TagLoad
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.sampling import AcquisitionMode, TagSource
from dualspan_onboarding.sampling_rules import queue_at_server
from dualspan_runtime.database import Connection

_STATED = tuple(field.name for field in dataclasses.fields(ServerLimits) if field.name != "read_at")


async def save_limits(connection: Connection, server: ServerName, limits: ServerLimits) -> None:
    """Keep what a server states now; what it stated before goes."""
    stated = [getattr(limits, name) for name in _STATED]
    places = ", ".join(f"${place}" for place in range(4, 4 + len(stated)))
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in ("read_at", *_STATED))
    await connection.execute(
        f"INSERT INTO server_limits (tenant_id, gateway_id, server_id, {', '.join(_STATED)}, read_at)"
        f" VALUES ($1, $2, $3, {places}, now()) ON CONFLICT (tenant_id, gateway_id, server_id) DO UPDATE SET {changes}",
        server.tenant,
        server.gateway,
        server.server,
        *stated,
    )


async def find_limits(connection: Connection, server: ServerName) -> ServerLimits:
    """What a server last stated; UNKNOWN_LIMITS if it was never asked."""
    row = await connection.fetchrow(
        f"SELECT read_at, {', '.join(_STATED)} FROM server_limits"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
    )
    return UNKNOWN_LIMITS if row is None else ServerLimits(**row)


async def choose_profile(connection: Connection, server: ServerName, profile: str) -> None:
    """Note which profile goes for a server; "" leaves it to what the server says of itself."""
    await connection.execute(
        "UPDATE opc_ua_server SET load_profile = $4 WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
        profile,
    )


async def chosen_profile(connection: Connection, server: ServerName) -> str:
    """The profile that somebody chose for a server; "" if nobody did."""
    chosen = await connection.fetchval(
        "SELECT load_profile FROM opc_ua_server WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
    )
    return chosen or ""


async def loads(connection: Connection, server: ServerName) -> dict[int, TagLoad]:
    """What each tag of a server asks of it, by tag id."""
    rows = await connection.fetch(
        "SELECT tag_id, node_id, kind, data_type, sampling_interval_us, publishing_interval_us, queue_size, source,"
        " field_path, index_range, mode, register_node FROM tag"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND deleted_at IS NULL",
        server.tenant,
        server.gateway,
        server.server,
    )
    return {row["tag_id"]: _load(row) for row in rows}


def _load(row: Record) -> TagLoad:
    sampling, publishing = row["sampling_interval_us"], row["publishing_interval_us"]
    return TagLoad(
        node_id=row["node_id"],
        kind=row["kind"],
        data_type=row["data_type"],
        sampling_us=sampling,
        publishing_us=publishing,
        queue_size=queue_at_server(TagSource(row["source"]), row["queue_size"], sampling, publishing),
        source=TagSource(row["source"]),
        mode=AcquisitionMode(row["mode"]),
        register_node=row["register_node"],
        is_part=bool(row["field_path"]),
    )


async def unasked(connection: Connection, patience: timedelta, limit: int) -> Sequence[ServerName]:
    """Connected servers of every tenant whose limits nobody knows and nobody has asked for lately."""
    rows = await connection.fetch(
        "SELECT s.tenant_id, s.gateway_id, s.server_id FROM opc_ua_server AS s"
        " LEFT JOIN server_limits AS l USING (tenant_id, gateway_id, server_id)"
        " WHERE s.connection_state = 2 AND l.server_id IS NULL"
        " AND (s.limits_asked_at IS NULL OR s.limits_asked_at < now() - $1::interval) LIMIT $2",
        patience,
        limit,
    )
    return [ServerName(row["tenant_id"], row["gateway_id"], row["server_id"]) for row in rows]


async def mark_asked(connection: Connection, server: ServerName) -> bool:
    """Note that a server's limits are being asked for; False if it is gone."""
    row = await connection.fetchrow(
        "UPDATE opc_ua_server SET limits_asked_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 RETURNING server_id",
        server.tenant,
        server.gateway,
        server.server,
    )
    return row is not None
