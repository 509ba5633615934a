"""Gateways, their enrolment tokens and the streams that speak for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_onboarding.model import EnrolmentToken, Gateway, GatewayReport, Session
from dualspan_onboarding.names import GatewayName
from dualspan_runtime.database import Connection

_COLUMNS = """
    tenant_id, gateway_id, display_name, site, created_at, enrolled_at, revoked_at, revocation_confirmed_at,
    certificate_expire_at, session_id, last_seen_at, desired_revision, observed_revision, software_version,
    buffered_frames, buffered_bytes, oldest_buffered_age_us, buffer_full, clock_offset_us, received_samples,
    overflowed_samples, memory_bytes
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Gateways together: how many, and of those online the worst of each; microseconds."""

    enrolled: int
    online: int
    full: int
    oldest_buffered_us: int
    clock_offset_us: int
    first_expiry: datetime | None


def _gateway(row: Record) -> Gateway:
    return Gateway(
        name=GatewayName(row["tenant_id"], row["gateway_id"]),
        display_name=row["display_name"],
        site=row["site"],
        created_at=row["created_at"],
        enrolled_at=row["enrolled_at"],
        revoked_at=row["revoked_at"],
        revocation_confirmed_at=row["revocation_confirmed_at"],
        certificate_expire_at=row["certificate_expire_at"],
        session_id=row["session_id"],
        last_seen_at=row["last_seen_at"],
        online=row["online"],
        desired_revision=row["desired_revision"],
        observed_revision=row["observed_revision"],
        report=GatewayReport(
            software_version=row["software_version"],
            buffered_frames=row["buffered_frames"],
            buffered_bytes=row["buffered_bytes"],
            oldest_buffered_age_us=row["oldest_buffered_age_us"],
            buffer_full=row["buffer_full"],
            clock_offset_us=row["clock_offset_us"],
            received_samples=row["received_samples"],
            overflowed_samples=row["overflowed_samples"],
            memory_bytes=row["memory_bytes"],
        ),
    )


async def insert(connection: Connection, name: GatewayName, display_name: str, site: str) -> bool:
    """Add a gateway; False if the id is taken."""
    row = await connection.fetchrow(
        "INSERT INTO gateway (tenant_id, gateway_id, display_name, site) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING gateway_id",
        name.tenant,
        name.gateway,
        display_name,
        site,
    )
    return row is not None


async def summary(connection: Connection, offline_after: timedelta) -> Fleet:
    """All gateways that have enrolled and are not revoked, together; of every tenant in a platform transaction."""
    row = await connection.fetchrow(
        """WITH known AS (
            SELECT *, session_id IS NOT NULL AND last_seen_at > now() - $1::interval AS online FROM gateway
            WHERE enrolled_at IS NOT NULL AND revoked_at IS NULL
        )
        SELECT count(*), count(*) FILTER (WHERE online), count(*) FILTER (WHERE online AND buffer_full),
            coalesce(max(oldest_buffered_age_us) FILTER (WHERE online), 0),
            coalesce(max(abs(clock_offset_us)) FILTER (WHERE online), 0),
            min(certificate_expire_at) FILTER (WHERE online)
        FROM known""",
        offline_after,
    )
    return Fleet(0, 0, 0, 0, 0, None) if row is None else Fleet(*row)


async def find(connection: Connection, name: GatewayName, offline_after: timedelta) -> Gateway | None:
    """One gateway."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS}, session_id IS NOT NULL AND last_seen_at > now() - $3::interval AS online"
        " FROM gateway WHERE tenant_id = $1 AND gateway_id = $2",
        name.tenant,
        name.gateway,
        offline_after,
    )
    return None if row is None else _gateway(row)


async def page(
    connection: Connection, tenant: str, after: str, limit: int, offline_after: timedelta
) -> Sequence[Gateway]:
    """The gateways whose id comes after one, in order of id."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, session_id IS NOT NULL AND last_seen_at > now() - $4::interval AS online"
        ' FROM gateway WHERE tenant_id = $1 AND gateway_id COLLATE "C" > $2 ORDER BY gateway_id COLLATE "C" LIMIT $3',
        tenant,
        after,
        limit,
        offline_after,
    )
    return [_gateway(row) for row in rows]


async def lock(connection: Connection, name: GatewayName) -> bool:
    """Hold the gateway's row until the transaction ends; False if there is none."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM gateway WHERE tenant_id = $1 AND gateway_id = $2 FOR NO KEY UPDATE",
            name.tenant,
            name.gateway,
        )
    )


