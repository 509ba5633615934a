"""Gaps filled from real servers' history: one of another make, one that keeps none, and ones that mean no good."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.settings import GatewaySettings
from dualspan_frame import ValueKind
from harness.link import Link
from harness.node_opcua import NodeOpcUaServer, NodeOpcUaSettings, run_node_opcua

DOUBLE = ua.VariantType.Double


@pytest.fixture
def settings(settings: GatewaySettings) -> GatewaySettings:
    """Of a gateway that is in a hurry."""
    return settings.model_copy(update={"repair_poll_seconds": 0.2, "repair_share": 0.9, "repair_chunk_values": 50})


def repaired(platform: Platform, count: int = 1) -> bool:
    return len({one.gap for one in platform.historian.repairs if one.done}) >= count


async def off_for(box: RunningGateway, seconds: float) -> None:
    await box.stop()
    await asyncio.sleep(seconds)
    box.start()


async def test_a_server_of_another_make_fills_what_it_sent_meanwhile(
    box: RunningGateway, platform: Platform, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    settings = NodeOpcUaSettings(port=free_port(), pki=str(tmp_path / "pki"), counter_ms=20)
    async with run_node_opcua(settings) as server:
        platform.historian.repairable = [1]
        platform.onboarding.configure(counter_of(server))
        box.start()
        await until(lambda: len(set(platform.historian.values(ValueKind.FLOAT64, 1))) > 20, "it counts")
        assert platform.historian.started.keys() == {1}
        await off_for(box, 3.0)
        await until(lambda: repaired(platform), "the gap is filled", 30)
        (gap, *_) = platform.historian.gaps
        assert gap.cause == historian.GAP_CAUSE_GATEWAY_DOWN
        last = platform.historian.repairs[-1]
        assert last.done
        assert not last.missing
        # 3 s of a counter every 20 ms, 50 values at a time.
        assert len(platform.historian.repairs) > 2
        samples = platform.historian.samples(ValueKind.FLOAT64, 1)
        assert samples is not None
        inside = (samples.timestamp >= gap.start_time.ToMicroseconds()) & (
            samples.timestamp <= gap.end_time.ToMicroseconds()
        )
        found = sorted(set(samples.take(inside).value.tolist()))
        assert len(found) > 100
        # Outside of the gap, a server that samples misses what changes faster; its history does not.
        assert found == [float(n) for n in range(int(found[0]), int(found[-1]) + 1)], "every value, without a hole"


def counter_of(server: NodeOpcUaServer) -> gateway.ServerConfiguration:
    counter = gateway.TagConfiguration(
        tag_id=1,
        node_id=f"nsu={server.application_uri};s=machine.Counter",
        kind=int(ValueKind.FLOAT64),
        queue_size=1000,
    )  # pyright: ignore[reportArgumentType]
    counter.sampling_interval.FromMilliseconds(10)
    counter.publishing_interval.FromMilliseconds(50)
    return gateway.ServerConfiguration(
        server="plant", endpoint_url=server.url, security_mode=onboarding.SECURITY_MODE_NONE, tags=[counter]
    )


@pytest.mark.parametrize(
    "status", [0, ua.StatusCodes.BadHistoryOperationUnsupported, ua.StatusCodes.BadUserAccessDenied]
)
async def test_a_server_without_history_is_asked_once_and_the_ledger_says_so(
    box: RunningGateway, platform: Platform, plant: Plant, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it says so, or answers with nothing although the value has changed."""
    asked = 0

    async def answer(params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        nonlocal asked
        asked += 1
        return [ua.HistoryReadResult(StatusCode=ua.StatusCode(ua.UInt32(status)))] * len(params.NodesToRead)

    monkeypatch.setattr(plant.server.iserver.history_manager, "read_history", answer)
    await plant.add("speed", 1.0, DOUBLE)
    platform.historian.repairable = [1]
    platform.onboarding.configure(plant.configuration(tag(1, "speed", ValueKind.FLOAT64)))
    box.start()
    await until(lambda: bool(platform.historian.values(ValueKind.FLOAT64, 1)), "it streams")
    await box.stop()
    await plant.write("speed", 2.0, DOUBLE)
    box.start()
    await until(lambda: repaired(platform), "the gap is given up", 30)
    (step,) = [one for one in platform.historian.repairs if one.done]
    (missing,) = step.missing
    words = {0: "holds nothing", ua.StatusCodes.BadUserAccessDenied: "access denied"}
    assert words.get(status, "keeps no history of this node") in missing.detail
    assert asked <= 2
    await asyncio.sleep(1.0)
    assert asked <= 2, "it is not tried again and again"


@pytest.mark.parametrize("status", [ua.StatusCodes.BadTooManyOperations, ua.StatusCodes.BadUserAccessDenied])
async def test_what_cannot_be_read_for_now_is_read_over_the_same_connection(
    box: RunningGateway, platform: Platform, plant: Plant, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself where the server is busy; where it refuses, once somebody has seen to that and says so."""
    box.settings.repair_again_seconds = 1.0
    speed = await plant.add("speed", 1.0, DOUBLE)
    await plant.server.historize_node_data_change(plant.server.get_node(speed), period=None, count=100)
    history, is_open = plant.server.iserver.history_manager, False
    read_history = history.read_history

    async def answer(params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        if is_open:
            return await read_history(params)
        return [ua.HistoryReadResult(StatusCode=ua.StatusCode(ua.UInt32(status)))] * len(params.NodesToRead)

    monkeypatch.setattr(history, "read_history", answer)
    platform.historian.repairable = [1]
    platform.onboarding.configure(plant.configuration(tag(1, "speed", ValueKind.FLOAT64)))
    box.start()
    await until(lambda: bool(platform.historian.values(ValueKind.FLOAT64, 1)), "it streams")
    await box.stop()
    for number in range(2, 5):
        await plant.write("speed", float(number), DOUBLE)
        await asyncio.sleep(0.02)
    box.start()
    if status == ua.StatusCodes.BadUserAccessDenied:
        await until(lambda: repaired(platform), "the gap is given up", 30)
        assert "access denied" in platform.historian.repairs[-1].missing[0].detail
        is_open = True
        platform.historian.repairs.clear()
        platform.historian.attempts = 1
    else:
        await until(lambda: platform.historian.left_out == [1], "the tag is left alone", 30)
        is_open = True
    await until(lambda: repaired(platform), "the gap is filled", 30)
    assert {2.0, 3.0, 4.0} <= set(platform.historian.values(ValueKind.FLOAT64, 1))


async def test_what_did_not_change_while_nobody_looked_is_not_missing(
    box: RunningGateway, platform: Platform, plant: Plant
) -> None:
    """A set point is written once in a year: no history has that, and its timestamp says that nothing happened."""
    await plant.add("speed", 0.0, DOUBLE)
    await plant.write("speed", 1.0, DOUBLE, age=dt.timedelta(minutes=30))
    platform.historian.repairable = [1]
    platform.onboarding.configure(plant.configuration(tag(1, "speed", ValueKind.FLOAT64)))
    box.start()
    await until(lambda: bool(platform.historian.values(ValueKind.FLOAT64, 1)), "it streams")
    await off_for(box, 0.5)
    await until(lambda: repaired(platform), "the gap is done", 30)
    assert not platform.historian.repairs[-1].missing


async def test_a_node_that_keeps_history_among_others_that_do_not(
    box: RunningGateway, platform: Platform, plant: Plant
) -> None:
    speed = await plant.add("speed", 0.0, DOUBLE)
    await plant.add("other", 0.0, DOUBLE)
    node = plant.server.get_node(speed)
    await plant.server.historize_node_data_change(node, period=None, count=10_000)
    platform.historian.repairable = [1, 2]
    tags = [tag(1, "speed", ValueKind.FLOAT64), tag(2, "other", ValueKind.FLOAT64)]
    platform.onboarding.configure(plant.configuration(*tags))
    box.start()
    for number in range(1, 20):
        await plant.write("speed", float(number), DOUBLE)
        await asyncio.sleep(0.02)
    await until(lambda: 19.0 in platform.historian.values(ValueKind.FLOAT64, 1), "it streams")
    first = min(platform.historian.values(ValueKind.FLOAT64, 1))
    await box.stop()
    await plant.write("other", 1.0, DOUBLE)
    for number in range(20, 150):
        await plant.write("speed", float(number), DOUBLE)
        await asyncio.sleep(0.005)
    box.start()
    await until(lambda: 149.0 in platform.historian.values(ValueKind.FLOAT64, 1), "it streams again")
    await until(lambda: {one.tag_id for one in platform.historian.repairs if one.done} >= {1, 2}, "both are done", 30)
    assert set(platform.historian.values(ValueKind.FLOAT64, 1)) >= {float(n) for n in range(int(first), 150)}
    done = {one.tag_id: one for one in platform.historian.repairs if one.done}
    assert not done[1].missing
    assert "does not record this node" in done[2].missing[0].detail


@pytest.mark.parametrize("behaviour", ["endless", "lying", "silent"])
async def test_a_server_whose_history_means_no_good_does_not_hold_up_what_is_live(
    box: RunningGateway, platform: Platform, plant: Plant, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = await plant.add("speed", 0.0, DOUBLE)
    await plant.server.historize_node_data_change(plant.server.get_node(speed), period=None, count=100)
    platform.historian.repairable = [1]
    platform.onboarding.configure(plant.configuration(tag(1, "speed", ValueKind.FLOAT64)))
    box.start()
    await until(lambda: bool(platform.historian.values(ValueKind.FLOAT64, 1)), "it streams")
    asked = 0

    async def answer(params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        nonlocal asked
        asked += 1
        if behaviour == "silent":
            await asyncio.sleep(3600)
        result = ua.HistoryReadResult()
        result.ContinuationPoint = b"for ever"
        value = ua.DataValue(ua.Variant(1.0, DOUBLE), SourceTimestamp=ua.uatypes.datetime.now(ua.uatypes.timezone.utc))
        result.HistoryData = ua.HistoryData([value]) if behaviour == "endless" else ua.HistoryEvent([])
        return [result] * (1 if behaviour == "endless" else 1000)

    monkeypatch.setattr(plant.server.iserver.history_manager, "read_history", answer)
    await off_for(box, 0.3)
    await until(lambda: asked > 0, "history is asked for", 20)
    await plant.write("speed", 7.5, DOUBLE)
    await until(lambda: 7.5 in platform.historian.values(ValueKind.FLOAT64, 1), "live values go on")
    if behaviour == "endless":
        await until(lambda: repaired(platform), "it is given up", 20)
        assert asked < 20


async def test_elements_are_taken_out_of_history_as_they_are_out_of_notifications(
    box: RunningGateway, platform: Platform, plant: Plant
) -> None:
    zones = await plant.add("zones", [0.0, 0.0], DOUBLE)
    await plant.server.historize_node_data_change(plant.server.get_node(zones), period=None, count=10_000)
    tags = [tag(number + 1, "zones", ValueKind.FLOAT64) for number in range(2)]
    for number, one in enumerate(tags):
        one.field_path = f"[{number}]"
    platform.historian.repairable = [1, 2]
    platform.onboarding.configure(plant.configuration(*tags))
    box.start()
    await until(lambda: bool(platform.historian.values(ValueKind.FLOAT64, 2)), "it streams")
    await plant.write("zones", [1.0, 10.0], DOUBLE)
    await until(lambda: 10.0 in platform.historian.values(ValueKind.FLOAT64, 2), "it changes")
    await box.stop()
    for number in range(2, 120):
        await plant.write("zones", [float(number), number * 10.0], DOUBLE)
        await asyncio.sleep(0.003)
    box.start()
    await until(lambda: {one.tag_id for one in platform.historian.repairs if one.done} >= {1, 2}, "both are done", 30)
    assert set(platform.historian.values(ValueKind.FLOAT64, 1)) >= {float(n) for n in range(1, 120)}
    assert set(platform.historian.values(ValueKind.FLOAT64, 2)) >= {n * 10.0 for n in range(1, 120)}


async def test_a_connection_that_is_lost_while_history_is_read_is_made_again(
    box: RunningGateway, platform: Platform, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place in the history that the server keeps cannot be given back any more, and nobody insists on it."""
    link = Link(("127.0.0.1", plant.port))
    await link.open()
    await plant.add("speed", 0.0, DOUBLE)
    platform.historian.repairable = [1]
    configuration = plant.configuration(tag(1, "speed", ValueKind.FLOAT64))
    configuration.endpoint_url = f"opc.tcp://127.0.0.1:{link.port}/"
    platform.onboarding.configure(configuration)
    box.settings.repair_share = 0.1
    box.start()
    await until(lambda: bool(platform.historian.values(ValueKind.FLOAT64, 1)), "it streams")
    reading_on = asyncio.Event()

    async def answer(params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        result = ua.HistoryReadResult()
        if not reading_on.is_set():
            result.ContinuationPoint = b"there is more"
            if params.NodesToRead[0].ContinuationPoint and not params.ReleaseContinuationPoints:
                await asyncio.sleep(0.2)
                reading_on.set()
        value = ua.DataValue(ua.Variant(1.0, DOUBLE), SourceTimestamp=ua.uatypes.datetime.now(ua.uatypes.timezone.utc))
        result.HistoryData = ua.HistoryData([value])
        return [result]

    monkeypatch.setattr(plant.server.iserver.history_manager, "read_history", answer)
    await off_for(box, 0.3)
    await until(reading_on.is_set, "a second chunk is read", 20)
    # Now the gateway waits, for nine times as long as the server has worked.
    await asyncio.sleep(0.3)
    link.cut()
    link.mend()
    await plant.write("speed", 7.5, DOUBLE)
    await until(lambda: 7.5 in platform.historian.values(ValueKind.FLOAT64, 1), "live values go on")
    await box.stop()
    await link.close()
