"""What goes wrong between a plant and the platform, and that nothing acknowledged is lost or doubled by it."""

import asyncio
import json

import pytest
from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.clock import now_microseconds
from dualspan_edge.opcua import monitoring
from dualspan_frame import ValueKind
from harness.link import Link

COUNT = tag(2, "count", frame_pb2.VALUE_KIND_INT64)


async def _count(plant: Plant, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await plant.write("count", number, ua.VariantType.UInt32)
        await asyncio.sleep(0.005)


async def _started(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(COUNT))
    box.start()
    await until(lambda: platform.onboarding.complete_revision == 1, "the item is reported")


def _counts(platform: Platform) -> list[int]:
    return platform.historian.values(ValueKind.INT64, 2)


async def test_the_historian_is_away(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    await _count(plant, 1, 20)
    await platform.stop()
    await _count(plant, 21, 60)
    await platform.start()
    await until(lambda: len(_counts(platform)) >= 61, "everything buffered has come")
    assert _counts(platform) == list(range(61))
    assert not platform.historian.gaps


async def test_cut_between_commit_and_acknowledgement(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    platform.historian.cut_before_acknowledging = 3
    await _count(plant, 1, 60)
    await until(lambda: len(_counts(platform)) >= 61, "everything has come")
    await until(lambda: platform.historian.cut_before_acknowledging == 0, "every cut was made")
    assert _counts(platform) == list(range(61))
    assert platform.historian.streams > 1


async def test_what_was_only_sent_is_kept_until_it_is_committed(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await _started(plant, platform, box)
    await until(lambda: _counts(platform) == [0], "the first value")
    await platform.stop()
    await _count(plant, 1, 40)
    # Two of the waiting frames are committed, and three that follow are under way when the historian dies.
    platform.historian.crash_after = len(platform.historian.frames) + 2
    await platform.start()
    await until(lambda: platform.historian.crash_after is None, "the crash")
    # What is stored now deletes what counts as acknowledged.
    await _count(plant, 41, 60)
    await until(lambda: _counts(platform)[-1:] == [60], "the last value")
    assert _counts(platform) == list(range(61))


async def test_a_refused_frame_does_not_hold_up_the_next(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    await until(lambda: _counts(platform) == [0], "the first value")
    platform.historian.refuse = {max(platform.historian.committed.values()) + 1}
    await plant.write("count", 1, ua.VariantType.UInt32)
    await asyncio.sleep(0.3)
    await plant.write("count", 2, ua.VariantType.UInt32)
    await until(lambda: _counts(platform) == [0, 2], "the gateway goes on")


async def test_the_gateway_restarts(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    await _count(plant, 1, 10)
    await until(lambda: len(_counts(platform)) == 11, "the first counts")
    await box.stop()
    await plant.write("count", 50, ua.VariantType.UInt32)
    await asyncio.sleep(0.2)
    await platform.stop()
    box.start()  # without the platform: from what it has stored
    await asyncio.sleep(1.0)
    await plant.write("count", 51, ua.VariantType.UInt32)
    await platform.start()
    await until(lambda: _counts(platform)[-1:] == [51], "the counts after the restart")
    assert _counts(platform) == [*range(11), 50, 51]
    (gap,) = platform.historian.gaps
    assert gap.cause == historian.GAP_CAUSE_GATEWAY_DOWN
    assert gap.server == "plant"
    sample = platform.historian.samples(ValueKind.INT64, 2)
    assert sample is not None
    assert gap.start_time.ToMicroseconds() < sample.timestamp[-2] < gap.end_time.ToMicroseconds()


async def test_the_server_restarts_with_other_namespace_indexes(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await _started(plant, platform, box)
    await _count(plant, 1, 5)
    await until(lambda: len(_counts(platform)) == 6, "the first counts")
    index = plant.index
    await plant.stop()
    plant.before = ("urn:something:new",)
    await plant.start()
    assert plant.index != index
    await plant.add("count", 100, ua.VariantType.UInt32)
    await until(lambda: 100 in _counts(platform), "the server is followed")
    await plant.write("count", 101, ua.VariantType.UInt32)
    await until(lambda: _counts(platform)[-1] == 101, "and goes on")
    assert _counts(platform) == [0, 1, 2, 3, 4, 5, 100, 101]
    await until(lambda: len(platform.historian.gaps) == 1, "the gap is written down")
    assert platform.historian.gaps[0].cause == historian.GAP_CAUSE_CONNECTION_LOST


async def test_a_gap_lasts_until_the_tag_is_there_again(
    plant: Plant, platform: Platform, box: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "_RETRY_REFUSED", 0.3)
    await _started(plant, platform, box)
    await until(lambda: _counts(platform) == [0], "the first value")
    await plant.stop()
    await plant.start()
    await until(lambda: platform.onboarding.reports[2].state == onboarding.TAG_STATE_REFUSED, "the tag is gone", 30)
    assert not platform.historian.gaps
    back = now_microseconds()
    await plant.add("count", 100, ua.VariantType.UInt32)
    await until(lambda: _counts(platform) == [0, 100], "the tag is back")
    await until(lambda: len(platform.historian.gaps) == 1, "the gap is written down")
    (gap,) = platform.historian.gaps
    assert gap.cause == historian.GAP_CAUSE_CONNECTION_LOST
    assert gap.end_time.ToMicroseconds() >= back


async def test_a_cut_connection_is_taken_up_without_a_gap(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    link = Link(("127.0.0.1", plant.port))
    await link.open()
    configuration = plant.configuration(COUNT)
    configuration.endpoint_url = f"opc.tcp://127.0.0.1:{link.port}/"
    platform.onboarding.configure(configuration)
    box.start()
    await until(lambda: platform.onboarding.complete_revision == 1, "the item is reported")
    for start in range(1, 31, 10):
        await _count(plant, start, start + 5)
        link.cut()
        await _count(plant, start + 6, start + 9)
        link.mend()
    await until(lambda: len(_counts(platform)) >= 31, "everything has come", 30)
    await box.stop()
    await link.close()
    assert _counts(platform) == list(range(31))
    assert not platform.historian.gaps


async def test_an_unapproved_certificate_is_not_connected_to(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    configuration = plant.configuration(COUNT)
    configuration.trusted_certificate_sha256 = "00" * 32
    platform.onboarding.configure(configuration)
    box.start()
    await until(lambda: platform.onboarding.server_state() == onboarding.CONNECTION_STATE_UNTRUSTED, "the server waits")
    status = platform.onboarding.status.servers[0]
    assert status.untrusted_certificate == plant.certificate_der
    assert plant.certificate_sha256 in status.detail
    assert not _counts(platform)
    platform.onboarding.configure(plant.configuration(COUNT))
    await until(lambda: _counts(platform) == [0], "it is connected as soon as it is approved")
    await until(lambda: not platform.onboarding.status.servers[0].untrusted_certificate, "nothing waits any more")


async def test_a_damaged_buffer_is_put_aside(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    await until(lambda: _counts(platform) == [0], "the first value")
    await box.stop()
    path = box.settings.data_dir / "buffer.sqlite"
    path.write_bytes(b"this is no buffer" * 1000)
    box.start()
    await plant.write("count", 7, ua.VariantType.UInt32)
    await until(lambda: _counts(platform)[-1:] == [7], "the gateway goes on")
    assert len(platform.historian.committed) == 2
    assert list(box.settings.data_dir.glob("buffer-damaged-*.sqlite"))
    assert any("damaged" in gap.detail for gap in platform.historian.gaps)


async def test_a_buffer_from_an_old_copy_loses_nothing_new(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await _started(plant, platform, box)
    await until(lambda: _counts(platform) == [0], "the first value")
    await box.stop()
    files = [box.settings.data_dir / f"buffer.sqlite{suffix}" for suffix in ("", "-wal")]
    copy = {path: path.read_bytes() for path in files if path.exists()}
    box.start()
    await _count(plant, 1, 30)
    await until(lambda: _counts(platform)[-1:] == [30], "the counts before the copy is put back")
    await box.stop()
    for path in files:
        path.unlink(missing_ok=True)
    for path, content in copy.items():
        path.write_bytes(content)
    box.start()
    await plant.write("count", 77, ua.VariantType.UInt32)
    await until(lambda: _counts(platform)[-1:] == [77], "the gateway goes on")
    assert len(platform.historian.committed) == 2
    await until(lambda: any("older copy" in gap.detail for gap in platform.historian.gaps), "a gap says so")


async def test_the_local_status_says_what_is_wrong(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    document = json.loads((box.settings.data_dir / "status.json").read_text())
    assert document["gateway"] == "tenants/acme/gateways/box"
    await platform.stop()

    def historian_is_away() -> bool:
        status = json.loads((box.settings.data_dir / "status.json").read_text())
        return not status["historian"]["connected"] and "cannot be reached" in status["historian"]["detail"]

    await until(historian_is_away, "the status says it")


@pytest.mark.parametrize("added_first", [True, False])
async def test_a_change_of_tags_leaves_the_others_alone(
    plant: Plant, platform: Platform, box: RunningGateway, added_first: bool
) -> None:
    await plant.add("speed", 1.5, ua.VariantType.Double)
    await _started(plant, platform, box)
    speed = tag(1, "speed", frame_pb2.VALUE_KIND_FLOAT64)
    await _count(plant, 1, 10)
    platform.onboarding.configure(plant.configuration(*([speed, COUNT] if added_first else [COUNT, speed])))
    await _count(plant, 11, 40)
    await until(lambda: platform.onboarding.complete_revision == 2, "the new item is reported")
    platform.onboarding.configure(plant.configuration(COUNT))
    await _count(plant, 41, 60)
    await until(lambda: len(_counts(platform)) >= 61, "all counts")
    assert _counts(platform) == list(range(61))
    assert platform.historian.values(ValueKind.FLOAT64, 1) == [1.5]
    assert not platform.historian.gaps