async def raise_revision(connection: Connection, name: GatewayName) -> int:
    """The configuration has changed: give it a new revision and wake the stream that pushes it."""
    revision = await connection.fetchval(
        "UPDATE gateway SET desired_revision = desired_revision + 1"
        " WHERE tenant_id = $1 AND gateway_id = $2 RETURNING desired_revision",
        name.tenant,
        name.gateway,
    )
    return int(revision)


async def revoke(connection: Connection, name: GatewayName, reason: str) -> None:
    """Desire that the gateway's certificates be revoked."""
    await connection.execute(
        "UPDATE gateway SET revoked_at = coalesce(revoked_at, now()), revocation_reason = $3,"
        " revocation_confirmed_at = NULL, session_id = NULL WHERE tenant_id = $1 AND gateway_id = $2",
        name.tenant,
        name.gateway,
        reason,
    )
    await connection.execute(
        "UPDATE enrolment_token SET superseded_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND used_at IS NULL AND superseded_at IS NULL",
        name.tenant,
        name.gateway,
    )


async def unconfirmed_revocations(connection: Connection, limit: int) -> Sequence[tuple[GatewayName, str]]:
    """Gateways of every tenant whose revocation identity has not confirmed, with the reason."""
    rows = await connection.fetch(
        "SELECT tenant_id, gateway_id, revocation_reason FROM gateway"
        " WHERE revoked_at IS NOT NULL AND revocation_confirmed_at IS NULL LIMIT $1",
        limit,
    )
    return [(GatewayName(r["tenant_id"], r["gateway_id"]), r["revocation_reason"]) for r in rows]


async def confirm_revocation(connection: Connection, name: GatewayName) -> None:
    """Observe that identity has revoked the gateway's certificates."""
    await connection.execute(
        "UPDATE gateway SET revocation_confirmed_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND revoked_at IS NOT NULL",
        name.tenant,
        name.gateway,
    )


async def insert_token(
    connection: Connection, name: GatewayName, secret_sha256: bytes, lifetime: timedelta
) -> datetime:
    """Add an enrolment token, end the earlier unused ones, and return when it expires."""
    await connection.execute(
        "UPDATE enrolment_token SET superseded_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND used_at IS NULL AND superseded_at IS NULL",
        name.tenant,
        name.gateway,
    )
    return await connection.fetchval(
        "INSERT INTO enrolment_token (tenant_id, secret_sha256, gateway_id, expire_at)"
        " VALUES ($1, $2, $3, now() + $4::interval) RETURNING expire_at",
        name.tenant,
        secret_sha256,
        name.gateway,
        lifetime,
    )


async def find_token(connection: Connection, secret_sha256: bytes) -> EnrolmentToken | None:
    """A token by its hash, of whichever tenant: who enrols has no tenant yet."""
    row = await connection.fetchrow(
        "SELECT tenant_id, gateway_id, used_at IS NOT NULL AS used, superseded_at IS NOT NULL AS superseded,"
        " expire_at <= now() AS expired FROM enrolment_token WHERE secret_sha256 = $1",
        secret_sha256,
    )
    if row is None:
        return None
    return EnrolmentToken(
        gateway=GatewayName(row["tenant_id"], row["gateway_id"]),
        used=row["used"],
        superseded=row["superseded"],
        expired=row["expired"],
    )


async def use_token(connection: Connection, tenant: str, secret_sha256: bytes) -> bool:
    """Use a token up; False if somebody was faster or its time is over."""
    row = await connection.fetchrow(
        "UPDATE enrolment_token SET used_at = now() WHERE tenant_id = $1 AND secret_sha256 = $2"
        " AND used_at IS NULL AND superseded_at IS NULL AND expire_at > now() RETURNING gateway_id",
        tenant,
        secret_sha256,
    )
    return row is not None


