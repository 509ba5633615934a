"""Gaps that a gateway fills: listed oldest first, filled in one transaction with the samples, counted once."""

from collections.abc import Sequence

import pytest
from pydantic import SecretStr

from dualspan.historian.v1 import completeness_pb2, repair_pb2, resources_pb2, service_pb2
from dualspan.historian.v1.completeness_pb2_grpc import CompletenessServiceStub
from dualspan_frame import Frame, ValueKind, encode_frame
from dualspan_runtime.channels import open_channel
from harness.historian import (
    GATEWAY,
    SECOND,
    SECRET,
    T0,
    TENANT,
    Historian,
    Refusal,
    Uploader,
    Worker,
    block,
    ramp,
    stamp,
)

TAGS = {1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64, 3: ValueKind.FLOAT64}
SERVER = "press"
Message = service_pb2.IngestRequest


class Box:
    """A gateway whose server has all the tags."""

    def __init__(self, historian: Historian, uploader: Uploader) -> None:
        self.historian = historian
        self.uploader = uploader
        self.sequence = 0

    async def upload(
        self,
        frame: Frame | None = None,
        *,
        gaps: Sequence[resources_pb2.Gap] = (),
        repairs: Sequence[repair_pb2.Repair] = (),
        coverage: Sequence[repair_pb2.Coverage] = (),
    ) -> None:
        self.sequence += 1
        upload = Message.Upload(
            sequence=self.sequence,
            frame=encode_frame(frame or Frame()),
            gaps=gaps,
            repairs=repairs,
            coverage=coverage,
            lineage=1000 + self.sequence,
        )
        await self.uploader.say(Message(upload=upload))
        await self.uploader.until(self.sequence)

    async def repairable(self, server: str = SERVER, *left_out: int) -> list[repair_pb2.RepairableGap]:
        stub = self.historian.ingest_stub()
        request = repair_pb2.ListRepairableGapsRequest(server=server, except_tag_ids=left_out)
        return list((await stub.ListRepairableGaps(request)).gaps)

    async def retry(self, *gaps: str) -> int:
        request = service_pb2.RetryGapsRequest(parent=f"tenants/{TENANT}", names=gaps)
        return (await self.historian.stub.RetryGaps(request)).gaps

    async def ledger(self, tag_id: int = 0) -> list[resources_pb2.Gap]:
        request = service_pb2.ListGapsRequest(parent=f"tenants/{TENANT}", tag_id=tag_id)
        return list((await self.historian.stub.ListGaps(request)).gaps)


@pytest.fixture
async def box(historian: Historian) -> Box:
    await historian.register(TAGS)
    box = Box(historian, await historian.uploader())
    starts = [repair_pb2.Coverage.Start(tag_id=tag, start_time=stamp(T0 - 100 * SECOND)) for tag in TAGS]
    coverage = repair_pb2.Coverage(server=SERVER, complete_time=stamp(T0 + 100 * SECOND), starts=starts)
    await box.upload(ramp(list(TAGS), 0, 10), coverage=[coverage])
    return box


def gap(start: int, end: int, *, server: str = SERVER, tag_id: int = 0, cause: int = 4) -> resources_pb2.Gap:
    return resources_pb2.Gap(
        server=server,
        tag_id=tag_id,
        start_time=stamp(T0 + start * SECOND),
        end_time=stamp(T0 + end * SECOND),
        cause=resources_pb2.GapCause.ValueType(cause),
    )


def step(
    name: str, tag_id: int, until: int, *, done: bool = False, missing: Sequence[repair_pb2.Repair.Missing] = ()
) -> repair_pb2.Repair:
    return repair_pb2.Repair(gap=name, tag_id=tag_id, until_time=stamp(T0 + until * SECOND), done=done, missing=missing)


