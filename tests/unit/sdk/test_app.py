"""What an app is told when it starts, and what it tells of itself."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dualspan_sdk import AppSettings, Clock, DualSpanError, FileCredentials, Health, _app, forever
from dualspan_sdk._binding import FileBinding

TOKEN = "e30.eyJ0ZW5hbnQiOiAiYnJld2VyeSIsICJleHAiOiA0MTAyNDQ0ODAwfQ."  # {"tenant": "brewery", "exp": 4102444800}


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    chosen = tmp_path / "config.json"
    chosen.write_text('{"shift": "06:00"}')
    environment = {
        "DUALSPAN_APP_HISTORIAN": "historian:7403",
        "DUALSPAN_APP_ONBOARDING": "onboarding:7402",
        "DUALSPAN_APP_CONFIG_FILE": str(chosen),
        "DUALSPAN_APP_PORT": "9000",
        "DUALSPAN_APP_SUBSCRIPTION": "tenants/a/subscriptions/b",
        "DUALSPAN_APP_CLOCK": "1000/2000/60.0",
        "HOME": "/nowhere",
    }
    settings = AppSettings.from_environment(environment)
    assert (settings.endpoints.historian, settings.endpoints.onboarding) == ("historian:7403", "onboarding:7402")
    assert settings.configuration == {"shift": "06:00"}
    assert (settings.port, settings.subscription) == (9000, "tenants/a/subscriptions/b")
    assert settings.clock == Clock(1000, 2000, 60.0)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "80a"), ("PORT", "70000"), ("CLOCK", "noon"), ("CONFIG_FILE", "/no/such/file")],
)
def test_what_cannot_be_read_is_named(variable: str, value: str) -> None:
    with pytest.raises(DualSpanError, match=f"DUALSPAN_APP_{variable}") as caught:
        AppSettings.from_environment({f"DUALSPAN_APP_{variable}": value})
    assert caught.value.reason == "INVALID_ENVIRONMENT"


def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path) -> None:
    chosen = tmp_path / "config.json"
    chosen.write_text("[1]")
    with pytest.raises(DualSpanError, match="no JSON object"):
        AppSettings.from_environment({"DUALSPAN_APP_CONFIG_FILE": str(chosen)})


def test_a_clock_runs_from_where_it_was_set() -> None:
    clock = Clock.parse(str(Clock(plant_us=0, machine_us=0, speed=2.0)))
    assert clock.now_us() == pytest.approx(2 * datetime.now(UTC).timestamp() * 1e6, rel=1e-6)
    assert abs((Clock().now() - datetime.now(UTC)).total_seconds()) < 5


async def test_a_token_is_read_anew_when_the_platform_changed_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    credentials = FileCredentials(file)
    first = await credentials.current()
    assert first.tenant == "tenants/brewery"
    assert await credentials.renewed(first) is None
    file.write_text(TOKEN + "other")
    second = await credentials.renewed(first)
    assert second is not None
    assert second.secret == TOKEN + "other"
    file.unlink()
    with pytest.raises(DualSpanError, match="TOKEN_FILE_UNREADABLE"):
        await credentials.current()


async def answer_of(health: Health) -> tuple[int, dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> object:
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await health({"type": "http"}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_health_says_why_it_fails() -> None:
    health = Health()
    assert await answer_of(health) == (503, {"status": "failing", "reason": "starting"})
    health.working()
    assert await answer_of(health) == (200, {"status": "ok", "reason": ""})
    health.failing("the historian is away")
    assert await answer_of(health) == (503, {"status": "failing", "reason": "the historian is away"})


async def test_who_says_nothing_is_stuck() -> None:
    health = Health(stale_seconds=-1.0)
    health.working()
    status, said = await answer_of(health)
    assert status == 503
    assert "nothing was done" in said["reason"]


async def test_work_goes_on_after_an_error() -> None:
    health, seen, done = Health(), list[str](), asyncio.Event()

    async def work() -> None:
        seen.append(health.problem)
        if len(seen) == 2:
            raise ValueError("too hot")
        if len(seen) == 4:
            done.set()

    task = asyncio.create_task(forever(work, health, 0.0))
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    assert seen[:4] == ["starting", "", "ValueError: too hot", ""]


async def test_what_is_granted_is_read_anew_when_the_subscriber_chose_other_machines(tmp_path: Path) -> None:
    file = tmp_path / "binding.json"
    model = {"name": "tenants/a/assetModels/press", "version": "1.0.0", "properties": [{"id": "state", "kind": 2}]}
    bound = {"property": "state", "tag": "tenants/a/tags/7", "factor": 2.0}
    asset = {"level": "ASSET_LEVEL_MACHINE", "model": "press", "modelVersion": "1.0.0", "bindings": [bound]}

    def grant(*names: str) -> None:
        fresh = tmp_path / "fresh.json"
        assets = [{"name": f"tenants/a/assets/{name}", **asset} for name in names]
        fresh.write_text(json.dumps({"assets": assets, "models": [model]}))
        fresh.rename(file)

    binding = FileBinding(file)
    with pytest.raises(DualSpanError, match="BINDING_UNREADABLE"):
        await binding.assets()
    grant("m1")
    first = await binding.assets()
    assert [each.id for each in first.machines(["state"])] == ["m1"]
    assert first["m1"].sources["state", 0].tag_id == 7
    assert await binding.assets() is first
    grant("m1", "m2")
    assert [each.id for each in await binding.assets()] == ["m1", "m2"]
    for wrong in ("[]", "{", '{"assets": [{"name": 5}], "models": []}'):
        file.write_text(wrong)
        with pytest.raises(DualSpanError, match="BINDING_UNREADABLE"):
            await binding.assets()


async def test_health_that_was_not_heard_is_told_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    health, heard, told = Health(), list[str](), asyncio.Event()
    monkeypatch.setattr(_app, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(_app, "_TELL_AGAIN_SECONDS", 0.01)

    class Runtime:
        async def report(self, problem: str) -> None:
            heard.append(problem)
            if len(heard) == 1:
                health.working()
            if len(heard) == 2:
                raise DualSpanError("UNAVAILABLE", "UNAVAILABLE", "away")
            if len(heard) == 3:
                told.set()

    class Results:
        problem = ""

    runtime: Any = Runtime()
    results: Any = Results()
    task = asyncio.create_task(_app.tell_health(runtime, health, results))
    await asyncio.wait_for(told.wait(), 5)
    # Heard once, it is said again after a while only.
    await asyncio.sleep(0.05)
    task.cancel()
    assert heard == ["starting", "", ""]
