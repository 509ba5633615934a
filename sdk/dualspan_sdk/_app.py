"""An app as the platform runs it: its settings, its plant, its health."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from dualspan_sdk._binding import FileBinding
from dualspan_sdk._client import Client
from dualspan_sdk._credentials import FileCredentials
from dualspan_sdk._errors import DualSpanError
from dualspan_sdk._outbox import Outbox
from dualspan_sdk._plant import Plant
from dualspan_sdk._runtime import AppRuntime
from dualspan_sdk._writing import Results
from dualspan_sdk.settings import AppSettings

_Scope: TypeAlias = Mapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[Any]]
_Send: TypeAlias = Callable[[Any], Awaitable[None]]
# Somebody must have said so within this time, or the app counts as stuck.
_STALE_SECONDS = 60.0
_TELL_SECONDS = 20.0
_TELL_AGAIN_SECONDS = 3.0
_LOOK_SECONDS = 1.0


async def open_plant(settings: AppSettings | None = None) -> Plant:
    """The plant that was granted to this app; an async context manager.

    Args:
        settings: Read from the environment if None.

    Raises:
        DualSpanError: The environment or the access token cannot be read; the message says which and why.
    """
    settings = settings or AppSettings.from_environment()
    client = await Client.with_credentials(settings.endpoints, FileCredentials(settings.token_file))
    binding = None if settings.binding_file is None else FileBinding(settings.binding_file).assets
    return Plant(client, settings.clock, binding)


class Health:
    """Whether an app works, as an ASGI application for the path that the manifest names: 200, or 503 with the reason.

    The part of the app that does the work calls `working` whenever it got something done, and `failing` when it could
    not. An app that says nothing for a minute counts as stuck.

    Args:
        stale_seconds: How long silence is no reason to worry.
    """

    def __init__(self, stale_seconds: float = _STALE_SECONDS) -> None:
        self._stale = stale_seconds
        self._said = time.monotonic()
        self._reason = "starting"

    def working(self) -> None:
        """It works."""
        self._said, self._reason = time.monotonic(), ""

    def failing(self, reason: str) -> None:
        """It does not, for a reason that a person can act on."""
        self._said, self._reason = time.monotonic(), reason

    @property
    def problem(self) -> str:
        """Why it does not work; empty if it does."""
        silent = time.monotonic() - self._said
        if silent > self._stale:
            return f"nothing was done for {silent:.0f} s" + (f", after: {self._reason}" if self._reason else "")
        return self._reason

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer a request (ASGI 3.0)."""
        if scope["type"] != "http":
            raise ValueError(f"a health endpoint answers http, not {scope['type']}")
        problem = self.problem
        body = json.dumps({"status": "failing" if problem else "ok", "reason": problem}).encode()
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 503 if problem else 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def forever(work: Callable[[], Awaitable[object]], health: Health, every_seconds: float) -> None:
    """Do a piece of work again and again, telling `health` how it went; an error is told and tried again.

    Args:
        work: One piece.
        health: Hears of it.
        every_seconds: Pause between two pieces.
    """
    while True:
        try:
            await work()
            health.working()
        except Exception as err:  # noqa: BLE001 - a supervised loop: the app lives, and its health says why it fails
            health.failing(f"{type(err).__name__}: {err}")
        await asyncio.sleep(every_seconds)


@dataclass(frozen=True, slots=True)
class App:
    """A running app.

    Attributes:
        plant: What was granted to it.
        settings: What it was told.
        results: Writes its outputs back.
        health: What it tells of itself.
    """

    plant: Plant
    settings: AppSettings
    results: Results
    health: Health


@asynccontextmanager
async def open_app(settings: AppSettings | None = None) -> AsyncGenerator[App]:
    """Everything that the platform gives an app: from the files that it was started with, or, where the environment
    names a marketplace, from there.

    Args:
        settings: Read from the environment if None.

    Raises:
        DualSpanError: The environment or the access token cannot be read, or the marketplace refuses; the message says
            which and why.
    """
    settings = settings or AppSettings.from_environment()
    opened = _from_marketplace(settings) if settings.marketplace and settings.subscription else _from_files(settings)
    async with opened as app:
        yield app


@asynccontextmanager
async def _from_files(settings: AppSettings) -> AsyncGenerator[App]:
    async with await open_plant(settings) as plant:
        outbox = Outbox(settings.data / "results.sqlite")
        async with Results(plant.client, settings.outputs, outbox) as results:
            yield App(plant, settings, results, Health())


@asynccontextmanager
async def _from_marketplace(settings: AppSettings) -> AsyncGenerator[App]:
    channel = settings.endpoints.open_channel(settings.marketplace)
    async with AppRuntime(channel, settings.subscription, FileCredentials(settings.token_file)) as runtime:
        settings = replace(settings, configuration=await runtime.configuration())
        client = await Client.with_credentials(settings.endpoints, runtime.credentials)
        async with Plant(client, settings.clock, runtime.assets) as plant:
            outbox = Outbox(settings.data / "results.sqlite")
            async with Results(client, await runtime.outputs(), outbox, runtime.outputs) as results:
                health = Health()
                telling = asyncio.create_task(tell_health(runtime, health, results))
                try:
                    yield App(plant, settings, results, health)
                finally:
                    telling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await telling


async def tell_health(runtime: AppRuntime, health: Health, results: Results) -> None:
    """Report health when it has turned, and now and then; what was not heard is told again soon."""
    was_well, next_time = None, 0.0
    while True:
        problem, now = health.problem or results.problem, time.monotonic()
        if was_well is not (not problem) or now >= next_time:
            was_well, next_time = not problem, now + _TELL_AGAIN_SECONDS
            with contextlib.suppress(DualSpanError):
                await runtime.report(problem)
                next_time = now + _TELL_SECONDS
        await asyncio.sleep(_LOOK_SECONDS)
