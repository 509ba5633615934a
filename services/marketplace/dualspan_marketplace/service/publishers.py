"""Use cases: who publishes, and what apps cost."""

from collections.abc import Sequence
from dataclasses import replace

from dualspan_marketplace.catalogue import errors, plans
from dualspan_marketplace.catalogue.model import Plan, PlanState, Publisher
from dualspan_marketplace.catalogue.signatures import BadKeyError, read_key
from dualspan_marketplace.names import PLAN, PUBLISHER
from dualspan_marketplace.store import publishers as store
from dualspan_marketplace.store import versions
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Database

_MOST_PLANS = 50


class Publishers:
    """Publishers and their plans.

    Args:
        database: Where they are.
        audit: Keeps who did what.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def get(self, tenant: str) -> Publisher:
        """The enterprise as a publisher; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.find_publisher(connection, tenant)
        if found is None:
            raise errors.publisher_not_found()
        return found

    async def update(self, publisher: Publisher) -> Publisher:
        """Say who a publisher is; raises InvalidArgument `INVALID_FIELD`."""
        _check_publisher(publisher)
        async with self._database.transaction(publisher.tenant) as connection:
            await store.put_publisher(connection, publisher)
            name = PUBLISHER.format(tenant=publisher.tenant)
            await self._audit.write(connection, publisher.tenant, "marketplace.publishers.update", name)
        return publisher

    async def create_plan(self, wanted: Plan) -> Plan:
        """Offer a plan, or prepare it while nothing of the app is published.

        Raises:
            InvalidArgument: It makes no sense (`INVALID_FIELD`).
            AlreadyExists: There is another plan of this id (`PLAN_TAKEN`).
        """
        for field, words in plans.problems(wanted):
            raise errors.invalid(field, words)
        tenant = wanted.tenant
        async with self._database.transaction(tenant) as connection:
            await versions.lock_app(connection, tenant, wanted.app_id)
            found = await store.find_plan(connection, tenant, wanted.app_id, wanted.plan_id)
            if found is not None:
                if replace(found, state=wanted.state) != wanted:
                    raise errors.plan_taken(wanted.plan_id)
                return found
            if len(await store.plans(connection, tenant, wanted.app_id)) >= _MOST_PLANS:
                raise errors.invalid("plan_id", f"An app has {_MOST_PLANS} plans at the most.")
            published = await versions.published_manifest(connection, tenant, wanted.app_id)
            plan = replace(wanted, state=PlanState.OFFERED if published else PlanState.PREPARED)
            await store.insert_plan(connection, plan)
            name = PLAN.format(tenant=tenant, app=plan.app_id, plan=plan.plan_id)
            await self._audit.write(connection, tenant, "marketplace.plans.create", name)
        return plan

    async def retire_plan(self, tenant: str, app_id: str, plan_id: str) -> Plan:
        """Offer a plan to nobody new; raises NotFound."""
        async with self._database.transaction(tenant) as connection:
            if not await store.retire_plan(connection, tenant, app_id, plan_id):
                raise errors.plan_not_found(plan_id)
            name = PLAN.format(tenant=tenant, app=app_id, plan=plan_id)
            await self._audit.write(connection, tenant, "marketplace.plans.retire", name)
            found = await store.find_plan(connection, tenant, app_id, plan_id)
        if found is None:
            raise errors.plan_not_found(plan_id)
        return found

    async def plans(self, tenant: str, app_id: str) -> Sequence[Plan]:
        """The plans of an app of the tenant's own."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.plans(connection, tenant, app_id)


def _check_publisher(publisher: Publisher) -> None:
    if not publisher.name_en or not publisher.name_zh or max(len(publisher.name_en), len(publisher.name_zh)) > 100:
        words = "Name the publisher in English and Chinese, with 100 characters at the most."
        raise errors.invalid("publisher.display_name", words)
    if publisher.website and not publisher.website.startswith("https://"):
        raise errors.invalid("publisher.website", "The website must begin with https://.")
    if publisher.contact and "@" not in publisher.contact:
        raise errors.invalid("publisher.contact", "The contact must be an address of mail.")
    if max(len(publisher.website), len(publisher.contact)) > 200 or len(publisher.signing_key) > 4096:
        raise errors.invalid("publisher", "Website and contact have 200 characters at the most, the key 4096.")
    if publisher.signing_key:
        try:
            read_key(publisher.signing_key)
        except BadKeyError as err:
            raise errors.invalid("publisher.signing_key", str(err)) from err
