"""Usage on a real PostgreSQL: counted once whatever is repeated and whoever is killed; statements never change."""

import asyncio
import contextlib
import csv
import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import asyncpg
import grpc.aio
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from dualspan.marketplace.v1 import billing_pb2 as billing
from dualspan.marketplace.v1 import usage_pb2 as contract
from dualspan.marketplace.v1.billing_pb2_grpc import BillingServiceStub
from dualspan.marketplace.v1.usage_pb2_grpc import UsageServiceStub
from dualspan_marketplace.composition import usage
from dualspan_marketplace.usage.lines import Kind, totals
from dualspan_marketplace.usage.statement import Statement
from harness.accounting import Books, KilledError, Mortal, books, by_month, said
from harness.marketplace import Marketplace
from harness.subscribing import refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def made(marketplace: Marketplace) -> Books:
    return await books(marketplace.tenants.database, marketplace.parts)


async def finish(life: Books) -> None:
    """Do everything, and look once more after the last month."""
    database = life.parts.database
    for work in life.work(database):
        await work()
    await life.metering(database).count_hours(life.name, life.month(5))
    await life.billing(database).close(life.tenant, life.month(4) + timedelta(hours=30))


async def test_three_months_come_to_what_was_agreed(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    await finish(life)
    statements = await life.statements()
    assert [each.number for each in statements] == [1, 2, 3]
    assert [each.month.start for each in statements] == [life.month(0), life.month(1), life.month(2)]
    first = {(line.plan_id, line.dimension.value if line.dimension else ""): line for line in statements[0].lines}
    hours = {plan: first[plan, "asset-hours"].quantity / 3_600_000_000 for plan in ("by-hour", "dearer")}
    # Two assets for 72 h 17 min, three for 143 h 43 min; then three for 16 days at another price.
    assert hours == {"by-hour": 2 * (72 + 17 / 60) + 3 * (143 + 43 / 60), "dearer": 3 * 16 * 24}
    assert first["by-hour", "asset-hours"].amount == round(hours["by-hour"] * 12.5)
    assert first["dearer", "asset-hours"].amount == round(hours["dearer"] * 33.3333)
    assert totals(statements[0].lines) == {"CNY": sum(line.amount for line in statements[0].lines)}
    assert first["", "read-requests"].quantity == 2 * (9 + 18)
    cpu = sum(line.quantity for each in statements for line in each.lines if line.unit == "h" and not line.plan_id)
    assert cpu == 2 * 3 * 7_777_777


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def undisturbed(marketplace: Marketplace) -> list[Statement]:
    """What is stated when nothing goes wrong."""
    life = await made(marketplace)
    await finish(life)
    return await life.statements()


async def test_a_worker_killed_before_each_statement_in_turn_leaves_the_same_statements(
    marketplace: Marketplace, undisturbed: list[Statement]
) -> None:
    """Exhaustive: each piece of work is killed before its first statement, its second, and so on to its commit."""
    life = await made(marketplace)
    kills = 0
    for which in range(len(life.work(life.parts.database))):
        for lives_for in itertools.count():
            try:
                await life.work(Mortal(life.parts.database, lives_for))[which]()
            except KilledError:
                kills += 1
            else:
                break
    assert kills > 100
    await finish(life)
    assert said(await life.statements()) == said(undisturbed)


@settings(max_examples=8, deadline=None)
@given(order=st.lists(st.tuples(st.integers(0, 35), st.integers(0, 12)), max_size=25))
async def test_any_order_of_work_kills_and_repeats_comes_to_the_same(
    marketplace: Marketplace, undisturbed: list[Statement], order: list[tuple[int, int]]
) -> None:
    """What is late is a correction, and all lines together come to the same."""
    life = await made(marketplace)
    for which, lives_for in order:
        work = life.work(Mortal(life.parts.database, lives_for))
        with contextlib.suppress(KilledError):
            await work[which % len(work)]()
    await finish(life)
    found, expected = by_month(await life.statements()), by_month(undisturbed)
    assert _sold(found) == _sold(expected)
    # Looks that come late leave open when a processor was used, not how much.
    assert _total(found, "cpu-hours") == _total(expected, "cpu-hours")
    assert _total(found, "memory-hours") <= _total(expected, "memory-hours")
    numbers = [each.number for each in await life.statements()]
    assert numbers == list(range(1, len(numbers) + 1))


Sums: TypeAlias = dict[tuple[datetime, tuple[str, ...]], tuple[int, int]]


def _sold(sums: Sums) -> Sums:
    return {key: value for key, value in sums.items() if not {"cpu-hours", "memory-hours"} & set(key[1])}


def _total(sums: Sums, dimension: str) -> int:
    return sum(quantity for (_, same), (quantity, _) in sums.items() if dimension in same)


async def test_the_workers_sweep_counts_and_closes_by_itself(marketplace: Marketplace) -> None:
    """Safe to repeat, and several at once do no harm."""
    life = await made(marketplace)
    accounting = usage.accounting(marketplace.parts, ())
    # Nobody here has chosen a time zone: that of the platform's setting is UTC.
    await asyncio.gather(*(accounting.sweep() for _ in range(2)))
    statements = await life.statements()
    await accounting.sweep()
    assert await life.statements() == statements
    assert [each.number for each in statements] == list(range(1, len(statements) + 1))
    assert {each.time_zone for each in statements} == {"UTC"}
    running = sum(line.quantity for each in statements for line in each.lines if "running-hours" in line.same)
    assert timedelta(microseconds=running) == timedelta(days=51, microseconds=1)


async def test_two_workers_at_once_close_a_month_once(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    database = life.parts.database
    await life.metering(database).count_hours(life.name, life.month(5))
    now = life.month(3) + timedelta(hours=30)
    await asyncio.gather(*(life.billing(database).close(life.tenant, now) for _ in range(4)))
    assert [each.number for each in await life.statements()] == [1, 2, 3]


async def test_what_comes_late_is_a_line_of_the_next_statement(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    database = life.parts.database
    metering, closing = life.metering(database), life.billing(database)
    await metering.count_hours(life.name, life.month(1))
    await closing.close(life.tenant, life.month(1) + timedelta(hours=30))
    before = await life.statements()
    for source, counts in life.reads():
        await metering.record_reads(source, counts)
    await metering.count_hours(life.name, life.month(2))
    await closing.close(life.tenant, life.month(2) + timedelta(hours=30))
    first, second = await life.statements()
    assert [first] == before
    late = [line for line in second.lines if line.kind is Kind.CORRECTION]
    assert {(line.month.start, line.unit): line.quantity for line in late} == {
        (life.month(0), "reads"): 2 * (9 + 18),
        (life.month(0), "samples"): 2 * (90 + 90),
    }


async def test_nobody_changes_what_is_closed(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    await finish(life)
    for statement in (
        "UPDATE statement_line SET amount = 0",
        "DELETE FROM statement",
        "UPDATE statement SET digest = ''",
        "DELETE FROM statement_line",
        "UPDATE usage_stretch SET assets = 0",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with life.parts.database.transaction(life.tenant) as connection:
                await connection.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with life.parts.database.platform_transaction() as connection:
                await connection.execute(statement)


async def test_statements_are_listed_shown_and_had_as_files(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    await finish(life)
    stub = BillingServiceStub(await marketplace.channel(life.tenant, "admin"))
    parent = f"tenants/{life.tenant}"
    page = await stub.ListStatements(billing.ListStatementsRequest(parent=parent, page_size=2))
    assert [each.number for each in page.statements] == [3, 2]
    rest = await stub.ListStatements(
        billing.ListStatementsRequest(parent=parent, page_size=2, page_token=page.next_page_token)
    )
    assert [each.number for each in rest.statements] == [1]
    shown = await stub.GetStatement(billing.GetStatementRequest(name=rest.statements[0].name))
    assert shown.totals[0].minor_units == sum(line.amount.minor_units for line in shown.lines)
    assert shown.totals == rest.statements[0].totals
    request = billing.DownloadStatementRequest(name=shown.name, format=billing.STATEMENT_FORMAT_CSV)
    file = await stub.DownloadStatement(request)
    rows = list(csv.DictReader(io.StringIO(file.content.decode())))
    assert len(rows) == len(shown.lines)
    assert file.file_name == f"statement-{life.tenant}-000001-en.csv"
    request = billing.DownloadStatementRequest(name=shown.name, language=billing.STATEMENT_LANGUAGE_ZH)
    pdf = await stub.DownloadStatement(request)
    assert pdf.content.startswith(b"%PDF")
    assert pdf.content == (await stub.DownloadStatement(request)).content
    current = await stub.GetStatement(billing.GetStatementRequest(name=f"{parent}/statements/current"))
    assert (current.state, current.number) == (billing.STATEMENT_STATE_OPEN, 0)
    for number in ("9", "x", "-1"):
        asked = stub.GetStatement(billing.GetStatementRequest(name=f"{parent}/statements/{number}"))
        assert await refused(asked) == "STATEMENT_NOT_FOUND"
    viewer = BillingServiceStub(await marketplace.channel(life.tenant, "viewer"))
    assert await refused(viewer.ListStatements(billing.ListStatementsRequest(parent=parent))) == "PERMISSION_MISSING"


async def test_money_back_is_a_line_of_the_next_statement_once(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    database = life.parts.database
    await life.metering(database).count_hours(life.name, life.month(2))
    await life.billing(database).close(life.tenant, life.month(1) + timedelta(hours=30))
    name = f"tenants/{life.tenant}/statements/1"
    platform = BillingServiceStub(await marketplace.channel("platform", "platform_admin"))

    def request(minor: int = -500, reason: str = "The line stood still") -> billing.CreateAdjustmentRequest:
        amount = billing.Amount(currency="CNY", minor_units=minor)
        adjustment = billing.Adjustment(subscription="oee", amount=amount, reason=reason)
        return billing.CreateAdjustmentRequest(parent=name, adjustment_id="stop", adjustment=adjustment)

    once = await platform.CreateAdjustment(request())
    assert await platform.CreateAdjustment(request()) == once
    assert await refused(platform.CreateAdjustment(request(-501))) == "ADJUSTMENT_TAKEN"
    assert await refused(platform.CreateAdjustment(request(0))) == "INVALID_FIELD"
    assert await refused(platform.CreateAdjustment(request(reason="a\nb"))) == "INVALID_FIELD"
    admin = BillingServiceStub(await marketplace.channel(life.tenant, "admin"))
    assert await refused(admin.CreateAdjustment(request())) == "PERMISSION_MISSING"
    for month in (2, 3):
        await life.metering(database).count_hours(life.name, life.month(month))
        await life.billing(database).close(life.tenant, life.month(month) + timedelta(hours=30))
    found = [(each.number, line) for each in await life.statements() for line in each.lines if line.adjustment_id]
    assert [(number, line.amount, line.reason, line.month.start) for number, line in found] == [
        (2, -500, "The line stood still", life.month(0))
    ]


async def test_another_time_zone_loses_and_doubles_no_hour(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    database = life.parts.database
    await life.metering(database).count_hours(life.name, life.month(5))
    await life.billing(database).close(life.tenant, life.month(1) + timedelta(hours=30))
    stub = BillingServiceStub(await marketplace.channel(life.tenant, "admin"))
    account = billing.BillingAccount(name=f"tenants/{life.tenant}/billingAccount", time_zone="America/New_York")
    changed = await stub.UpdateBillingAccount(billing.UpdateBillingAccountRequest(billing_account=account))
    assert changed.open_since_time.ToDatetime(UTC) == life.month(1)
    account.time_zone = "Mars/Olympus"
    assert (
        await refused(stub.UpdateBillingAccount(billing.UpdateBillingAccountRequest(billing_account=account)))
        == "INVALID_FIELD"
    )
    await life.billing(database).close(life.tenant, life.month(4) + timedelta(hours=60))
    statements = await life.statements()
    assert statements[0].month.end == statements[1].month.start
    assert statements[1].month.end == statements[2].month.start
    assert {each.month.end.hour for each in statements[1:]} <= {4, 5}
    running = sum(
        line.quantity
        for each in statements
        for line in each.lines
        if line.dimension and line.dimension.value == "running-hours"
    )
    assert timedelta(microseconds=running) == timedelta(days=51, microseconds=1)


async def test_counts_that_make_no_sense_are_refused_and_those_of_nobody_are_left_out(marketplace: Marketplace) -> None:
    life = await made(marketplace)

    def count(name: str, at: datetime, requests: int) -> contract.ReadCount:
        found = contract.ReadCount(subscription=name, requests=requests, samples=1)
        found.hour.FromDatetime(at)
        return found

    name = f"tenants/{life.tenant}/subscriptions/oee"
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    service = UsageServiceStub(await marketplace.service_channel())
    for counts in (
        [count(name, hour + timedelta(minutes=1), 1)],
        [count(name, hour, -1)],
        [count("tenants/acme", hour, 1)],
        [count(name, hour, 1)] * 1001,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.RecordReads(contract.RecordReadsRequest(source="p", counts=counts))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    nobody = count(f"tenants/{life.tenant}/subscriptions/nobody", hour, 5)
    old, ahead = count(name, hour - timedelta(days=301), 5), count(name, hour + timedelta(hours=3), 5)
    for requests in (3, 7, 7, 2):
        counts = [nobody, old, ahead, count(name, hour, requests)]
        await service.RecordReads(contract.RecordReadsRequest(source="p", counts=counts))
    person = await marketplace.channel(life.tenant, "viewer")
    report = await UsageServiceStub(person).QueryUsage(contract.QueryUsageRequest(parent=name))
    reads = [each for each in report.amounts if each.dimension == contract.USAGE_DIMENSION_READ_REQUESTS]
    assert [each.quantity for each in reads] == [7]
    asked = UsageServiceStub(person).RecordReads(contract.RecordReadsRequest(source="p"))
    assert await refused(asked) == "PERMISSION_MISSING"
    far = contract.QueryUsageRequest(parent=name, step=contract.USAGE_STEP_HOUR)
    far.start_time.FromDatetime(hour - timedelta(days=60))
    assert await refused(UsageServiceStub(person).QueryUsage(far)) == "INVALID_FIELD"


async def test_a_baseline_is_chosen(marketplace: Marketplace) -> None:
    life = await made(marketplace)
    name = f"tenants/{life.tenant}/subscriptions/oee/baseline"
    stub = UsageServiceStub(await marketplace.channel(life.tenant, "admin"))
    assert await stub.GetBaseline(contract.GetBaselineRequest(name=name)) == contract.Baseline(
        name=name, kpi="oee", days=28
    )
    wanted = contract.Baseline(name=name, kpi="availability", days=14)
    await stub.UpdateBaseline(contract.UpdateBaselineRequest(baseline=wanted))
    assert await stub.GetBaseline(contract.GetBaselineRequest(name=name)) == wanted
    wanted.days = 91
    assert await refused(stub.UpdateBaseline(contract.UpdateBaselineRequest(baseline=wanted))) == "INVALID_FIELD"
    wanted.name, wanted.days = name.replace("/oee/", "/nobody/"), 7
    assert (
        await refused(stub.UpdateBaseline(contract.UpdateBaselineRequest(baseline=wanted))) == "SUBSCRIPTION_NOT_FOUND"
    )
