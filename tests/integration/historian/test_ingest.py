"""What comes in: exactly once, verified, quarantined when it cannot be accepted."""

import asyncio
import time

import grpc
import numpy as np
import pytest

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2, service_pb2
from dualspan.historian.v1.service_pb2_grpc import IngestServiceStub
from dualspan_frame import BinaryColumn, Frame, ValueKind, encode_frame
from dualspan_historian.ingest.registry import TagRegistry
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.sealing import Sealer
from harness.historian import (
    SECOND,
    T0,
    TENANT,
    Authority,
    Historian,
    Refusal,
    Worker,
    block,
    ramp,
    running_historian,
    stamp,
)

TAGS = {1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64}


async def test_what_was_acknowledged_can_be_read(historian: Historian) -> None:
    await historian.register(TAGS)
    uploader = await historian.uploader()
    assert uploader.opened.committed_sequence == 0
    assert uploader.opened.max_in_flight > 0
    await uploader.upload([ramp([1, 2], first * 10, 10) for first in range(20)])
    await uploader.close()
    assert (await historian.read_raw([1, 2])).same_as(ramp([1, 2], 0, 200))
    statistics = await historian.statistics()
    assert (statistics.committed_samples, statistics.unsealed_frames, statistics.unsealed_samples) == (400, 20, 400)
    assert [position.committed_sequence for position in statistics.positions] == [20]


async def test_a_frame_sent_twice_is_stored_once(historian: Historian) -> None:
    await historian.register(TAGS)
    first = await historian.uploader()
    await first.upload([ramp([1], number, 1) for number in range(5)])
    first.cut()
    again = await historian.uploader()
    assert again.opened.committed_sequence == 5
    # A gateway that did not hear of it sends all of it again, and two more.
    await again.upload([ramp([1], number, 1) for number in range(7)])
    assert again.committed == 7
    assert (await historian.statistics()).committed_samples == 7
    assert (await historian.read_raw([1])).same_as(ramp([1], 0, 7))


async def test_overlapping_streams_of_one_buffer_store_each_frame_once(
    historian: Historian, historian_settings: HistorianSettings, authority: Authority
) -> None:
    await historian.register(TAGS)
    # Two replicas: within one, the newer stream ends the older.
    async with running_historian(historian_settings, authority) as other:
        uploaders = [await historian.uploader(), await other.uploader()]
        await asyncio.gather(*(uploader.upload(ramp([1], i, 1) for i in range(100)) for uploader in uploaders))
        assert (await historian.statistics()).committed_samples == 100
        assert (await historian.read_raw([1])).same_as(ramp([1], 0, 100))


async def test_a_gateways_new_stream_ends_the_one_that_it_left(historian: Historian, refusal: Refusal) -> None:
    await historian.register(TAGS)
    await historian.register({4: ValueKind.FLOAT64}, gateway="g2")
    older, foreign = await historian.uploader(), await historian.uploader(gateway="g2")
    await older.upload([ramp([1], 0, 1)])
    newer = await historian.uploader()
    assert await refusal(asyncio.wait_for(older.hear(), 10)) == "STREAM_SUPERSEDED"
    await newer.upload([ramp([1], 1, 1)], first=2)
    await foreign.upload([ramp([4], 0, 1)])


async def test_a_tag_that_another_process_retired_is_left_out_before_long(historian: Historian, worker: Worker) -> None:
    await historian.register(TAGS)
    fresh, lazy = TagRegistry(worker.database, max_age=0.0), TagRegistry(worker.database)
    for registry in (fresh, lazy):
        await registry.table(TENANT, "g1")
    await historian.stub.RetireTags(service_pb2.RetireTagsRequest(parent=f"tenants/{TENANT}", tag_ids=[2]))
    retired = [(await registry.table(TENANT, "g1")).look_up(np.array([1, 2]))[1] for registry in (fresh, lazy)]
    assert [marks.tolist() for marks in retired] == [[False, True], [False, False]]


async def test_a_new_epoch_counts_from_the_beginning(historian: Historian) -> None:
    await historian.register(TAGS)
    await (await historian.uploader(epoch=7)).upload([ramp([1], 0, 3)])
    other = await historian.uploader(epoch=8)
    assert other.opened.committed_sequence == 0
    await other.upload([ramp([1], 3, 3)])
    assert (await historian.read_raw([1])).same_as(ramp([1], 0, 6))