async def test_gaps_are_listed_oldest_first_with_the_tags_that_were_recorded(box: Box) -> None:
    await box.upload(gaps=[gap(50, 60), gap(20, 30, tag_id=2), gap(-300, -200), gap(10, 12, server="other")])
    await box.upload(gaps=[gap(5, 6, server="")])
    found = await box.repairable()
    spans = [(one.gap.start_time.seconds - T0 // SECOND, [tag.tag_id for tag in one.tags]) for one in found]
    # What was missing before a tag was recorded is not missing of it; another server's history does not have it.
    assert spans == [(5, [1, 2, 3]), (20, [2]), (50, [1, 2, 3])]
    assert not await box.repairable("other")


async def test_a_gap_is_filled_tag_by_tag_and_goes_on_where_it_was(box: Box) -> None:
    await box.upload(gaps=[gap(10, 20)])
    (found,) = await box.repairable()
    name = found.gap.name
    await box.upload(ramp([1], 10, 5), repairs=[step(name, 1, 14)])
    (found,) = await box.repairable()
    assert [(tag.tag_id, tag.start_time.seconds - T0 // SECOND) for tag in found.tags] == [(1, 14), (2, 10), (3, 10)]
    await box.upload(ramp([1], 14, 6), repairs=[step(name, 1, 20, done=True)])
    await box.upload(ramp([2], 10, 10), repairs=[step(name, 2, 20, done=True), step(name, 3, 20, done=True)])
    assert not await box.repairable()
    (row,) = await box.ledger()
    assert (row.state, row.repaired_samples, row.repaired_tags) == (resources_pb2.GAP_STATE_REPAIRED, 20, 3)
    assert row.resolve_time.seconds
    (of_tag,) = await box.ledger(2)
    assert (of_tag.tag_id, of_tag.state, of_tag.repaired_samples) == (2, resources_pb2.GAP_STATE_REPAIRED, 10)
    assert (await box.historian.read_raw([1])).same_as(ramp([1], 0, 20))


async def test_what_is_stored_already_is_neither_stored_nor_counted_again(box: Box, worker: Worker) -> None:
    await box.upload(gaps=[gap(5, 15)])
    name = (await box.repairable())[0].gap.name
    await worker.sealer.seal_all(TENANT, GATEWAY)
    # 5 to 9 came live: two of them with the info bits that only live values have.
    repeated = ramp([1], 5, 10)
    await box.upload(repeated, repairs=[step(name, 1, 15)])
    await box.upload(repeated, repairs=[step(name, 1, 15, done=True)])
    assert (await box.historian.read_raw([1])).same_as(ramp([1], 0, 15))
    (row,) = await box.ledger(1)
    assert row.repaired_samples == 5
    statistics = await box.historian.statistics()
    assert statistics.repeated_samples == 0
    assert statistics.committed_samples == 30 + 5


async def test_a_value_with_the_overflow_bit_is_the_same_value(box: Box) -> None:
    live = Frame((block([1], [T0 + 40 * SECOND], [7.0], 0x480),))
    await box.upload(live, gaps=[gap(35, 41, tag_id=1, cause=1)])
    name = (await box.repairable())[0].gap.name
    history = Frame((block([1, 1], [T0 + 38 * SECOND, T0 + 40 * SECOND], [6.0, 7.0]),))
    await box.upload(history, repairs=[step(name, 1, 41, done=True)])
    (row,) = await box.ledger(1)
    assert row.repaired_samples == 1
    stored = await box.historian.read_raw([1], T0 + 30 * SECOND)
    assert stored.sample_count == 2


async def test_what_cannot_be_had_is_said_per_tag_and_for_all(box: Box) -> None:
    await box.upload(gaps=[gap(10, 20), gap(30, 40), gap(50, 60, server="")])
    first, second, third = (one.gap.name for one in await box.repairable())
    late = repair_pb2.Repair.Missing(
        start_time=stamp(T0 + 10 * SECOND), end_time=stamp(T0 + 15 * SECOND), detail="begins later"
    )
    whole = repair_pb2.Repair.Missing(detail="access denied")
    await box.upload(
        ramp([1], 15, 5),
        repairs=[
            step(first, 1, 20, done=True, missing=[late]),
            step(first, 2, 10, done=True, missing=[whole]),
            step(first, 3, 20, done=True),
        ],
    )
    nothing = repair_pb2.Repair.Missing(detail="the server keeps no history")
    await box.upload(repairs=[repair_pb2.Repair(gap=second, server=SERVER, done=True, missing=[nothing])])
    await box.upload(repairs=[repair_pb2.Repair(gap=third, server=SERVER, done=True, missing=[nothing])])
    assert not await box.repairable()
    gateway, server, partly = await box.ledger()
    assert (partly.state, partly.repaired_tags, partly.unrepairable_tags) == (4, 2, 2)
    assert partly.resolution == "2 of 3 tags, the first: begins later"
    assert {server.state, gateway.state} == {resources_pb2.GAP_STATE_UNREPAIRABLE}
    assert server.resolution.endswith("the server keeps no history")
    assert (await box.ledger(2))[-1].resolution == "access denied"


async def test_what_could_not_be_had_is_tried_again_when_somebody_says_so(box: Box, refusal: Refusal) -> None:
    await box.upload(gaps=[gap(10, 20), gap(30, 40, tag_id=1)])
    first, second = (one.gap.name for one in await box.repairable())
    late = repair_pb2.Repair.Missing(start_time=stamp(T0 + 10 * SECOND), end_time=stamp(T0 + 15 * SECOND), detail="x")
    nothing = repair_pb2.Repair.Missing(detail="access denied")
    await box.upload(
        ramp([1], 15, 5),
        repairs=[
            step(first, 1, 20, done=True, missing=[late]),
            step(first, 2, 20, done=True),
            step(first, 3, 10, done=True, missing=[nothing]),
        ],
    )
    await box.upload(repairs=[step(second, 1, 40, done=True)])
    assert not await box.repairable()
    assert await box.retry(first, second) == 1, "what is repaired stays so"
    (again,) = await box.repairable()
    # What was filled stays filled; the rest is read from the beginning.
    assert [(tag.tag_id, tag.start_time.seconds - T0 // SECOND) for tag in again.tags] == [(1, 10), (3, 10)]
    assert again.attempts == 1
    await box.upload(ramp([1, 3], 10, 10), repairs=[step(first, 1, 20, done=True), step(first, 3, 20, done=True)])
    row = (await box.ledger())[-1]
    assert (row.state, row.repaired_samples, row.resolution) == (resources_pb2.GAP_STATE_REPAIRED, 20, "")
    assert await refusal(box.retry()) == "GAPS_REQUIRED"
    assert await refusal(box.retry(f"tenants/{TENANT}/gaps/first")) == "GAP_NOT_FOUND"
    assert await refusal(box.retry("tenants/rival/gaps/1")) == "FOREIGN_TENANT"


async def test_tags_that_cannot_be_read_now_hide_no_others(box: Box) -> None:
    await box.upload(gaps=[gap(10, 20, tag_id=1), gap(30, 40), gap(50, 60, tag_id=2)])
    found = await box.repairable(SERVER, 1, 3)
    spans = [(one.gap.start_time.seconds - T0 // SECOND, [tag.tag_id for tag in one.tags]) for one in found]
    assert spans == [(30, [2]), (50, [2])]


async def test_a_repair_that_is_refused_ends_and_makes_no_gap(box: Box) -> None:
    await box.upload(gaps=[gap(10, 20, tag_id=1)])
    name = (await box.repairable())[0].gap.name
    foreign = Frame((block([99], [T0 + 11 * SECOND], [1.0]),))
    await box.upload(foreign, repairs=[step(name, 1, 20, done=True)])
    (row,) = await box.ledger()
    assert row.state == resources_pb2.GAP_STATE_UNREPAIRABLE
    assert "not one of this sender's" in row.resolution
    assert not await box.repairable()


async def test_a_stranger_repairs_nothing(box: Box, historian: Historian) -> None:
    await box.upload(gaps=[gap(10, 20)])
    name = (await box.repairable())[0].gap.name
    stranger = await historian.uploader(gateway="g2")
    upload = Message.Upload(sequence=1, repairs=[step(name, tag, 20, done=True) for tag in TAGS])
    await stranger.say(Message(upload=upload))
    await stranger.until(1)
    (row,) = await box.ledger()
    assert row.state == resources_pb2.GAP_STATE_OPEN
    assert [tag.tag_id for tag in (await box.repairable())[0].tags] == [1, 2, 3]


async def test_a_gap_without_times_is_never_open(box: Box) -> None:
    await box.upload(gaps=[resources_pb2.Gap(server=SERVER, cause=resources_pb2.GAP_CAUSE_CLOCK_JUMP)])
    (row,) = await box.ledger()
    assert row.state == resources_pb2.GAP_STATE_UNREPAIRABLE
    assert row.resolution


async def test_the_lineage_of_what_is_committed_is_told_when_the_stream_opens(box: Box, historian: Historian) -> None:
    again = await historian.uploader()
    assert again.opened.committed_sequence == box.sequence
    assert again.opened.committed_lineage == 1000 + box.sequence
    assert again.opened.committed_time.seconds > 0
    fresh = await historian.uploader(epoch=2)
    assert (fresh.opened.committed_lineage, fresh.opened.HasField("committed_time")) == (0, False)


async def test_when_samples_of_tags_are_missing(box: Box) -> None:
    """Gaps that were not filled, those of the server and the gateway among them, and what nothing is told of yet."""
    lost_frames = resources_pb2.GAP_CAUSE_BUFFER_FULL
    await box.upload(gaps=[gap(10, 20), gap(18, 25, tag_id=1, cause=lost_frames), gap(30, 40, server="other")])
    name = (await box.repairable())[0].gap.name
    await box.upload(ramp([2], 10, 10), repairs=[step(name, 2, 20, done=True)])
    async with open_channel(box.historian.address, service="tests", secret=SecretStr(SECRET)) as channel:
        request = completeness_pb2.ListMissingSpansRequest(
            parent=f"tenants/{TENANT}", tag_ids=[3, 2, 1], start_time=stamp(T0), end_time=stamp(T0 + 120 * SECOND)
        )
        found = await CompletenessServiceStub(channel).ListMissingSpans(request)
        columns = zip(found.tag_id, found.start_us, found.end_us, found.pending, found.resumed, strict=True)
        spans = [(tag, (a - T0) // SECOND, (b - T0) // SECOND, *flags) for tag, a, b, *flags in columns]
        pending = (100, 120, True, False)
        assert spans == [
            (1, 10, 25, False, False),  # what was lost on its way may have changed the value
            (1, *pending),
            (2, *pending),
            (3, 10, 20, False, True),
            (3, *pending),
        ]
