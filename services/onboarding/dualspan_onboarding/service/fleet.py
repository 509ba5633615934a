"""Gateways as a fleet: how each is, renaming, replacing a box."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dualspan_onboarding.fleet import Counts, FleetGateway
from dualspan_onboarding.model import Gateway
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.rules import check_text
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.enrolment import Enrolment
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.store import fleet
from dualspan_runtime.database import Database


class Fleet:
    """The use cases around many gateways.

    Args:
        database: Where they are.
        gateways: Finds and revokes them.
        enrolment: Makes tokens.
    """

    def __init__(self, database: Database, gateways: Gateways, enrolment: Enrolment) -> None:
        self._database = database
        self._gateways = gateways
        self._enrolment = enrolment

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[FleetGateway]:
        """The gateways whose id comes after one, in order of id, with all that is known of them."""
        page = await self._gateways.page(tenant, after, limit)
        ids = [gateway.name.gateway for gateway in page]
        async with self._database.transaction(tenant, readonly=True) as connection:
            histories = await fleet.histories(connection, tenant, ids)
            counts = await fleet.counts(connection, tenant, ids)
        return [
            FleetGateway(
                gateway,
                counts.get(gateway.name.gateway, Counts()),
                *histories.get(gateway.name.gateway, (None, None)),
            )
            for gateway in page
        ]

    async def rename(self, name: GatewayName, display_name: str | None, site: str | None) -> Gateway:
        """Change what people call a gateway, and its site; None leaves one as it is.

        Raises:
            InvalidArgument: a text is malformed.
            NotFound: there is no such gateway.
        """
        display_name = None if display_name is None else check_text(display_name, "display_name")
        site = None if site is None else check_text(site, "site")
        async with self._database.transaction(name.tenant) as connection:
            await self._gateways.found(connection, name)
            await fleet.rename(connection, name, display_name, site)
            changed = {"display_name": display_name, "site": site}
            stated = {field: value for field, value in changed.items() if value is not None}
            await audit(connection, name.tenant, "gateway.update", name, **stated)
        return await self._gateways.get(name)

    async def replace(
        self, name: GatewayName, reason: str, lifetime: timedelta | None
    ) -> tuple[Gateway, str, datetime]:
        """Revoke the old box and make a token for the new one; it can enrol as soon as identity has revoked.

        Returns:
            The gateway, the token's text, and when it expires.

        Raises:
            InvalidArgument: the reason is malformed, or the lifetime is not between a second and an hour.
            NotFound: there is no such gateway.
            Unavailable: identity cannot be asked; nothing has changed.
        """
        check_text(reason, "reason", 500)
        # Identity is asked here, before anything changes: a gateway without its old box and without a token is worse.
        await self._enrolment.check_reachable()
        await self._gateways.revoke(name, reason or "replaced by another box")
        async with self._database.transaction(name.tenant) as connection:
            await fleet.note_replacement(connection, name)
            await audit(connection, name.tenant, "gateway.replace", name, reason=reason)
        text, expire_at = await self._enrolment.create_token(name, lifetime)
        return await self._gateways.get(name), text, expire_at
