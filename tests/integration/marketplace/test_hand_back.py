"""What an app had and wrote can be fetched when its subscription ends, and is gone after that; what it used stays."""

import csv
import io
import json
import zipfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub, IngestServiceStub
from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_marketplace.bindings.outputs import OutputTag
from dualspan_marketplace.samples import Samples
from dualspan_marketplace.service.handing_back import HandingBack
from dualspan_marketplace.store import handing
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import FailedPrecondition, NotFound
from harness.deploying import Site
from harness.historian import SECRET
from harness.subscribing import World, refused
from harness.upgrading import MICROSECONDS, Trial, trial

pytestmark = pytest.mark.asyncio(loop_scope="module")
T0 = 1_700_000_000 * MICROSECONDS


@dataclass
class Ended:
    """A subscription that was cancelled, with results."""

    at: Trial
    handing: HandingBack

    async def exported(self) -> zipfile.ZipFile:
        content = b"".join([part async for part in self.handing.export(self.at.name)])
        return zipfile.ZipFile(io.BytesIO(content))

    async def tags(self) -> list[OutputTag]:
        async with self.at.site.world.marketplace.parts.database.transaction(self.at.tenant) as connection:
            return await handing.written(connection, self.at.name)


@asynccontextmanager
async def ended(world: World, folder: Path) -> AsyncGenerator[Ended]:
    site = Site.of(world, folder)
    address = world.plants.historian.address
    async with (
        trial(site) as at,
        open_channel(address, service="marketplace", secret=SecretStr(SECRET)) as channel,
        open_channel(address) as as_apps,
    ):
        await at.write("oee", T0, T0 + MICROSECONDS, 81.5)
        parts = world.marketplace.parts
        samples = Samples(HistorianServiceStub(channel), IngestServiceStub(as_apps))
        made = Ended(at, HandingBack(parts.database, samples, parts.result_tags, parts.audit))
        stub = await world.stub(at.tenant)
        await stub.CancelSubscription(contract.CancelSubscriptionRequest(name=at.resource))
        await site.worker().follow(at.name)
        await world.sweep_outputs()
        yield made


async def test_what_it_wrote_is_fetched_until_the_day_that_was_said(world: World, tmp_path: Path) -> None:
    async with ended(world, tmp_path) as found:
        now = await found.at.now()
        assert now.state == contract.SUBSCRIPTION_STATE_CANCELLED
        assert now.hand_back_end_time.seconds
        archive = await found.exported()
        facts = json.loads(archive.read("subscription.json"))
        assert facts["configuration"] == {"shift": "day", "target": 85}
        assert facts["roles"] == {"machine": ["press-1", "press-2"]}
        tags = await found.tags()
        assert {each.output.asset_id for each in tags} == {"press-1", "press-2"}
        for tag in tags:
            text = archive.read(f"results/oee.{tag.output.asset_id}.{tag.tag_id}.csv").decode()
            rows = list(csv.reader(io.StringIO(text)))
            assert rows[0] == ["timestamp", "value", "status"]
            assert rows[1] == ["2023-11-14T22:13:20.000000Z", "81.5", "0"]
            assert len(rows) == 1 + 50
        # Before its time nothing goes.
        await found.handing.sweep()
        assert len((await found.exported()).namelist()) == 3


async def test_after_that_day_it_is_gone_and_what_it_used_stays(world: World, tmp_path: Path) -> None:
    async with ended(world, tmp_path) as found:
        tags = await found.tags()
        tenant = found.at.tenant
        admin = await asyncpg.connect(world.database.admin_url)
        await admin.execute(
            "INSERT INTO marketplace.usage_event VALUES ($1, 'oee', 'read-requests', '2026-03-01T00:00Z', 'x', 7)",
            tenant,
        )
        await admin.execute(
            "INSERT INTO marketplace.egress_refusal VALUES ($1, 'oee', 'home.test', 443, 'undeclared', now())", tenant
        )
        await world.age(tenant, hand_back_end=timedelta(seconds=1))
        for _ in range(2):
            await found.handing.sweep()
        with pytest.raises(FailedPrecondition) as raised:
            await found.exported()
        assert raised.value.reason == "SUBSCRIPTION_ERASED"
        now = await found.at.now()
        assert now.erase_time.seconds
        assert not now.roles
        assert not now.configuration.fields
        assert await found.tags() == []
        ids = [each.tag_id for each in tags]
        for table in ("tag", "segment", "latest"):
            query = f"SELECT count(*) FROM historian.{table} WHERE tag_id = ANY($1::bigint[])"
            assert await admin.fetchval(query, ids) == 0, table
        source = await admin.fetchval(
            "SELECT count(*) FROM historian.frame WHERE tenant_id = $1 AND gateway_id = 'subscriptions/oee'", tenant
        )
        assert source == 0
        for table in ("granted_tag", "egress_refusal"):
            assert await admin.fetchval(f"SELECT count(*) FROM marketplace.{table} WHERE tenant_id = $1", tenant) == 0
        assert await admin.fetchval("SELECT count(*) FROM marketplace.usage_event WHERE tenant_id = $1", tenant) == 1
        assert await admin.fetchval("SELECT count(*) FROM marketplace.usage_stretch WHERE tenant_id = $1", tenant) > 0
        await admin.close()


async def test_nobody_elses_is_exported(world: World, tmp_path: Path) -> None:
    async with ended(world, tmp_path) as found:
        other = await world.plant()
        stub = await world.stub(other.tenant)

        async def first(request: contract.ExportSubscriptionRequest) -> object:
            return await anext(aiter(stub.ExportSubscription(request)))

        assert await refused(first(contract.ExportSubscriptionRequest(name=found.at.resource))) == "FOREIGN_TENANT"
        own = f"tenants/{other.tenant}/subscriptions/oee"
        assert await refused(first(contract.ExportSubscriptionRequest(name=own))) == "SUBSCRIPTION_NOT_FOUND"
        with pytest.raises(NotFound):
            await anext(found.handing.export(type(found.at.name)(other.tenant, "oee")))
