"""Results of an app arrive once, whatever dies in between."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from dualspan_cli.harness import LocalPlant, local_plant
from dualspan_frame import Frame, ValueKind
from dualspan_manifest import LocalText, Output, PropertyNeed, Requirement
from dualspan_manifest import ValueKind as NeedKind
from dualspan_sdk import App, AppSettings, Client, DualSpanError, Endpoints, OutputTag, Results, SyncApp, open_app
from dualspan_sdk._credentials import FileCredentials
from dualspan_sdk._outbox import Outbox

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = LocalText("x", "x")
OUTPUTS = (
    Output("score", NAMES, NeedKind.FLOAT64, "", "machine"),
    Output("verdict", NAMES, NeedKind.TEXT, "", "machine"),
    Output("machines", NAMES, NeedKind.INT64, "", ""),
)
NEEDS = (Requirement("machine", (), 1, 2, (PropertyNeed("state", NeedKind.INT64),)),)


@pytest_asyncio.fixture
async def local() -> AsyncIterator[LocalPlant]:
    async with local_plant(["curing"], NEEDS, OUTPUTS, start=NOON) as running:
        yield running


@pytest_asyncio.fixture
async def app(local: LocalPlant) -> AsyncIterator[App]:
    async with open_app(local.settings) as opened:
        yield opened


def values(frame: Frame) -> list[object]:
    (block,) = frame.blocks
    return block.value.to_text() if block.kind is ValueKind.TEXT else block.value.tolist()  # type: ignore[union-attr]


async def test_results_of_each_kind(app: App, local: LocalPlant) -> None:
    times = np.array(["2026-11-20T11:00", "2026-11-20T11:01"], "datetime64[s]")
    microseconds = times.astype("M8[us]").view(np.int64).tolist()
    assert await app.results.write("press01", "score", times, [1.5, 2.5]) == 2
    await app.results.write("press02", "verdict", 1_000_000, "gut")
    await app.results.write("", "machines", 5, 2)
    await app.results.flush()
    assert values(local.results.of("press01", "score")) == [1.5, 2.5]
    assert local.results.of("press01", "score").blocks[0].timestamp.tolist() == microseconds
    assert values(local.results.of("press02", "verdict")) == ["gut"]
    assert values(local.results.of("", "machines")) == [2]
    newest = await app.plant.client.read_latest([app.settings.outputs["press01", "score"].tag_id])
    assert values(newest) == [2.5]


async def test_what_is_no_output_is_refused(app: App) -> None:
    with pytest.raises(DualSpanError, match=r"press03/score is no output .* Outputs: -/machines, press01/"):
        await app.results.write("press03", "score", 1, 1.0)
    with pytest.raises(ValueError, match="float64, the output is INT64"):
        await app.results.write("", "machines", 1, 1.5)
    with pytest.raises(ValueError, match="datetime64"):
        await app.results.write("press01", "score", 1.5, 1.5)
    with pytest.raises(ValueError, match="length 2"):
        await app.results.write("press01", "score", [1, 2], [1.0])


async def test_the_same_without_async(local: LocalPlant) -> None:
    def in_a_script() -> str:
        with SyncApp(local.settings) as app:
            ((_, latest),) = app.plant.latest([("press01", "state")]).items()
            assert app.results.write("press01", "score", latest.timestamp, [4.5]) == 1
            app.results.write("press02", "verdict", [1, 2], ["gut", "schlecht"])
            app.results.flush(10)
            app.health.working()
            with pytest.raises(DualSpanError, match="press03/score is no output"):
                app.results.write("press03", "score", 1, 1.0)
            with pytest.raises(ValueError, match="float64, the output is INT64"):
                app.results.write("", "machines", 1, 1.5)
            said = app.results.problem or app.health.problem
        app.close()
        with pytest.raises(RuntimeError, match="closed"):
            app.results.write("press01", "score", 1, 1.0)
        with pytest.raises(RuntimeError, match="closed"):
            app.plant.machines()
        return said

    assert await asyncio.to_thread(in_a_script) == ""
    assert values(local.results.of("press01", "score")) == [4.5]
    assert values(local.results.of("press02", "verdict")) == ["gut", "schlecht"]


def test_without_async_an_app_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    with pytest.raises(DualSpanError, match="TOKEN_FILE_UNREADABLE"):
        SyncApp(AppSettings.from_environment({"DUALSPAN_APP_TOKEN_FILE": str(tmp_path / "none")}))
    assert "dualspan-sdk" not in [each.name for each in threading.enumerate()]


async def test_results_wait_for_a_platform_that_is_away(local: LocalPlant, tmp_path: Path) -> None:
    file = tmp_path / "results.sqlite"
    nowhere = Endpoints(historian="127.0.0.1:9", onboarding="127.0.0.1:9")
    client = await Client.with_credentials(nowhere, FileCredentials(local.settings.token_file))
    async with client, Results(client, local.settings.outputs, Outbox(file)) as results:
        await results.write("press01", "score", [1, 2], [1.0, 2.0])
        with pytest.raises(TimeoutError):
            await results.flush(0.3)
    # The app dies; another life of it has the same folder, and then once more the file as it was before.
    before = tmp_path / "before.sqlite"
    shutil.copy(file, before)
    for path in (file, before):
        client = await Client.with_credentials(local.settings.endpoints, FileCredentials(local.settings.token_file))
        async with client, Results(client, local.settings.outputs, Outbox(path)) as results:
            await results.flush(10)
            assert results.problem == ""
    assert values(local.results.of("press01", "score")) == [1.0, 2.0]


async def test_what_the_platform_refuses_is_said_and_does_not_block(local: LocalPlant) -> None:
    foreign = {("x", "y"): OutputTag(42, ValueKind.FLOAT64), **local.settings.outputs}
    settings = replace(local.settings, outputs=foreign)
    async with open_app(settings) as app:
        await app.results.write("x", "y", 1, 1.0)
        await app.results.write("press01", "score", 1, 7.0)
        await app.results.flush(10)
        assert "no output of this app" in app.results.problem
    assert values(local.results.of("press01", "score")) == [7.0]


def test_an_outbox_is_bounded(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite", most_bytes=10)
    outbox.append(b"123456")
    with pytest.raises(DualSpanError, match="OUTBOX_FULL"):
        outbox.append(b"123456")
    outbox.committed(1)
    assert outbox.append(b"123456") == 2
    again = outbox.epoch
    outbox.close()
    reopened = Outbox(tmp_path / "o.sqlite")
    assert reopened.epoch == again
    assert [each.sequence for each in reopened.after(0, 5)] == [2]
    reopened.close()
