"""Completeness reports: each figure held against what was uploaded, counts against a plain reading of all samples."""

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from integration.historian.test_repair import SERVER, TAGS, Box, gap, step
from integration.identity.running import Identity, identity_settings, platform, run_identity

from dualspan.historian.v1 import completeness_pb2, repair_pb2, resources_pb2
from dualspan.historian.v1.completeness_pb2_grpc import CompletenessServiceStub
from dualspan_cli.statements import Statement, check_signer, verify_statement
from dualspan_historian.settings import HistorianSettings
from dualspan_runtime.channels import open_channel
from harness.databases import ClonedDatabase
from harness.historian import (
    GATEWAY,
    SECOND,
    T0,
    TENANT,
    Authority,
    Historian,
    Refusal,
    Worker,
    ramp,
    running_historian,
    stamp,
)


@dataclass
class Proof:
    """A gateway's box, and who makes reports of what it sent."""

    box: Box
    channel: grpc.aio.Channel
    identity: Identity

    async def ask(self, start: float, end: float, *tags: int, **changes: object) -> bytes:
        request = completeness_pb2.CreateCompletenessReportRequest(
            parent=f"tenants/{TENANT}",
            subject="plant Ulm",
            tags=[
                completeness_pb2.CreateCompletenessReportRequest.Tag(tag_id=tag, name=f"Press/{tag}", server=SERVER)
                for tag in tags or TAGS
            ],
            start_time=stamp(T0 + int(start * SECOND)),
            end_time=stamp(T0 + int(end * SECOND)),
            requester="users/ada",
        )
        request.MergeFrom(completeness_pb2.CreateCompletenessReportRequest(**changes))  # pyright: ignore[reportArgumentType]
        return (await CompletenessServiceStub(self.channel).CreateCompletenessReport(request, timeout=30)).envelope

    async def report(self, start: float, end: float, *tags: int) -> dict[str, Any]:
        return dict(verify_statement(await self.ask(start, end, *tags)).content)


@pytest.fixture
async def identity(database: ClonedDatabase) -> AsyncGenerator[Identity]:
    async with run_identity(identity_settings(database)) as running:
        yield running


@pytest.fixture
async def proof(
    historian_settings: HistorianSettings, identity: Identity, authority: Authority, redis_url: str
) -> AsyncGenerator[Proof]:
    known = platform(identity_address=identity.address, redis_url=redis_url)
    settings = historian_settings.model_copy(update={"platform": known})
    async with running_historian(settings, authority) as historian:
        await historian.register(TAGS)
        box = Box(historian, await historian.uploader())
        starts = [repair_pb2.Coverage.Start(tag_id=tag, start_time=stamp(T0)) for tag in (1, 2)]
        await box.upload(ramp([1, 2], 0, 100), coverage=[covered(100, starts=starts)])
        secret = known.service_secret
        async with open_channel(historian.address, service="onboarding", secret=secret) as channel:
            yield Proof(box, channel, identity)


def covered(until: int, **changes: object) -> repair_pb2.Coverage:
    return repair_pb2.Coverage(server=SERVER, complete_time=stamp(T0 + until * SECOND), **changes)  # pyright: ignore[reportArgumentType]


def line_of(report: dict[str, Any], tag: int) -> dict[str, Any]:
    return next(line for line in report["tags"] if line["tag_id"] == tag)


async def test_a_complete_period_is_complete_and_the_signature_is_the_platforms(proof: Proof) -> None:
    statement: Statement = verify_statement(await proof.ask(10, 90, 1, 2))
    totals = statement.content["totals"]
    assert (totals["tags"], totals["complete_tags"]) == (2, 2)
    assert (totals["expected_ms"], totals["received_ms"]) == (160_000, 160_000)
    assert (totals["received_samples"], totals["repaired_samples"]) == (160, 0)
    assert (statement.content["subject"], statement.content["tenant"]) == ("plant Ulm", "tenants/acme")
    from dualspan.identity.v1.service_pb2 import GetGatewayCaRequest

    ca = await proof.identity.stub.GetGatewayCa(GetGatewayCaRequest())
    check_signer(statement, {ca.fingerprint_sha256})
    again = verify_statement(await proof.ask(10, 90, 1, 2))
    assert again.key_id == statement.key_id


async def test_gaps_count_as_missing_until_history_has_filled_them(proof: Proof) -> None:
    box = proof.box
    await box.upload(gaps=[gap(110, 120), gap(130, 140, tag_id=2)], coverage=[covered(200)])
    before = await proof.report(100, 200, 1, 2)
    assert (line_of(before, 1)["missing_ms"], line_of(before, 2)["missing_ms"]) == (10_000, 20_000)
    assert line_of(before, 2)["causes"] == {"GATEWAY_DOWN": 20_000}
    both, single = (one.gap.name for one in await box.repairable())
    late = repair_pb2.Repair.Missing(
        start_time=stamp(T0 + 130 * SECOND), end_time=stamp(T0 + 133 * SECOND), detail="begins later"
    )
    await box.upload(ramp([1], 110, 10), repairs=[step(both, 1, 120, done=True), step(both, 2, 120, done=True)])
    await box.upload(ramp([2], 133, 7), repairs=[step(single, 2, 140, done=True, missing=[late])])
    after = await proof.report(100, 200, 1, 2)
    one, two = line_of(after, 1), line_of(after, 2)
    assert (one["complete"], one["repaired_ms"], one["repaired_samples"]) == (True, 10_000, 10)
    assert (two["complete"], two["missing_ms"], two["repaired_ms"], two["repaired_samples"]) == (
        False,
        3_000,
        17_000,
        7,
    )
    assert [shown["state"] for shown in after["gaps"]] == ["REPAIRED", "PARTLY_REPAIRED"]
    # A period that cuts the gap has its part of it, and of the samples.
    cut = line_of(await proof.report(100, 115, 1), 1)
    assert (cut["repaired_ms"], cut["repaired_samples"]) == (5_000, 5)


