"""The composition root of the marketplace; what each concern is made of stands in `composition/`."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from dualspan_marketplace.composition import (
    access,
    app_runtime,
    catalogue,
    fulfilment,
    operations,
    subscriptions,
    upgrades,
    usage,
)
from dualspan_marketplace.parts import Concern, Parts, open_parts
from dualspan_marketplace.service.evidence import count_apps
from dualspan_marketplace.service.granting import Granting
from dualspan_marketplace.service.own_grants import OwnGrants
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_runtime.server import Listener, Server, serve, start_server
from dualspan_runtime.settings import read_settings
from dualspan_runtime.status import Status
from dualspan_runtime.trust import IdentityTrust, Trust

CONCERNS: Sequence[Callable[[Parts], Concern]] = (
    operations.compose,
    catalogue.compose,
    subscriptions.compose,
    app_runtime.compose,
    upgrades.compose,
    access.compose,
    usage.compose,
    fulfilment.compose,
)


@asynccontextmanager
async def build(settings: MarketplaceSettings) -> AsyncGenerator[Server]:
    """Run the service while the context lasts."""
    async with (
        IdentityTrust.open(settings.platform, service="marketplace") as trust,
        build_trusting(settings, trust) as server,
    ):
        yield server


@asynccontextmanager
async def build_trusting(settings: MarketplaceSettings, trust: Trust) -> AsyncGenerator[Server]:
    """Run the service with a trust of the caller's choice."""
    async with open_parts(settings) as parts:
        concerns = [compose(parts) for compose in CONCERNS]
        bindings = [binding for concern in concerns for binding in concern.bindings]
        grants = OwnGrants(Granting(parts.database))
        background = [work for concern in concerns for work in concern.background]
        async with start_server(
            "marketplace",
            settings,
            trust=trust,
            listeners=[Listener.people(settings, bindings)],
            background=[*background, grants.run],
            grants=grants,
            status=Status("marketplace", parts.database, settings.platform, has_queue=True, evidence=count_apps),
        ) as server:
            yield server


async def main() -> None:
    await serve("marketplace", read_settings(MarketplaceSettings), build)


if __name__ == "__main__":
    asyncio.run(main())