async def enrol(connection: Connection, name: GatewayName, expire_at: datetime, software_version: str) -> bool:
    """A box has become the gateway and nothing of what was before counts.

    False if a revocation came between that still has to be carried out: it would cover the new certificate too.
    """
    row = await connection.fetchrow(
        "UPDATE gateway SET enrolled_at = now(), certificate_expire_at = $3, software_version = $4, revoked_at = NULL,"
        " revocation_reason = '', revocation_confirmed_at = NULL, observed_revision = 0"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND (revoked_at IS NULL OR revocation_confirmed_at IS NOT NULL)"
        " RETURNING gateway_id",
        name.tenant,
        name.gateway,
        expire_at,
        software_version,
    )
    return row is not None


async def set_certificate_expiry(connection: Connection, name: GatewayName, expire_at: datetime) -> bool:
    """The gateway holds a new certificate; False if it was revoked meanwhile."""
    row = await connection.fetchrow(
        "UPDATE gateway SET certificate_expire_at = $3"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND revoked_at IS NULL RETURNING gateway_id",
        name.tenant,
        name.gateway,
        expire_at,
    )
    return row is not None


async def open_session(connection: Connection, session: Session, software_version: str, observed_revision: int) -> None:
    """A stream begins to speak for the gateway; an older one does no longer.

    What it has in force is observed no further than it had confirmed: it confirms again. A gateway that has a later
    revision than there is here (the database came from a backup) gets one later still.
    """
    await connection.execute(
        "UPDATE gateway SET session_id = $3, last_seen_at = now(), software_version = $4,"
        " observed_revision = CASE WHEN $5 > desired_revision THEN 0 ELSE least(observed_revision, $5) END,"
        " desired_revision = CASE WHEN $5 > desired_revision THEN $5 + 1 ELSE desired_revision END"
        " WHERE tenant_id = $1 AND gateway_id = $2",
        session.gateway.tenant,
        session.gateway.gateway,
        session.session_id,
        software_version,
        observed_revision,
    )


async def close_session(connection: Connection, session: Session) -> bool:
    """The stream has ended; False if another has taken over."""
    row = await connection.fetchrow(
        "UPDATE gateway SET session_id = NULL WHERE tenant_id = $1 AND gateway_id = $2 AND session_id = $3"
        " RETURNING gateway_id",
        session.gateway.tenant,
        session.gateway.gateway,
        session.session_id,
    )
    return row is not None


async def save_report(connection: Connection, session: Session, report: GatewayReport) -> bool:
    """Keep what the gateway says of itself; False if the stream speaks for it no longer."""
    row = await connection.fetchrow(
        "UPDATE gateway SET last_seen_at = now(), software_version = coalesce(nullif($4, ''), software_version),"
        " buffered_frames = $5, buffered_bytes = $6, oldest_buffered_age_us = $7, buffer_full = $8,"
        " clock_offset_us = $9, received_samples = $10, overflowed_samples = $11, memory_bytes = $12"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND session_id = $3 RETURNING gateway_id",
        session.gateway.tenant,
        session.gateway.gateway,
        session.session_id,
        report.software_version,
        report.buffered_frames,
        report.buffered_bytes,
        report.oldest_buffered_age_us,
        report.buffer_full,
        report.clock_offset_us,
        report.received_samples,
        report.overflowed_samples,
        report.memory_bytes,
    )
    return row is not None


async def observe_revision(connection: Connection, session: Session, revision: int) -> None:
    """The gateway has reported every item of a revision."""
    await connection.execute(
        "UPDATE gateway SET observed_revision = greatest(observed_revision, $4), confirmed_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND session_id = $3 AND desired_revision >= $4",
        session.gateway.tenant,
        session.gateway.gateway,
        session.session_id,
        revision,
    )


async def tenants(connection: Connection) -> Sequence[str]:
    """The tenants that have gateways, in a platform transaction."""
    rows = await connection.fetch("SELECT DISTINCT tenant_id FROM gateway ORDER BY tenant_id")
    return [row["tenant_id"] for row in rows]