async def test_what_the_gateway_has_not_told_of_is_pending_and_not_complete(proof: Proof) -> None:
    line = line_of(await proof.report(50, 150, 1), 1)
    assert (line["received_ms"], line["pending_ms"], line["complete"]) == (50_000, 50_000, False)


async def test_a_tag_that_nothing_ever_came_of_misses_everything(proof: Proof) -> None:
    """It was registered, and its server refuses it."""
    report = await proof.report(0, 100, 1, 3)
    assert line_of(report, 3)["expected_ms"] == 0, "it was registered after the period"
    assert line_of(report, 1)["complete"]


async def test_a_tag_that_is_refused_now_has_an_open_hole(proof: Proof) -> None:
    hole = repair_pb2.Coverage.OpenHole(tag_id=2, start_time=stamp(T0 + 40 * SECOND), detail="refused")
    await proof.box.upload(coverage=[covered(100, holes_changed=True, holes=[hole])])
    line = line_of(await proof.report(0, 100, 1, 2), 2)
    assert (line["missing_ms"], line["causes"]) == (60_000, {"REFUSED": 60_000})
    await proof.box.upload(coverage=[covered(100, holes_changed=True)])
    assert line_of(await proof.report(0, 100, 1, 2), 2)["complete"]


async def test_a_gap_that_nobody_knows_the_time_of_leaves_nothing_complete(proof: Proof) -> None:
    """A frame that cannot be read: what it held, and when, is lost."""
    now = int(time.time()) - T0 // SECOND
    await proof.box.upload(gaps=[resources_pb2.Gap(cause=resources_pb2.GAP_CAUSE_QUARANTINED)], coverage=[covered(now)])
    report = await proof.report(now - 60, now, 1)
    line = line_of(report, 1)
    assert (line["complete"], line["unplaced_gaps"], line["missing_ms"]) == (False, 1, 0)
    assert report["gaps"][0]["start_time"] == ""
    assert line_of(await proof.report(10, 90, 1), 1)["complete"], "it was found much later"


async def test_cyclic_reading_misses_the_reads_of_the_time_that_is_missing(proof: Proof) -> None:
    start = repair_pb2.Coverage.Start(tag_id=1, start_time=stamp(T0))
    start.cyclic_interval.FromMilliseconds(500)
    await proof.box.upload(coverage=[covered(100, starts=[start])])
    # A value a second is stored, for it does not change at every read.
    line = line_of(await proof.report(0, 100, 1), 1)
    assert (line["expected_samples"], line["missing_samples"], line["complete"]) == (200, 0, True)
    await proof.box.upload(gaps=[gap(40, 50, tag_id=1)])
    line = line_of(await proof.report(0, 100, 1), 1)
    assert (line["missing_ms"], line["missing_samples"], line["complete"]) == (10_000, 20, False)


async def test_counts_are_those_of_a_plain_reading(proof: Proof, worker: Worker) -> None:
    """Segments whole and cut, overlapping ones, repeats within and across, frames beside them."""
    box = proof.box
    historian: Historian = box.historian
    await worker.sealer.seal_all(TENANT, GATEWAY)
    await box.upload(ramp([1, 2], 100, 50))
    await worker.sealer.seal_all(TENANT, GATEWAY)
    await box.upload(ramp([1], 90, 30))
    await box.upload(ramp([2], 0, 5))
    await worker.sealer.seal_all(TENANT, GATEWAY)
    await box.upload(ramp([1, 2], 140, 20))
    for start, end in ((0, 200), (0, 100), (20, 95), (95, 145), (149, 151), (160, 170)):
        report = await proof.report(start, end, 1, 2)
        for tag in (1, 2):
            plain = await historian.read_raw([tag], T0 + start * SECOND, T0 + end * SECOND)
            assert line_of(report, tag)["received_samples"] == plain.sample_count, (start, end, tag)


async def test_what_cannot_be_reported_is_refused(proof: Proof, refusal: Refusal) -> None:
    assert await refusal(proof.ask(10, 10)) == "REVERSED_INTERVAL"
    assert await refusal(proof.ask(0, 10_000_000_000)) == "PERIOD_IN_FUTURE"
    assert await refusal(proof.ask(-800 * 86_400 * 2, 10)) == "PERIOD_TOO_OLD"
    assert await refusal(proof.ask(0, 10, 77)) == "TAG_NOT_FOUND"
    assert await refusal(proof.ask(0, 10, parent="tenants/rival")) == "TAG_NOT_FOUND"
