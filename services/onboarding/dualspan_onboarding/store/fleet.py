"""Gateways as a fleet: renaming, replacing, last words, counts of tags."""

from collections.abc import Sequence
from datetime import datetime

from dualspan_onboarding.fleet import Counts, GatewayEnd, LastWords
from dualspan_onboarding.model import TagState
from dualspan_onboarding.names import GatewayName
from dualspan_runtime.database import Connection


async def rename(connection: Connection, name: GatewayName, display_name: str | None, site: str | None) -> None:
    """Change what people call a gateway, and its site; None leaves one as it is."""
    await connection.execute(
        "UPDATE gateway SET display_name = coalesce($3, display_name), site = coalesce($4, site)"
        " WHERE tenant_id = $1 AND gateway_id = $2",
        name.tenant,
        name.gateway,
        display_name,
        site,
    )


async def note_replacement(connection: Connection, name: GatewayName) -> None:
    """A new box is wanted; what the old one said last belongs to it."""
    await connection.execute(
        "UPDATE gateway SET replaced_at = now(), last_end = 0, last_ended_at = NULL, last_started_at = NULL,"
        " last_end_detail = '', last_end_version = '' WHERE tenant_id = $1 AND gateway_id = $2",
        name.tenant,
        name.gateway,
    )


async def took_over(connection: Connection, name: GatewayName) -> bool:
    """Whether a box has enrolled since the gateway last confirmed a configuration: another box did that."""
    return bool(
        await connection.fetchval(
            "SELECT enrolled_at > confirmed_at FROM gateway WHERE tenant_id = $1 AND gateway_id = $2",
            name.tenant,
            name.gateway,
        )
    )


async def save_last_words(connection: Connection, name: GatewayName, words: LastWords) -> bool:
    """Keep how the last run ended; False if that is known already."""
    row = await connection.fetchrow(
        "UPDATE gateway SET last_end = $3, last_ended_at = $4, last_started_at = $5, last_end_detail = $6,"
        " last_end_version = $7 WHERE tenant_id = $1 AND gateway_id = $2"
        " AND (last_end, last_ended_at) IS DISTINCT FROM ($3::smallint, $4::timestamptz) RETURNING gateway_id",
        name.tenant,
        name.gateway,
        int(words.end),
        words.ended_at,
        words.started_at,
        words.detail,
        words.version,
    )
    return row is not None


async def histories(
    connection: Connection, tenant: str, gateway_ids: Sequence[str]
) -> dict[str, tuple[LastWords | None, datetime | None]]:
    """Last words, and when a new box was wanted, by gateway."""
    rows = await connection.fetch(
        "SELECT gateway_id, last_end, last_ended_at, last_started_at, last_end_detail, last_end_version, replaced_at"
        " FROM gateway WHERE tenant_id = $1 AND gateway_id = ANY($2)",
        tenant,
        gateway_ids,
    )
    return {
        row["gateway_id"]: (
            LastWords(
                GatewayEnd(row["last_end"]),
                row["last_ended_at"],
                row["last_started_at"],
                row["last_end_detail"],
                row["last_end_version"],
            )
            if row["last_end"]
            else None,
            row["replaced_at"],
        )
        for row in rows
    }


async def counts(connection: Connection, tenant: str, gateway_ids: Sequence[str]) -> dict[str, Counts]:
    """How many tags gateways have; those without any are not in it."""
    rows = await connection.fetch(
        "SELECT gateway_id, count(*) AS tags, count(*) FILTER (WHERE state = $3) AS active FROM tag"
        " WHERE tenant_id = $1 AND gateway_id = ANY($2) AND deleted_at IS NULL GROUP BY gateway_id",
        tenant,
        gateway_ids,
        int(TagState.ACTIVE),
    )
    return {row["gateway_id"]: Counts(row["tags"], row["active"]) for row in rows}
