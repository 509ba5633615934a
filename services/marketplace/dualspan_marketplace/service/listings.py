"""Use cases: the catalogue."""

from collections.abc import Sequence

from dualspan_marketplace.catalogue import errors
from dualspan_marketplace.catalogue.model import Picture, Plan, PlanState
from dualspan_marketplace.catalogue.words import query_words
from dualspan_marketplace.store import listings as store
from dualspan_marketplace.store import publishers
from dualspan_marketplace.store.listings import Hit, Listed
from dualspan_runtime.database import Database


class Listings:
    """What everybody can subscribe to.

    Args:
        database: Where published versions are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, tenant: str, query: str, industry: str, domain: str, after: Hit | None, limit: int
    ) -> tuple[list[Listed], Hit | None]:
        """Apps that fit, as a tenant sees them, and the last one if there are more."""
        async with self._database.platform_transaction() as connection:
            hits = await store.search(connection, query_words(query), industry, domain, after, limit + 1)
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.read(connection, [hit.app_id for hit in hits[:limit]])
        return found, hits[limit - 1] if len(hits) > limit else None

    async def get(self, tenant: str, app_id: str) -> tuple[Listed, Sequence[Plan]]:
        """One app with the plans that can be had; raises NotFound `APP_NOT_FOUND`."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.find(connection, app_id)
            if found is None:
                raise errors.listing_not_found(app_id)
            plans = await publishers.plans(connection, found.tenant, app_id)
        return found, [plan for plan in plans if plan.state is PlanState.OFFERED]

    async def picture(self, tenant: str, app_id: str, path: str) -> Picture:
        """A picture of an app; raises NotFound `APP_NOT_FOUND` or `PICTURE_NOT_FOUND`."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.find(connection, app_id)
            if found is None:
                raise errors.listing_not_found(app_id)
            picture = await store.picture(connection, found, path)
        if picture is None:
            raise errors.picture_not_found(path)
        return picture
