"""Ways out that apps asked for and did not get: seen by the worker, kept once, told to whose the app is."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.deployments.provisioner import Refused
from dualspan_marketplace.service.watching import Watching
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.deploying import Site
from harness.subscribing import World, creation

pytestmark = pytest.mark.asyncio(loop_scope="module")
T0 = datetime(2026, 11, 20, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Guarded(ProcessProvisioner):
    """Local processes whose ways out somebody watches."""

    told: Sequence[Refused] = ()

    async def refused(self, name: SubscriptionName) -> Sequence[Refused]:
        assert name.subscription_id == "oee"
        return self.told


async def test_they_are_kept_once_and_not_without_end(world: World, tmp_path: Path) -> None:
    site, tenant = Site.of(world, tmp_path), (await world.plant()).tenant
    name = SubscriptionName(tenant, "oee")
    stub = await world.stub(tenant)
    made = await stub.CreateSubscription(creation(world, tenant))
    await site.runs(tenant, "well")
    await stub.AcceptBinding(contract.AcceptBindingRequest(name=made.name, etag=made.etag))
    guarded = Guarded(site.folder, (), ())
    watching = Watching(world.marketplace.parts.database, [guarded])

    async def told(*refused: Refused) -> list[Refused]:
        """What the tenant reads after the worker has seen these."""
        guarded.told = refused
        await asyncio.gather(*(watching.sweep() for _ in range(3)))
        listed = await stub.ListEgressRefusals(contract.ListEgressRefusalsRequest(parent=made.name))
        return [
            Refused(each.host, each.port, each.reason, each.refuse_time.ToDatetime(UTC), each.code)
            for each in listed.egress_refusals
        ]

    try:
        await site.worker().follow(name)
        first = Refused("b.test", 443, "undeclared", T0, "UNDECLARED")
        again = Refused("b.test", 443, "busy", T0 + SECOND, "BUSY")
        other = Refused("a.test", 0, "no", T0 + 2 * SECOND)
        assert await told() == []
        assert await told(again, first, other) == [other, again]
        assert await told(first) == [other, again]
        many = [Refused(f"{number}.test", 1, "no", T0 + number * SECOND) for number in range(10, 120)]
        assert await told(*many) == many[:-101:-1]
    finally:
        await site.provisioner.remove(name)
