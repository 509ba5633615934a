"""Six enterprises share a KPI: quartiles for those who do, no figure of another for anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio
from integration.analytics.test_comparing import MODEL, described

from dualspan.analytics.v1 import sharing_pb2 as contract
from dualspan.analytics.v1.sharing_pb2_grpc import SharingServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import sharing
from dualspan_analytics.parts import open_parts
from dualspan_analytics.sharing.disclosure import rounded, too_few
from dualspan_analytics.sharing.model import month_span
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Plant, machine, site

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.sharing_pb2_grpc import SharingServiceAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600_000_000
DAY = 24 * HOUR
JULY, NOVEMBER = month_span("2026-07")[0], month_span("2026-11")[0]
# Hours a day that each enterprise's machine runs; it is down for the rest of 20 hours, and has a break of 4.
RUNS = {"ada": 18.3, "bert": 17.1, "cora": 16.6, "dina": 15.2, "egon": 13.7, "fred": 12.9}
GROUP = contract.SharingGroup(kind=contract.SHARING_GROUP_KIND_MODEL, id=MODEL)
KPI = "availability"


@dataclass(frozen=True)
class Enterprises:
    """Enterprises by nickname, and what the worker does."""

    platform: AnalyticsPlatform
    plants: Mapping[str, Plant]

    def stub(self, who: str) -> "SharingServiceAsyncStub":
        return SharingServiceStub(self.plants[who].channel)

    async def grant(self, who: str, since_us: int) -> None:
        """Consents, as if at a time: the database's clock does not go back for a test."""
        name = f"{self.plants[who].parent}/sharingConsents/{KPI}"
        await self.stub(who).GrantSharing(contract.GrantSharingRequest(name=name))
        admin = await asyncpg.connect(self.platform.database.admin_url)
        try:
            await admin.execute(
                "UPDATE analytics.sharing_consent SET change_time = to_timestamp($2) WHERE tenant_id = $1",
                self.plants[who].tenant,
                since_us / 1e6,
            )
        finally:
            await admin.close()

    async def withdraw(self, who: str) -> None:
        name = f"{self.plants[who].parent}/sharingConsents/{KPI}"
        await self.stub(who).WithdrawSharing(contract.WithdrawSharingRequest(name=name))

    async def publish(self, month: str) -> list[str]:
        """What the worker does some days after a month ended."""
        return await sharing.publishing(self.platform.parts).sweep(month_span(month)[1] + 4 * DAY)

    async def benchmark(self, who: str, month: str = "") -> contract.Benchmark:
        request = contract.GetBenchmarkRequest(parent=self.plants[who].parent, group=GROUP, kpi=KPI, month=month)
        return await self.stub(who).GetBenchmark(request)

    async def refusal(self, who: str, month: str = "") -> tuple[str, str]:
        """Why an enterprise gets no quartiles: the reason's word, and what a person reads."""
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.benchmark(who, month)
        info = error_info(raised.value)
        assert info is not None
        return info.reason, raised.value.details() or ""

    async def everything(self, who: str) -> list[contract.Benchmark | contract.SharingContribution]:
        """All that the calls tell an enterprise."""
        stub, parent = self.stub(who), self.plants[who].parent
        listed = await stub.ListBenchmarks(contract.ListBenchmarksRequest(parent=parent))
        own = await stub.ListSharingContributions(contract.ListSharingContributionsRequest(parent=parent))
        assert (listed.next_page_token, own.next_page_token) == ("", "")
        return [*listed.benchmarks, *own.sharing_contributions]


async def enterprise(platform: AnalyticsPlatform, runs: float) -> Plant:
    """A plant with one machine, four months of days alike."""
    plant = await platform.plant([site("works"), machine("imm01", MODEL, ["state"], "works")])
    await described(plant)
    days = np.arange(JULY, NOVEMBER, DAY, dtype=np.int64)
    times = np.stack([days, days + round(runs * HOUR), days + 20 * HOUR], axis=1).ravel()
    await plant.ingest({PropertyRef("imm01", "state"): (times, np.tile([0, 3, 6], len(days)))})
    return plant


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def enterprises(platform: AnalyticsPlatform) -> Enterprises:
    return Enterprises(platform, {who: await enterprise(platform, runs) for who, runs in RUNS.items()})


async def test_a_month_waits_for_what_cannot_be_computed_now(enterprises: Enterprises) -> None:
    """Onboarding is away: the month waits a week, then it goes without."""
    await enterprises.grant("ada", JULY)
    stated = enterprises.platform.parts.settings
    nobody = stated.platform.model_copy(update={"onboarding_address": "127.0.0.1:1"})
    april = month_span("2026-04")[1]
    async with open_parts(stated.model_copy(update={"platform": nobody}), pool_minimum=0) as parts:
        publishing = sharing.publishing(parts)
        assert await publishing.sweep(april + 4 * DAY) == ["2026-02", "2026-03"]
        assert await publishing.sweep(april + 11 * DAY) == ["2026-04"]