async def test_a_hole_in_the_sequence_is_allowed_and_an_empty_frame_too(historian: Historian) -> None:
    await historian.register(TAGS)
    uploader = await historian.uploader()
    await uploader.send(3, ramp([1], 0, 1))
    await uploader.send(10, Frame())
    await uploader.until(10)
    assert (await historian.statistics()).committed_samples == 1


def _flipped(frame: Frame) -> frame_pb2.Frame:
    message = encode_frame(frame)
    data = bytearray(message.blocks[0].value.data)
    data[len(data) // 2] ^= 0x10
    message.blocks[0].value.data = bytes(data)
    return message


def _claiming(frame: Frame) -> frame_pb2.Frame:
    message = encode_frame(frame)
    message.blocks[0].count = (1 << 31) - 1
    return message


def _truncated(frame: Frame) -> frame_pb2.Frame:
    message = encode_frame(frame)
    message.blocks[0].timestamp.data = message.blocks[0].timestamp.data[:-3]
    return message


NOW = time.time_ns() // 1000


def _text(*sizes: int) -> Frame:
    ts = [T0 + n * SECOND for n in range(len(sizes))]
    value = BinaryColumn.from_list(["x" * size for size in sizes])
    return Frame((block([3] * len(sizes), ts, value, kind=ValueKind.TEXT),))


BAD_FRAMES = {
    "foreign": (Frame((block([1, 99], [T0, T0], [1, 2]),)), "FOREIGN_TAG"),
    "far away": (Frame((block([1, 1 << 60], [T0, T0], [1, 2]),)), "FOREIGN_TAG"),
    "negative": (Frame((block([-5], [T0], [1]),)), "FOREIGN_TAG"),
    "kind": (Frame((block([1], [T0], [1], kind=ValueKind.INT64),)), "WRONG_KIND"),
    "text": (Frame((block([1], [T0], BinaryColumn.from_list(["x"]), kind=ValueKind.TEXT),)), "WRONG_KIND"),
    "future": (Frame((block([1, 1], [T0, NOW + 2 * 3600 * SECOND], [1, 2]),)), "TIMESTAMP_OUT_OF_RANGE"),
    "far future": (Frame((block([1], [(1 << 63) - 1], [1]),)), "TIMESTAMP_OUT_OF_RANGE"),
    "past": (Frame((block([1], [-(1 << 63)], [1]),)), "TIMESTAMP_OUT_OF_RANGE"),
    "flipped": (_flipped(ramp([1, 2], 0, 100)), "CORRUPT_BLOCK"),
    "truncated": (_truncated(ramp([1, 2], 0, 100)), "CORRUPT_BLOCK"),
    "large value": (_text(10, 65_537), "TOO_LARGE"),
    "inflating": (_text(*[60_000] * 1200), "TOO_LARGE"),
    "claiming": (_claiming(ramp([1, 2], 0, 100)), "TOO_LARGE"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_a_bad_frame_is_quarantined_and_harms_nothing_else(historian: Historian, name: str) -> None:
    frame, reason = BAD_FRAMES[name]
    await historian.register(TAGS | {3: ValueKind.TEXT})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1], 0, 1), frame, ramp([1], 1, 1)])
    assert list(uploader.quarantined) == [2]
    assert uploader.quarantined[2].reason == reason
    assert uploader.quarantined[2].detail
    assert (await historian.read_raw([1])).same_as(ramp([1], 0, 2))
    parent = f"tenants/{TENANT}"
    listed = await historian.stub.ListQuarantinedFrames(service_pb2.ListQuarantinedFramesRequest(parent=parent))
    (kept,) = listed.quarantined_frames
    assert (kept.reason, kept.sequence, kept.epoch) == (reason, 2, 1)
    assert kept.size_bytes > 0
    (gap,) = (await historian.stub.ListGaps(service_pb2.ListGapsRequest(parent=parent))).gaps
    assert gap.cause == resources_pb2.GAP_CAUSE_QUARANTINED
    # Where nobody knows when, no history can be asked.
    is_placed = gap.HasField("start_time")
    assert gap.state == (resources_pb2.GAP_STATE_OPEN if is_placed else resources_pb2.GAP_STATE_UNREPAIRABLE)
    assert is_placed or "nobody knows" in gap.resolution
    statistics = await historian.statistics()
    assert (statistics.quarantined_frames, statistics.committed_samples) == (1, 2)
    assert statistics.open_gaps == int(is_placed)


