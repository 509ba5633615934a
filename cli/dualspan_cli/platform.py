"""Running the whole platform on this machine: start, first sign-in, stop."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as service

from dualspan_cli.local import DataFolder, LocalPlatform, write_private
from dualspan_cli.migrations import migrate_all
from dualspan_cli.session import Access, Session, local_access, open_session
from dualspan_cli.supervisor import Member, Supervisor

FIRST_TENANT = "home"
FIRST_EMAIL = "admin@dualspan.local"
_API_TOKEN_LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class FirstSignIn:
    """Who can sign in after the first start. The password works until somebody changes it.

    Attributes:
        tenant: `tenants/{tenant}`.
        email: The first administrator's.
        password: Made up.
        api_token: What commands on this machine read with.
    """

    tenant: str
    email: str
    password: str
    api_token: str = ""


@dataclass(frozen=True, slots=True)
class RunningHere:
    """A platform that this process runs."""

    platform: LocalPlatform
    supervisor: Supervisor
    sign_in: FirstSignIn
    is_first_start: bool

    def access(self) -> Access:
        """Acts as the platform itself."""
        return local_access(self.platform.folder.path, self.platform.running())


@asynccontextmanager
async def run_platform(
    data_dir: Path, port_base: int | None, report: Callable[[Member, str], None]
) -> AsyncIterator[RunningHere]:
    """Starts everything in order, and stops everything in reverse when the block ends, however it ends.

    Raises:
        DataFolderInUseError: A platform runs on the folder already.
        CommandError: A part of it does not start; the message has the end of its log.
    """
    folder = DataFolder(data_dir)
    folder.lock.acquire()
    supervisor = Supervisor(report)
    try:
        platform = LocalPlatform(folder, folder.choose_ports(port_base))
        await supervisor.start(*platform.servers())
        await migrate_all(platform.postgres.url())
        await supervisor.start(platform.identity())
        await supervisor.start(*platform.services())
        sign_in, is_first = await _first_sign_in(platform)
        yield RunningHere(platform, supervisor, sign_in, is_first)
    finally:
        supervisor.stop()
        folder.lock.release()


def run_until_stopped(main: Coroutine[Any, Any, None]) -> bool:
    """Runs `main` until it returns or somebody asks for an end (Ctrl-C, SIGTERM, a closed terminal).

    Returns:
        Whether it was asked to end.
    """

    async def guarded() -> bool:
        task = asyncio.ensure_future(main)
        loop = asyncio.get_running_loop()
        asked = False

        def ask() -> None:
            nonlocal asked
            asked = True
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, ask)
        try:
            await task
        except asyncio.CancelledError:
            if not asked:
                raise
        return asked

    return asyncio.run(guarded())


async def _first_sign_in(platform: LocalPlatform) -> tuple[FirstSignIn, bool]:
    path = platform.folder.path / "sign-in.json"
    if path.exists():
        return FirstSignIn(**json.loads(path.read_text())), False
    sign_in = FirstSignIn(f"tenants/{FIRST_TENANT}", FIRST_EMAIL, secrets.token_urlsafe(12))
    async with open_session(local_access(platform.folder.path, platform.running())) as session:
        await _create_first_tenant(session, sign_in)
        sign_in = replace(sign_in, api_token=await _create_api_token(session, sign_in.tenant))
    write_private(path, json.dumps(asdict(sign_in)))
    return sign_in, True


async def _create_first_tenant(session: Session, sign_in: FirstSignIn) -> None:
    """Creates the tenant and its administrator; goes on where an interrupted first start left off."""
    tenant_id = sign_in.tenant.removeprefix("tenants/")
    tenant = resources.Tenant(display_name="My enterprise")
    await _unless_there(session.identity.CreateTenant(service.CreateTenantRequest(tenant=tenant, tenant_id=tenant_id)))
    roles = [resources.ROLE_ADMIN, resources.ROLE_PLATFORM_ADMIN]
    user = resources.User(email=sign_in.email, display_name="Administrator", roles=roles)
    created = await _unless_there(
        session.identity.CreateUser(
            service.CreateUserRequest(parent=sign_in.tenant, user=user, user_id="admin", password=sign_in.password)
        )
    )
    if not created:
        name = f"{sign_in.tenant}/users/admin"
        await session.identity.SetPassword(service.SetPasswordRequest(name=name, new_password=sign_in.password))


async def _create_api_token(session: Session, tenant: str) -> str:
    token = resources.ApiToken(display_name="Commands on this machine", roles=[resources.ROLE_ADMIN])
    token.expire_time.FromDatetime(datetime.now(UTC) + _API_TOKEN_LIFETIME)
    request = service.CreateApiTokenRequest(parent=tenant, api_token=token)
    return (await session.identity.CreateApiToken(request)).secret


async def _unless_there(call: Awaitable[object]) -> bool:
    try:
        await call
    except grpc.aio.AioRpcError as err:
        if err.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
        return False
    return True