async def test_a_year_in_four_months(enterprises: Enterprises) -> None:
    """July: four share. August: six. September: one has withdrawn. October: another one, and four are too few."""
    august, all_six = month_span("2026-08")[0], tuple(RUNS)
    for who in all_six[:4]:
        await enterprises.grant(who, JULY)
    for who in all_six[4:]:
        await enterprises.grant(who, august)
    assert await enterprises.publish("2026-07") == ["2026-05", "2026-06", "2026-07"]
    reason, words = await enterprises.refusal("ada", "2026-07")
    assert (reason, words) == ("BENCHMARK_REFUSED", f"2026-07: {too_few(5).reason}")
    assert (await enterprises.refusal("egon", "2026-07"))[0] == "BENCHMARK_NOT_FOUND"

    assert await enterprises.publish("2026-08") == ["2026-08"]
    await shown_to_six(enterprises)
    frozen = await enterprises.benchmark("ada", "2026-08")

    await enterprises.withdraw("fred")
    await nothing_left(enterprises, "fred")
    assert await enterprises.publish("2026-09") == ["2026-09"]
    ascending = sorted(RUNS[who] / 20 for who in all_six[:5])
    five = await enterprises.benchmark("egon")
    assert (five.month, five.enterprises_at_least) == ("2026-09", 5)
    # Without fred: means of the lowest and of the highest three.
    assert five.lower_quartile == rounded(sum(ascending[:3]) / 3)
    assert five.upper_quartile == rounded(sum(ascending[2:]) / 3)

    await enterprises.withdraw("egon")
    assert await enterprises.publish("2026-10") == ["2026-10"]
    assert "Fewer than 5 enterprises" in (await enterprises.refusal("ada"))[1]
    # What was published is what was published, whoever left since.
    assert await enterprises.benchmark("ada", "2026-08") == frozen
    assert await enterprises.publish("2026-10") == []


async def shown_to_six(enterprises: Enterprises) -> None:
    """Each sees the same quartiles and its own figure, and of no other any."""
    values = {who: runs / 20 for who, runs in RUNS.items()}
    ascending = sorted(values.values())
    for who, own in values.items():
        found = await enterprises.benchmark(who)
        assert found.month == "2026-08"
        assert found.own_value == pytest.approx(own, rel=1e-3)
        assert found.enterprises_at_least == 5
        lower, upper = sum(ascending[:3]) / 3, sum(ascending[3:]) / 3
        quartiles = (found.lower_quartile, found.median, found.upper_quartile)
        assert quartiles == (rounded(lower), rounded((lower + upper) / 2), rounded(upper))
        told = await enterprises.everything(who)
        assert told
        figures = [value for each in told for field, value in each.ListFields() if field.type == field.TYPE_DOUBLE]
        others = [value for other, value in values.items() if other != who]
        for figure in figures:
            assert min(abs(figure - value) for value in others) > 1e-6
        foreign = [plant.tenant for other, plant in enterprises.plants.items() if other != who]
        text = " ".join(map(str, told))
        assert not [tenant for tenant in foreign if tenant in text]


async def nothing_left(enterprises: Enterprises, who: str) -> None:
    """A withdrawal takes effect at once: own figures are deleted, quartiles refused."""
    assert await enterprises.everything(who) == []
    assert (await enterprises.refusal(who))[0] == "NOT_SHARING"
    admin = await asyncpg.connect(enterprises.platform.database.admin_url)
    try:
        for table in ("sharing_contribution", "sharing_benchmark"):
            query = f"SELECT count(*) FROM analytics.{table} WHERE tenant_id = $1"
            assert await admin.fetchval(query, enterprises.plants[who].tenant) == 0
    finally:
        await admin.close()


async def test_a_tenants_own_role_sees_its_own_rows_only(enterprises: Enterprises) -> None:
    """What the calls run as: row-level security holds whatever a query asks for."""
    database = enterprises.platform.parts.database
    tenant = enterprises.plants["ada"].tenant
    async with database.transaction(tenant, readonly=True) as connection:
        for table in ("sharing_consent", "sharing_contribution", "sharing_benchmark"):
            seen = await connection.fetch(f"SELECT DISTINCT tenant_id FROM {table}")
            assert [row[0] for row in seen] == [tenant]
        assert await connection.fetchval("SELECT count(*) FROM sharing_month") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.platform_transaction() as connection:
            await connection.execute("UPDATE sharing_benchmark SET median = 1")


async def test_one_can_share_only_what_everybody_has(enterprises: Enterprises) -> None:
    name = f"{enterprises.plants['ada'].parent}/sharingConsents/my-own"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await enterprises.stub("ada").GrantSharing(contract.GrantSharingRequest(name=name))
    info = error_info(raised.value)
    assert info is not None
    assert info.reason == "KPI_NOT_COMMON"


async def test_a_viewer_cannot_consent(enterprises: Enterprises) -> None:
    plant = enterprises.plants["ada"]
    stub: SharingServiceAsyncStub = SharingServiceStub(await enterprises.platform.channel(plant.tenant, "viewer"))
    name = f"{plant.parent}/sharingConsents/{KPI}"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.WithdrawSharing(contract.WithdrawSharingRequest(name=name))
    assert raised.value.code() == grpc.StatusCode.PERMISSION_DENIED
    listed = await stub.ListSharingConsents(contract.ListSharingConsentsRequest(parent=plant.parent))
    assert [(each.name, each.granted) for each in listed.sharing_consents] == [(name, True)]