async def test_frames_are_weighed_by_what_they_decode_to(historian: Historian, worker: Worker) -> None:
    await historian.register({3: ValueKind.TEXT})
    uploader = await historian.uploader()
    frames = [_text(*[50_000] * 20) for _ in range(4)]
    assert len(encode_frame(frames[0]).SerializeToString()) < 10_000
    await uploader.upload(frames)
    sealer = Sealer(worker.database, 2_000, 2_500_000)
    assert [await sealer.seal(TENANT, "g1") for _ in range(3)] == [40, 40, 0]


async def test_a_query_of_too_many_bytes_is_refused(
    historian_settings: HistorianSettings, authority: Authority, refusal: Refusal
) -> None:
    settings = historian_settings.model_copy(update={"max_query_bytes": 1_500_000})
    async with running_historian(settings, authority) as historian:
        await historian.register({3: ValueKind.TEXT})
        uploader = await historian.uploader()
        await uploader.upload([_text(*[50_000] * 20)])
        assert (await historian.read_raw([3])).sample_count == 20
        await uploader.upload([_text(*[50_000] * 20)], first=2)
        assert await refusal(historian.read_raw([3])) == "TOO_MANY_SAMPLES"


async def test_queries_at_the_same_time_share_the_memory_that_one_may_have(
    historian_settings: HistorianSettings, authority: Authority, refusal: Refusal
) -> None:
    limits = {"max_query_bytes": 1_500_000, "frame_cache_bytes": 0, "query_wait_seconds": 0.0}
    async with running_historian(historian_settings.model_copy(update=limits), authority) as historian:
        await historian.register({3: ValueKind.TEXT})
        uploader = await historian.uploader()
        await uploader.upload([_text(*[50_000] * 20)])
        answers = await asyncio.gather(*(historian.read_raw([3]) for _ in range(4)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
        assert 1 <= len(refused) < 4
        assert all("TOO_MANY_QUERIES" in str(error.trailing_metadata()) for error in refused)
        assert (await historian.read_raw([3])).sample_count == 20


async def test_another_tenants_tag_and_another_gateways_tag_are_foreign(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    await historian.register({2: ValueKind.FLOAT64}, tenant="other")
    await historian.register({3: ValueKind.FLOAT64}, gateway="g2")
    uploader = await historian.uploader()
    await uploader.upload([ramp([2], 0, 1), ramp([3], 0, 1), ramp([1], 0, 1)])
    assert {n: one.reason for n, one in uploader.quarantined.items()} == {1: "FOREIGN_TAG", 2: "FOREIGN_TAG"}
    assert (await historian.read_raw([2], tenant="other")).sample_count == 0


async def test_a_tag_registered_while_the_stream_runs_is_accepted(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1], 0, 1)])
    await historian.register({2: ValueKind.FLOAT64})
    await uploader.upload([ramp([2], 0, 1)], first=2)
    assert not uploader.quarantined


async def test_samples_of_a_retired_tag_are_left_out(historian: Historian) -> None:
    await historian.register(TAGS)
    uploader = await historian.uploader()
    await historian.stub.RetireTags(service_pb2.RetireTagsRequest(parent=f"tenants/{TENANT}", tag_ids=[2]))
    await uploader.upload([ramp([1, 2], 0, 3), ramp([2], 3, 1)])
    assert not uploader.quarantined
    assert (await historian.read_raw([1, 2])).same_as(ramp([1], 0, 3))
    await historian.register(TAGS)
    await uploader.upload([ramp([2], 4, 1)], first=3)
    assert (await historian.read_raw([2])).same_as(ramp([2], 4, 1))


