"""SQL that deletes everything of a source of samples."""

from dualspan_historian.storage.segment_store import INFO, SegmentInfo, read_infos
from dualspan_runtime.database import Connection

# What is known of a source, by its id; its tags last, for the others are found by them.
_BY_SOURCE = (
    "quarantined_frame",
    "touched",
    "touched_clock",
    "sealing_total",
    "buffer_position",
    "gap",
    "tag",
)


async def retire(connection: Connection, tenant: str, source: str) -> None:
    """Accept nothing more of its tags."""
    await connection.execute(
        "UPDATE tag SET retired_at = now() WHERE tenant_id = $1 AND gateway_id = $2 AND retired_at IS NULL",
        tenant,
        source,
    )


async def delete_frames(connection: Connection, tenant: str, source: str) -> None:
    """Delete what is not sealed; waits for whoever seals it."""
    await connection.execute("DELETE FROM frame WHERE tenant_id = $1 AND gateway_id = $2", tenant, source)


async def segments(connection: Connection, tenant: str, source: str, most: int) -> list[SegmentInfo]:
    """Return segments of its tags."""
    rows = await connection.fetch(
        f"""SELECT {INFO} FROM segment WHERE tenant_id = $1
            AND tag_id IN (SELECT tag_id FROM tag WHERE tenant_id = $1 AND gateway_id = $2) LIMIT $3""",
        tenant,
        source,
        most,
    )
    return read_infos(rows)


async def delete_rest(connection: Connection, tenant: str, source: str) -> None:
    """Delete its newest samples, its ledgers and its tags."""
    await connection.execute(
        "DELETE FROM latest WHERE tenant_id = $1"
        " AND tag_id IN (SELECT tag_id FROM tag WHERE tenant_id = $1 AND gateway_id = $2)",
        tenant,
        source,
    )
    for table in _BY_SOURCE:
        await connection.execute(f"DELETE FROM {table} WHERE tenant_id = $1 AND gateway_id = $2", tenant, source)
