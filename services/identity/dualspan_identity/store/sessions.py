"""Sessions as their people see them."""

from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_identity.model import Session
from dualspan_runtime.database import Connection

_SESSION = "tenant_id, user_id, session_id::text AS session, created_at, used_at, expires_at, user_agent, address"


async def page_of_sessions(
    connection: Connection,
    tenant_id: str,
    user_id: str,
    idle: timedelta,
    before: tuple[datetime, str] | None,
    size: int,
) -> list[Session]:
    """Returns a user's sessions that have not ended, the newest first, beginning after one."""
    created_at, session = before or (None, None)
    rows = await connection.fetch(
        f"""SELECT {_SESSION} FROM session
        WHERE tenant_id = $1 AND user_id = $2 AND expires_at > now() AND used_at > now() - $3::interval
            AND ($4::timestamptz IS NULL OR (created_at, session_id) < ($4, $5::uuid))
        ORDER BY created_at DESC, session_id DESC LIMIT $6""",
        tenant_id,
        user_id,
        idle,
        created_at,
        session,
        size,
    )
    return [_session(row) for row in rows]


async def end_session(connection: Connection, tenant_id: str, user_id: str, session: str) -> bool:
    """Ends a session of a user; tells whether there was one."""
    found = await connection.fetchval(
        """DELETE FROM session WHERE tenant_id = $1 AND user_id = $2 AND session_id = $3::uuid
        RETURNING true""",
        tenant_id,
        user_id,
        session,
    )
    return bool(found)


async def end_other_sessions(connection: Connection, tenant_id: str, user_id: str, kept: str) -> int:
    """Ends all sessions of a user but one, "" for none; tells how many there were."""
    rows = await connection.fetch(
        """DELETE FROM session WHERE tenant_id = $1 AND user_id = $2 AND session_id::text <> $3
        RETURNING session_id""",
        tenant_id,
        user_id,
        kept,
    )
    return len(rows)


def _session(row: Record) -> Session:
    return Session(
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        session_id=row["session"],
        created_at=row["created_at"],
        used_at=row["used_at"],
        expires_at=row["expires_at"],
        user_agent=row["user_agent"],
        address=row["address"],
    )
