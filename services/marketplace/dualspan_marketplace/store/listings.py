"""SQL about the catalogue: published versions of all tenants, as any tenant may read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_marketplace.catalogue.model import Picture
from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Listed:
    """The newest published version of an app; the tenant is its publisher's."""

    tenant: str
    app_id: str
    version: str
    manifest: str
    publisher_en: str
    publisher_zh: str
    publish_time: datetime


_COLUMNS = "v.tenant_id, v.app_id, v.version, v.manifest, v.state_time, w.name_en, w.name_zh"
# Of each app the newest version counts; it is looked up in the index for whatever the words found.
_NEWEST = """NOT EXISTS (SELECT FROM app_version AS n WHERE n.app_id = v.app_id AND n.state = 'published'
    AND n.version_order > v.version_order)"""


@dataclass(frozen=True, slots=True)
class Hit:
    """An app that a search found; whether all words that were asked for stand in its name."""

    app_id: str
    in_name: bool


async def search(
    connection: Connection, words: Sequence[str], industry: str, domain: str, after: Hit | None, limit: int
) -> list[Hit]:
    """Ids of published apps that have all words: those with the words in the name first, then by id.

    In a platform transaction: under row-level security PostgreSQL may not ask an index of arrays, whose operators could
    tell of rows that are not shown. What is found is then read as the tenant.
    """
    rows = await connection.fetch(
        f"""SELECT v.app_id, v.name_words @> $1 AS in_name FROM app_version AS v
        WHERE v.state = 'published' AND {"v.words @> $1" if words else "true"} AND {_NEWEST}
            AND ($2 = '' OR v.industries && ARRAY[$2, 'general']) AND ($3 = '' OR $3 = ANY (v.domains))
            AND (NOT (v.name_words @> $1), v.app_id) > ($4, $5)
        ORDER BY NOT (v.name_words @> $1), v.app_id LIMIT $6""",
        words,
        industry,
        domain,
        not after.in_name if after else False,
        after.app_id if after else "",
        limit,
    )
    return [Hit(row["app_id"], row["in_name"]) for row in rows]


async def read(connection: Connection, app_ids: Sequence[str]) -> list[Listed]:
    """The newest published versions of these apps, as a tenant may see them, in the order of the ids."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM app_version AS v JOIN publisher AS w ON w.tenant_id = v.tenant_id
        WHERE v.app_id = ANY ($1) AND v.state = 'published' AND {_NEWEST}
        ORDER BY array_position($1, v.app_id)""",
        app_ids,
    )
    return [_listed(row) for row in rows]


async def find(connection: Connection, app_id: str) -> Listed | None:
    """The newest published version of one app."""
    row = await connection.fetchrow(
        f"""SELECT {_COLUMNS} FROM app_version AS v JOIN publisher AS w ON w.tenant_id = v.tenant_id
        WHERE v.app_id = $1 AND v.state = 'published' ORDER BY v.version_order DESC LIMIT 1""",
        app_id,
    )
    return _listed(row) if row else None


async def find_version(connection: Connection, app_id: str, version: str) -> Listed | None:
    """One published version of an app, the newest or not."""
    row = await connection.fetchrow(
        f"""SELECT {_COLUMNS} FROM app_version AS v JOIN publisher AS w ON w.tenant_id = v.tenant_id
        WHERE v.app_id = $1 AND v.version = $2 AND v.state = 'published'""",
        app_id,
        version,
    )
    return _listed(row) if row else None


async def picture(connection: Connection, listed: Listed, path: str) -> Picture | None:
    """One picture of a listing."""
    row = await connection.fetchrow(
        "SELECT path, media_type, content FROM picture"
        " WHERE tenant_id = $1 AND app_id = $2 AND version = $3 AND path = $4",
        listed.tenant,
        listed.app_id,
        listed.version,
        path,
    )
    return Picture(*row) if row else None


def _listed(row: Record) -> Listed:
    return Listed(
        tenant=row["tenant_id"],
        app_id=row["app_id"],
        version=row["version"],
        manifest=row["manifest"],
        publisher_en=row["name_en"],
        publisher_zh=row["name_zh"],
        publish_time=row["state_time"],
    )
