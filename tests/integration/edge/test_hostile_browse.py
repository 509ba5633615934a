"""Servers that break the standard while they are browsed: bounded memory and time, words that say what was wrong."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.opcua import asking
from dualspan_edge.opcua.browse import Bounds, Browser
from dualspan_edge.opcua.certificates import load_application_instance
from dualspan_edge.opcua.connection import Connection, connect
from dualspan_frame import ValueKind
from harness.hostile import root_of, run_hostile_server

MEGABYTES = 1024 * 1024


@pytest.fixture(scope="module")
def hostile_url() -> Iterator[str]:
    with run_hostile_server() as url:
        yield url


def _configuration(url: str) -> gateway.ServerConfiguration:
    return gateway.ServerConfiguration(
        server="hostile",
        endpoint_url=url,
        security_mode=onboarding.SECURITY_MODE_NONE,
        security_policy=onboarding.SECURITY_POLICY_NONE,
    )


@pytest_asyncio.fixture
async def hostile(hostile_url: str, tmp_path: Path) -> AsyncGenerator[Connection]:
    instance = load_application_instance(tmp_path, "box")
    connection = await connect(_configuration(hostile_url), instance, None)
    yield connection
    await connection.close(keep_session=False)


@dataclass(slots=True)
class Found:
    """What a browse brought."""

    paths: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    truncated: bool = False
    peak: int = 0
    seconds: float = 0.0


async def _browse(connection: Connection, behaviour: str, most: int = 1000, bounds: Bounds | None = None) -> Found:
    found = Found()
    browser = Browser(connection, root_of(behaviour), most, bounds)
    started = time.perf_counter()
    tracemalloc.start()
    try:
        async for discovery in browser.run():
            found.paths += [node.browse_path for node in discovery.nodes]
        _, found.peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    found.seconds = time.perf_counter() - started
    found.warnings, found.truncated = browser.warnings(), browser.truncated
    return found


async def test_continuation_points_that_repeat_themselves_are_left(hostile: Connection) -> None:
    found = await _browse(hostile, "same")
    assert found.paths == ["Child"]
    (warning,) = found.warnings
    assert "have no end and bring nothing" in warning
    assert not found.truncated


async def test_nodes_without_end_stop_where_they_may(hostile: Connection) -> None:
    found = await _browse(hostile, "new", most=3000)
    assert len(found.paths) == len(set(found.paths)) == 3000
    assert found.truncated
    assert found.peak < 32 * MEGABYTES


async def test_properties_without_end_are_left(hostile: Connection) -> None:
    found = await _browse(hostile, "properties")
    assert found.paths == []
    assert "have no end and bring nothing" in found.warnings[0]


async def test_a_tree_without_a_bottom_has_one(hostile: Connection) -> None:
    found = await _browse(hostile, "deep", bounds=Bounds(depth=30))
    assert len(found.paths) == 29
    assert found.truncated
    assert "more than 30 levels deep" in found.warnings[0]


async def test_cycles_and_repeats_list_every_node_once(hostile: Connection) -> None:
    found = await _browse(hostile, "cycle")
    assert found.paths == ["A", "A/B"]
    assert not found.warnings
    assert not found.truncated


@pytest.mark.long
async def test_more_references_than_were_asked_for_are_not_taken(hostile: Connection) -> None:
    found = await _browse(hostile, "flood", most=100_000)
    assert len(found.paths) == 10_000
    assert "more references than it was asked for" in found.warnings[0]
    assert found.peak < 64 * MEGABYTES


async def test_huge_texts_are_cut(hostile: Connection) -> None:
    found = await _browse(hostile, "huge")
    assert "fine" in found.paths
    assert "display" in found.paths
    assert max(map(len, found.paths)) <= 1000
    assert any("NodeId that is malformed" in warning for warning in found.warnings)
    assert found.peak < 48 * MEGABYTES


async def test_states_without_measure_are_left_out(hostile: Connection) -> None:
    found = await _browse(hostile, "states")
    assert len(found.paths) == 20
    assert any("too long" in warning for warning in found.warnings)
    assert found.peak < 96 * MEGABYTES


async def test_texts_that_are_no_utf_8_are_repaired(hostile: Connection) -> None:
    found = await _browse(hostile, "text")
    assert found.paths == ["Te\ufffd\ufffdmp"]
    assert any("are not UTF-8" in warning for warning in found.warnings)
    assert any("NodeId that is malformed" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("behaviour", "paths", "words"),
    [
        ("nopoints", ["poor", "fine"], "BadNoContinuationPoints"),
        ("vanish", ["First"], "BadContinuationPointInvalid"),
        ("denied", ["secret", "open"], "does not let this user"),
    ],
)
async def test_what_cannot_be_browsed_is_named_and_holds_up_nothing(
    hostile: Connection, behaviour: str, paths: list[str], words: str
) -> None:
    found = await _browse(hostile, behaviour)
    assert found.paths == paths
    (warning,) = found.warnings
    assert warning.startswith("1 nodes could not be browsed")
    assert words in warning


async def test_a_server_that_takes_less_than_it_states_is_asked_for_less(hostile: Connection) -> None:
    assert hostile.limits.nodes_per_browse == 1000
    found = await _browse(hostile, "few")
    assert len(found.paths) == 50
    assert any("fewer operations in a call than it states" in warning for warning in found.warnings)


async def test_another_number_of_results_ends_the_browse(hostile: Connection) -> None:
    with pytest.raises(ua.UaError, match="answered 49 results to 50"):
        await _browse(hostile, "short")


async def test_a_server_that_falls_silent_ends_the_browse_in_time(
    hostile: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TIMEOUT_SECONDS", 0.5)
    started = time.perf_counter()
    with pytest.raises(TimeoutError, match="did not answer within"):
        await _browse(hostile, "silent")
    assert time.perf_counter() - started < 5


async def test_time_is_bounded(hostile: Connection) -> None:
    found = await _browse(hostile, "deep", bounds=Bounds(seconds=0.0))
    assert found.truncated
    assert "took longer" in found.warnings[0]


async def test_a_browse_that_nobody_wants_any_more_ends(
    hostile_url: str, platform: Platform, box: RunningGateway
) -> None:
    platform.onboarding.configure(_configuration(hostile_url))
    box.start()
    await until(lambda: platform.onboarding.server_state() == onboarding.CONNECTION_STATE_CONNECTED, "connected")
    for command in ("wanted", "unwanted"):
        platform.onboarding.browse(command, "hostile", root_of("new"), max_nodes=4000)
    await asyncio.sleep(0.1)
    platform.onboarding.cancel("unwanted")
    await until(lambda: "wanted" in platform.onboarding.finished, "the other one goes on")
    await asyncio.sleep(0.5)
    assert "unwanted" not in platform.onboarding.finished
    assert len(platform.onboarding.browsed["wanted"]) == 4000


async def test_other_servers_stream_on_while_one_misbehaves(
    hostile_url: str, plant: Plant, platform: Platform, box: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server falls silent in the middle of a browse; the plant beside it loses nothing, and both browses end."""
    monkeypatch.setattr(asking, "_TIMEOUT_SECONDS", 1.0)
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(
        _configuration(hostile_url), plant.configuration(tag(2, "count", frame_pb2.VALUE_KIND_INT64))
    )
    box.start()
    await until(lambda: len(platform.historian.values(ValueKind.INT64, 2)) == 1, "the first value")
    await until(
        lambda: (
            {status.state for status in platform.onboarding.status.servers} == {onboarding.CONNECTION_STATE_CONNECTED}
        ),
        "both are connected",
    )
    platform.onboarding.browse("silent", "hostile", root_of("silent"))
    platform.onboarding.browse("plant", "plant")
    for number in range(1, 101):
        await plant.write("count", number, ua.VariantType.UInt32)
        await asyncio.sleep(0.02)
    await until(lambda: len(platform.historian.values(ValueKind.INT64, 2)) == 101, "every value came")
    assert platform.historian.values(ValueKind.INT64, 2) == list(range(101))
    assert not [gap for gap in platform.historian.gaps if gap.tag_id == 2 or gap.server.endswith("plant")]
    await until(lambda: len(platform.onboarding.finished) == 2, "every browse has ended")
    assert "did not answer" in platform.onboarding.finished["silent"]
    assert platform.onboarding.finished["plant"] == ""
