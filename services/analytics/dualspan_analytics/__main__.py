"""The composition root of analytics; what each concern is made of stands in `composition/`."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from dualspan_analytics.composition import (
    alarms,
    energy,
    exports,
    keeping,
    models,
    operations,
    production,
    queries,
    reports,
    sharing,
    spc,
)
from dualspan_analytics.parts import Concern, Parts, open_parts
from dualspan_analytics.servicer.turns import InTurns
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_analytics.turns import Turns
from dualspan_runtime.server import Binding, Listener, Server, serve, start_server
from dualspan_runtime.settings import read_settings
from dualspan_runtime.status import Status
from dualspan_runtime.trust import IdentityTrust, Trust

CONCERNS: Sequence[Callable[[Parts], Concern]] = (
    operations.compose,
    alarms.compose,
    energy.compose,
    models.compose,
    spc.compose,
    exports.compose,
    reports.compose,
    queries.compose,
    production.compose,
    sharing.compose,
    keeping.compose,
)


@asynccontextmanager
async def build(settings: AnalyticsSettings) -> AsyncGenerator[Server]:
    """Run the service while the context lasts."""
    async with (
        IdentityTrust.open(settings.platform, service="analytics") as trust,
        build_trusting(settings, trust) as server,
    ):
        yield server


@asynccontextmanager
async def build_trusting(settings: AnalyticsSettings, trust: Trust) -> AsyncGenerator[Server]:
    """Run the service with a trust of the caller's choice."""
    async with open_parts(settings) as parts:
        concerns = [compose(parts) for compose in CONCERNS]
        turns = Turns(settings.max_questions, settings.max_questions_each)
        bindings = [
            Binding(binding.add, InTurns(binding.servicer, turns))
            for concern in concerns
            for binding in concern.bindings
        ]
        background = [work for concern in concerns for work in concern.background]
        async with start_server(
            "analytics",
            settings,
            trust=trust,
            listeners=[Listener.people(settings, bindings)],
            background=background,
            status=Status("analytics", parts.database, settings.platform, has_queue=True),
        ) as server:
            yield server


async def main() -> None:
    await serve("analytics", read_settings(AnalyticsSettings), build)


if __name__ == "__main__":
    asyncio.run(main())
