"""SQL about the tags of completeness reports."""

from collections.abc import Sequence
from datetime import datetime

from dualspan_onboarding.names import ServerName
from dualspan_onboarding.reporting import ReportedTag, Scope
from dualspan_runtime.database import Connection

_TAGS = """
SELECT tag.tag_id, tag.browse_path, tag.gateway_id, tag.server_id, tag.deleted_at
FROM tag JOIN gateway USING (tenant_id, gateway_id)
WHERE tag.tenant_id = $1 AND tag.registered_at IS NOT NULL AND (tag.deleted_at IS NULL OR tag.deleted_at > $2)
    AND tag.created_at < $3
    AND ($4::text IS NULL OR gateway.site = $4) AND ($5::text IS NULL OR tag.gateway_id = $5)
    AND ($6::text IS NULL OR tag.server_id = $6)
ORDER BY tag.tag_id LIMIT $7
"""


async def of_scope(
    connection: Connection, tenant: str, scope: Scope, start: datetime, end: datetime, most: int
) -> Sequence[ReportedTag]:
    """The tags of a scope that were to be recorded at any time between two moments, in order of id."""
    rows = await connection.fetch(
        _TAGS,
        tenant,
        start,
        end,
        scope.site or None,
        None if scope.gateway is None else scope.gateway.gateway,
        None if scope.server is None else scope.server.server,
        most,
    )
    return [
        ReportedTag(
            row["tag_id"],
            row["browse_path"],
            ServerName(tenant, row["gateway_id"], row["server_id"]),
            row["deleted_at"],
        )
        for row in rows
    ]
