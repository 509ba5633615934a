"""Running the whole platform on this machine: start, first sign-in, stop."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import grpc
from pydantic import SecretStr

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as service
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_cli.apps_here import end_apps, find_engine, ways_out
from dualspan_cli.backup.keys import read_lock
from dualspan_cli.local import DataFolder, LocalPlatform, write_private
from dualspan_cli.migrations import migrate_all
from dualspan_cli.session import SIGN_IN_FILE, Access, local_access
from dualspan_cli.settings import CliSettings
from dualspan_cli.supervisor import Member, Supervisor
from dualspan_identity.bootstrap import FirstUser, bootstrap
from dualspan_identity.settings import IdentitySettings
from dualspan_runtime.channels import open_channel
from dualspan_runtime.settings import PlatformSettings

Answer = TypeVar("Answer")
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
) -> AsyncGenerator[RunningHere]:
    """Starts everything in order, and stops everything in reverse when the block ends, however it ends.

    Raises:
        DataFolderInUseError: A platform runs on the folder already.
        CommandError: A part of it does not start; the message has the end of its log.
    """
    folder = DataFolder(data_dir)
    folder.lock.acquire()
    supervisor = Supervisor(report)
    environment: dict[str, str] = {}
    try:
        settings = CliSettings()
        engine = find_engine(settings)
        ports = folder.choose_ports(port_base)
        platform = LocalPlatform(folder, ports, engine, await ways_out(settings, engine))
        await supervisor.start(*platform.servers())
        await migrate_all(platform.postgres.url())
        sign_in, is_first = _first_sign_in(folder)
        await _make_first_user(platform, sign_in)
        if settings.backup_repository is not None:
            # Before the services, so that it ends after them, with the last that they wrote.
            repository = settings.backup_repository.absolute()
            read_lock(repository)
            await supervisor.start(platform.backup(repository, settings.backup_every_hours, settings.backup_keep))
        await supervisor.start(platform.identity())
        environment = platform.environment()
        await supervisor.start(*platform.services())
        sign_in = await _with_api_token(platform, sign_in)
        yield RunningHere(platform, supervisor, sign_in, is_first)
    finally:
        supervisor.stop()
        if environment:
            await end_apps(environment)
        folder.lock.release()


def _first_sign_in(folder: DataFolder) -> tuple[FirstSignIn, bool]:
    """Who signs in first, chosen before it is made, so that an interrupted first start can be repeated."""
    path = folder.path / SIGN_IN_FILE
    if path.exists():
        return FirstSignIn(**json.loads(path.read_text())), False
    sign_in = FirstSignIn(f"tenants/{FIRST_TENANT}", FIRST_EMAIL, secrets.token_urlsafe(12))
    write_private(path, json.dumps(asdict(sign_in)))
    return sign_in, True


async def _make_first_user(platform: LocalPlatform, sign_in: FirstSignIn) -> None:
    settings = IdentitySettings(
        database_url=platform.postgres.url(user="dualspan_identity"),
        platform=PlatformSettings(service_secret=SecretStr(platform.folder.service_secret())),
    )
    tenant_id = sign_in.tenant.removeprefix("tenants/")
    await bootstrap(settings, FirstUser(tenant_id, "My enterprise", sign_in.email, sign_in.password))


async def _with_api_token(platform: LocalPlatform, sign_in: FirstSignIn) -> FirstSignIn:
    """The same with an API token that works: what commands on this machine read with.

    The administrator makes it, so it comes back after a year only if the first password still works.
    """
    async with open_channel(platform.running().identity_address) as channel:
        identity = IdentityServiceStub(channel)
        if sign_in.api_token and await _accepted(
            identity.ExchangeToken(service.ExchangeTokenRequest(token=sign_in.api_token))
        ):
            return sign_in
        request = service.SignInRequest(email=sign_in.email, password=sign_in.password)
        session = await _accepted(identity.SignIn(request))
        if session is None:
            return replace(sign_in, api_token="")
        token = resources.ApiToken(display_name="Commands on this machine", roles=[resources.ROLE_ADMIN])
        token.expire_time.FromDatetime(datetime.now(UTC) + _API_TOKEN_LIFETIME)
        answer = await identity.CreateApiToken(
            service.CreateApiTokenRequest(parent=sign_in.tenant, api_token=token),
            metadata=(("authorization", f"Bearer {session.access_token}"),),
        )
        await identity.SignOut(service.SignOutRequest(refresh_token=session.refresh_token))
    complete = replace(sign_in, api_token=answer.secret)
    write_private(platform.folder.path / SIGN_IN_FILE, json.dumps(asdict(complete)))
    return complete


async def _accepted(call: Awaitable[Answer]) -> Answer | None:
    """The answer; None if the credentials in the request do not work."""
    try:
        return await call
    except grpc.aio.AioRpcError as err:
        if err.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise
        return None
