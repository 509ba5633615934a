"""SQL that counts over all tenants; in platform transactions."""

from datetime import timedelta

from dualspan_runtime.database import Connection


async def tenants_with_users(connection: Connection) -> list[tuple[str, str, int]]:
    """Every tenant with its name and how many people may sign in."""
    rows = await connection.fetch(
        """SELECT t.tenant_id, t.display_name, count(a.user_id) AS users
        FROM tenant AS t LEFT JOIN account AS a ON a.tenant_id = t.tenant_id AND a.disabled_at IS NULL
        GROUP BY t.tenant_id, t.display_name"""
    )
    return [(row["tenant_id"], row["display_name"], row["users"]) for row in rows]


async def active_users(connection: Connection, span: timedelta) -> dict[str, int]:
    """How many people of each tenant were there within a span; tenants with none are left out.

    A session that was ended leaves no row, but the audit log has who began it.
    """
    rows = await connection.fetch(
        """SELECT tenant_id, count(*) AS users FROM (
            SELECT tenant_id, user_id FROM session WHERE used_at > now() - $1::interval
            UNION
            SELECT tenant_id, split_part(resource, '/', 4) FROM audit_event
            WHERE event_time > now() - $1::interval AND action = 'user.sign_in'
        ) AS seen JOIN account USING (tenant_id, user_id) GROUP BY tenant_id""",
        span,
    )
    return {row["tenant_id"]: row["users"] for row in rows}


async def users_with_role(connection: Connection, role: str) -> dict[str, int]:
    """How many people of each tenant have a role; tenants with none are left out."""
    rows = await connection.fetch(
        """SELECT tenant_id, count(*) AS users FROM account
        WHERE disabled_at IS NULL AND $1 = ANY (roles) GROUP BY tenant_id""",
        role,
    )
    return {row["tenant_id"]: row["users"] for row in rows}
