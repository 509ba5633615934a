"""SQL about what a service's tables take."""

from datetime import timedelta

from dualspan_runtime.database import Connection
from dualspan_runtime.status.model import TableSize

# Parts of a partitioned table are counted with the whole.
_SIZES = """
    SELECT coalesce(whole.relname, part.relname)::text AS table_name,
        sum(pg_total_relation_size(part.oid))::bigint AS bytes
    FROM pg_class AS part LEFT JOIN pg_class AS whole ON whole.oid = pg_partition_root(part.oid)
    WHERE part.relnamespace = $1::text::regnamespace AND part.relkind IN ('r', 'p', 'm') GROUP BY 1"""


async def read_sizes(connection: Connection, schema: str, span: timedelta) -> list[TableSize]:
    """Returns the tables, the largest first, each with its first reading within a span; in a platform transaction."""
    rows = await connection.fetch(
        f"""WITH size AS ({_SIZES}), first AS (
            SELECT DISTINCT ON (table_name) table_name, bytes, read_at FROM storage_reading
            WHERE hour > now() - $2::interval ORDER BY table_name, hour
        )
        SELECT size.table_name, size.bytes, first.bytes AS first_bytes, first.read_at
        FROM size LEFT JOIN first USING (table_name) ORDER BY size.bytes DESC, size.table_name""",
        schema,
        span,
    )
    return [TableSize(row["table_name"], row["bytes"], row["first_bytes"], row["read_at"]) for row in rows]


async def keep_sizes(connection: Connection, schema: str, kept: timedelta) -> None:
    """Writes this hour's sizes down unless somebody has, and forgets old ones; in a platform transaction."""
    await connection.execute(
        f"""INSERT INTO storage_reading (table_name, hour, bytes)
        SELECT table_name, date_trunc('hour', now()), bytes FROM ({_SIZES}) AS size
        WHERE NOT EXISTS (SELECT FROM storage_reading WHERE hour = date_trunc('hour', now()))
        ON CONFLICT DO NOTHING""",
        schema,
    )
    await connection.execute("DELETE FROM storage_reading WHERE hour < now() - $1::interval", kept)