async def test_gaps_are_written_down_with_the_frame(historian: Historian, refusal: Refusal) -> None:
    await historian.register(TAGS)
    uploader = await historian.uploader()
    gap = resources_pb2.Gap(
        tag_id=1,
        server="press-1",
        start_time=stamp(T0),
        end_time=stamp(T0 + SECOND),
        cause=resources_pb2.GAP_CAUSE_SERVER_OVERFLOW,
        lost_samples=12,
        detail="queue of 1",
        name="ignored",
        state=resources_pb2.GAP_STATE_REPAIRED,
    )
    for sequence in range(1, 6):
        await uploader.send(sequence, ramp([1], sequence, 1), [gap])
    await uploader.until(5)
    own = f"tenants/{TENANT}/gateways/g1"
    request = service_pb2.ListGapsRequest(parent=f"tenants/{TENANT}", page_size=2, gateway=own)
    pages: list[list[resources_pb2.Gap]] = []
    while True:
        page = await historian.stub.ListGaps(request)
        pages.append(list(page.gaps))
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    names = [one.name for page in pages for one in page]
    assert len(set(names)) == 5
    newest = pages[0][0]
    assert newest.gateway == own
    everything = await historian.stub.ListGaps(service_pb2.ListGapsRequest(parent=request.parent))
    assert {one.name for one in everything.gaps} == set(names)
    other = service_pb2.ListGapsRequest(parent=request.parent, gateway=f"tenants/{TENANT}/gateways/g2")
    assert not (await historian.stub.ListGaps(other)).gaps
    other.tag_id = 1
    assert await refusal(historian.stub.ListGaps(other)) == "GAPS_OF_WHAT"
    assert (newest.tag_id, newest.server, newest.lost_samples, newest.detail) == (1, "press-1", 12, "queue of 1")
    assert newest.state == resources_pb2.GAP_STATE_OPEN
    assert (newest.start_time, newest.end_time) == (gap.start_time, gap.end_time)
    assert newest.create_time.seconds > 0


async def test_a_stream_that_breaks_the_protocol_is_ended(historian: Historian, refusal: Refusal) -> None:
    await historian.register(TAGS)
    impatient = historian.closed_uploader()
    await impatient.send(1, ramp([1], 0, 1))
    assert await refusal(impatient.hear()) == "OPEN_FIRST"
    falling = await historian.uploader()
    await falling.send(2, ramp([1], 0, 1))
    await falling.until(2)
    await falling.send(2, ramp([1], 1, 1))
    assert await refusal(falling.hear()) == "SEQUENCE_NOT_RISING"


async def test_people_and_strangers_do_not_ingest(historian: Historian) -> None:
    """Where people read, apps send their results, and nobody else."""
    request = service_pb2.IngestRequest(open=service_pb2.IngestRequest.Open(epoch=1))
    token = historian.authority.access_token(TENANT, "admin")
    for metadata, code in (
        ((), grpc.StatusCode.UNAUTHENTICATED),
        ((("authorization", f"Bearer {token}"),), grpc.StatusCode.PERMISSION_DENIED),
    ):
        async with grpc.aio.insecure_channel(historian.address) as channel:
            call = IngestServiceStub(channel).Ingest(iter([request]), metadata=grpc.aio.Metadata(*metadata))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
        assert caught.value.code() is code


async def test_a_revoked_gateways_stream_ends(historian: Historian, refusal: Refusal) -> None:
    await historian.register(TAGS)
    uploader = await historian.uploader()
    await uploader.upload([ramp([1], 0, 1)])
    historian.authority.revoke("g1")
    historian.server.streams._revocations.current = await historian.authority.revocations()
    assert await refusal(asyncio.wait_for(uploader.hear(), 10)) == "CERTIFICATE_REVOKED"


async def test_registrations_are_safe_to_repeat_and_what_is_fixed_stays(historian: Historian, refusal: Refusal) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    await historian.register({1: ValueKind.FLOAT64}, sloped=True)
    assert await refusal(historian.register({1: ValueKind.INT64})) == "TAG_FIXED"
    assert await refusal(historian.register({1: ValueKind.FLOAT64}, gateway="g2")) == "TAG_FIXED"
    assert await refusal(historian.register({2: ValueKind.FLOAT64, 1: ValueKind.TEXT})) == "TAG_FIXED"
    assert await refusal(historian.register({1: ValueKind.FLOAT64}, tenant="other")) == "TAG_TAKEN"
    assert await refusal(historian.register({0: ValueKind.FLOAT64})) == "INVALID_REGISTRATION"
    # Nothing of a refused request was done.
    assert await refusal(historian.read_raw([2])) == "TAG_NOT_FOUND"
