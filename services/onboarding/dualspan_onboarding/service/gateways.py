"""Gateways: created by people, revoked by people."""

import dataclasses
from collections.abc import Sequence

from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.fleet import gateway_exists, gateway_unknown
from dualspan_onboarding.model import Gateway, Timing
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.rules import check_text
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.store import gateways, outbox, servers
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.names import check_slug


def check_new_id(value: str, field: str) -> str:
    """An id that may be given: a slug, and not "-" alone, which means "all" in names (AIP-159)."""
    if value == "-":
        raise malformed("MALFORMED_ID", field, f'{field} must not be "-" alone.')
    return check_slug(value, field)


class Gateways:
    """The use cases around gateways themselves.

    Args:
        database: Where they are.
        timing: When one counts as offline.
    """

    def __init__(self, database: Database, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def create(self, tenant: str, gateway_id: str, display_name: str, site: str) -> Gateway:
        """Create a gateway that a box can become.

        Raises:
            InvalidArgument: the id or a text is malformed.
            AlreadyExists: the id is taken.
        """
        name = GatewayName(tenant, check_new_id(gateway_id, "gateway_id"))
        display_name, site = check_text(display_name, "display_name"), check_text(site, "site")
        async with self._database.transaction(tenant) as connection:
            if not await gateways.insert(connection, name, display_name, site):
                raise gateway_exists(name)
            await audit(connection, tenant, "gateway.create", name)
            return await self.found(connection, name)

    async def get(self, name: GatewayName) -> Gateway:
        """One gateway; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            (gateway,) = await self._with_servers(connection, [await self.found(connection, name)])
            return gateway

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[Gateway]:
        """The gateways whose id comes after one, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            page = await gateways.page(connection, tenant, after, limit, self._timing.offline_after)
            return await self._with_servers(connection, page)

    @staticmethod
    async def _with_servers(connection: Connection, page: Sequence[Gateway]) -> list[Gateway]:
        if not page:
            return []
        reports = await servers.reports(connection, page[0].name.tenant, [g.name.gateway for g in page])
        return [dataclasses.replace(g, servers=tuple(reports.get(g.name.gateway, ()))) for g in page]

    async def revoke(self, name: GatewayName, reason: str) -> Gateway:
        """Desire that a gateway's certificates no longer count; the reconciler has identity do it.

        Its stream here ends at once; others when identity has spread the word.

        Raises:
            NotFound: there is none.
        """
        reason = check_text(reason, "reason", 500)
        async with self._database.transaction(name.tenant) as connection:
            await self.found(connection, name)
            await gateways.revoke(connection, name, reason)
            await audit(connection, name.tenant, "gateway.revoke", name, reason=reason)
            await outbox.notify_gateway(connection, name)
            return await self.found(connection, name)

    async def found(self, connection: Connection, name: GatewayName) -> Gateway:
        """One gateway within a transaction; raises NotFound."""
        gateway = await gateways.find(connection, name, self._timing.offline_after)
        if gateway is None:
            raise gateway_unknown(name)
        return gateway
