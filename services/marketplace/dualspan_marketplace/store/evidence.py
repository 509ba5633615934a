"""SQL that counts over all tenants; in platform transactions."""

from dataclasses import dataclass

from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class PublishedApp:
    """An app that everybody can subscribe to, and how many subscriptions to it run or are about to."""

    app_id: str
    version: str
    publisher: str
    industries: tuple[str, ...]
    domains: tuple[str, ...]
    subscriptions: int


async def published_apps(connection: Connection) -> list[PublishedApp]:
    """The newest published version of each app."""
    rows = await connection.fetch(
        """SELECT DISTINCT ON (v.app_id) v.app_id, v.version, coalesce(p.name_en, v.tenant_id) AS publisher,
            v.industries, v.domains, (
                SELECT count(*) FROM subscription AS s WHERE s.publisher = v.tenant_id AND s.app_id = v.app_id
                    AND s.state NOT IN ('cancelling', 'cancelled', 'failed')
            ) AS subscriptions
        FROM app_version AS v LEFT JOIN publisher AS p USING (tenant_id)
        WHERE v.state = 'published' ORDER BY v.app_id, v.version_order DESC"""
    )
    return [
        PublishedApp(
            row["app_id"],
            row["version"],
            row["publisher"],
            tuple(row["industries"]),
            tuple(row["domains"]),
            row["subscriptions"],
        )
        for row in rows
    ]
