"""Identity, marketplace, console and the pages of apps beside each other, with subscriptions as rows."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import grpc.aio
import uvicorn
from integration.identity.running import EMAIL, Identity, identity_settings, platform, run_identity

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceStub
from dualspan_access.server import serving
from dualspan_access.settings import AccessSettings
from dualspan_console.app import build as build_console
from dualspan_console.settings import ConsoleSettings
from dualspan_marketplace.__main__ import build as build_marketplace
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_runtime.channels import open_channel
from harness.databases import ClonedDatabase

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceAsyncStub

APPS = Path(__file__).parents[2] / "apps"
BOARD = (APPS / "oee-board/app.yaml").read_text("utf-8")
CHECK_SECONDS = 0.3


@dataclass
class Doors:
    """All of it, running."""

    identity: Identity
    stub: AccessServiceAsyncStub
    database: ClonedDatabase
    marketplace: str
    access_port: int
    console: str
    client: aiohttp.ClientSession

    async def execute(self, statement: str, *values: Any) -> None:
        admin = await asyncpg.connect(self.database.admin_url)
        await admin.execute(statement, *values)
        await admin.close()

    async def rows(self, query: str) -> list[Any]:
        admin = await asyncpg.connect(self.database.admin_url)
        found = await admin.fetch(query)
        await admin.close()
        return found

    async def subscribe(self, subscription: str, address: str, manifest: str = BOARD, tenant: str = "acme") -> None:
        """A subscription whose app runs as a process at an address."""
        await self.execute(
            """INSERT INTO marketplace.subscription (tenant_id, subscription_id, publisher, app_id, version, manifest,
                plan_id, max_assets, is_paid, trial_days, was_trial, configuration, state, generation, cause, reason,
                request_digest, scopes)
            VALUES ($1, $2, 'maker', 'oee-board', '1.0.0', $3, 'free', 0, false, 0, false, '{}', 'active', 1, '', '',
                '', '{}')""",
            tenant,
            subscription,
            manifest,
        )
        await self.execute(
            "INSERT INTO marketplace.deployment (tenant_id, subscription_id, provisioner, address)"
            " VALUES ($1, $2, 'process', $3)",
            tenant,
            subscription,
            address,
        )

    async def open(self, subscription: str, who: grpc.aio.Metadata, tenant: str = "acme") -> str:
        """The one-time address that somebody gets."""
        request = contract.OpenAppRequest(name=f"tenants/{tenant}/subscriptions/{subscription}")
        return (await self.stub.OpenApp(request, metadata=who)).uri

    async def enter(self, uri: str) -> Visit:
        """Hand in a one-time address, as a browser does."""
        host = urlsplit(uri).netloc
        status, headers, _ = await self.get(uri, host)
        assert status == 303, headers
        return Visit(self, host, headers["Set-Cookie"].partition(";")[0])

    async def get(self, uri: str, host: str = "", **headers: str) -> tuple[int, Any, str]:
        """Asks at the address that browsers find under every name of localhost."""
        parts = urlsplit(uri)
        where = f"http://127.0.0.1:{self.access_port}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": host or parts.netloc, **headers}
        async with self.client.get(where, headers=sent, allow_redirects=False) as response:
            return response.status, response.headers.copy(), await response.text()


@dataclass
class Visit:
    """A browser that has an app open."""

    doors: Doors
    host: str
    cookie: str

    async def get(self, path: str = "/", **headers: str) -> tuple[int, Any, str]:
        return await self.doors.get(path, self.host, Cookie=self.cookie, **headers)

    async def shut(self) -> int:
        """The status once the app can be seen no more; it has a few checks' time."""
        status = 200
        for _ in range(40):
            status, _, _ = await self.get()
            if status != 200:
                break
            await asyncio.sleep(CHECK_SECONDS / 4)
        return status


@asynccontextmanager
async def running_doors(
    database: ClonedDatabase, redis_url: str, free_port: Callable[[], int]
) -> AsyncGenerator[Doors]:
    """All of it. The marketplace is told of ports before there is somebody."""
    access, console, market = free_port(), free_port(), f"127.0.0.1:{free_port()}"
    async with AsyncExitStack() as stack:
        identity = await stack.enter_async_context(run_identity(identity_settings(database)))
        shared = platform(
            identity_address=identity.address,
            marketplace_address=market,
            # Nobody is these here.
            onboarding_address="127.0.0.1:9",
            historian_address="127.0.0.1:9",
            redis_url=redis_url,
            apps_url=f"http://apps.localhost:{access}",
            console_url=f"http://127.0.0.1:{console}",
        )
        settings = MarketplaceSettings.model_validate(
            {
                "listen": market,
                "database_url": database.service_url("marketplace"),
                "database_pool_size": 4,
                "drain_seconds": 0.5,
                "platform": shared,
            }
        )
        await stack.enter_async_context(build_marketplace(settings))
        front = AccessSettings(listen=f"127.0.0.1:{access}", check_seconds=CHECK_SECONDS, platform=shared)
        await stack.enter_async_context(serving(front))
        await stack.enter_async_context(_console(ConsoleSettings(listen=f"127.0.0.1:{console}", platform=shared)))
        channel = await stack.enter_async_context(open_channel(market))
        client = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        yield Doors(identity, AccessServiceStub(channel), database, market, access, shared.console_url, client)


@asynccontextmanager
async def _console(settings: ConsoleSettings) -> AsyncGenerator[None]:
    host, port = settings.address
    async with build_console(settings) as app:
        config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def running_app(app: str) -> AsyncGenerator[str]:
    """One of our apps as a process of its own over simulated machines; host:port of its pages."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dualspan_cli", "apps", "run", str(APPS / app),
        "--plant=packaging", "--port=0", "--from=2026-11-20T21:00:00Z", "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(90):
            line = await process.stdout.readline()
        yield urlsplit(json.loads(line)["url"]).netloc
    finally:
        process.terminate()
        await process.wait()


__all__ = ["APPS", "BOARD", "EMAIL", "Doors", "Visit", "running_app", "running_doors"]
