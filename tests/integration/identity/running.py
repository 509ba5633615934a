"""Identity, running in process on a real PostgreSQL, with a tenant and its first user."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc.aio

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_identity.__main__ import build
from dualspan_identity.bootstrap import FirstUser, bootstrap
from dualspan_identity.settings import IdentitySettings
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import error_info
from dualspan_runtime.server import ListenerKind
from dualspan_runtime.settings import PlatformSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pytest

    from dualspan.identity.v1.service_pb2_grpc import IdentityServiceAsyncStub
    from harness.databases import ClonedDatabase

SECRET = "a secret that only these tests have"
PASSWORD = "correct horse battery"
EMAIL = "ada@acme.example"


def platform(**changes: str) -> PlatformSettings:
    return PlatformSettings.model_validate({"service_secret": SECRET, **changes})


def identity_settings(database: ClonedDatabase) -> IdentitySettings:
    return IdentitySettings(
        listen="127.0.0.1:0",
        database_url=database.service_url("identity"),
        database_pool_size=4,
        drain_seconds=1.0,
        # What a password costs is for who guesses, and nobody does here.
        password_hash_kib=64,
        platform=platform(),
    )


def bearer(access_token: str) -> grpc.aio.Metadata:
    return grpc.aio.Metadata(("authorization", f"Bearer {access_token}"))


def reason(raised: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> str:
    """The stable reason that a call failed with."""
    info = error_info(raised.value)
    assert info is not None, raised.value
    assert info.domain == "dualspan.io"
    return info.reason


@dataclass(frozen=True)
class Identity:
    """A running identity service and a caller of it."""

    address: str
    settings: IdentitySettings
    stub: IdentityServiceAsyncStub

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> messages.SignInResponse:
        return await self.stub.SignIn(messages.SignInRequest(email=email, password=password))

    async def bearer(self, email: str = EMAIL, password: str = PASSWORD) -> grpc.aio.Metadata:
        return bearer((await self.sign_in(email, password)).access_token)

    async def add_user(self, tenant: str, email: str, *roles: resources.Role.ValueType) -> grpc.aio.Metadata:
        """Makes a user, in a new tenant if need be, and returns their credentials."""
        async with self.as_service() as service:
            known = {one.name for one in (await service.ListTenants(messages.ListTenantsRequest())).tenants}
            if f"tenants/{tenant}" not in known:
                new = resources.Tenant(display_name=tenant)
                await service.CreateTenant(messages.CreateTenantRequest(tenant_id=tenant, tenant=new))
            user = resources.User(email=email, roles=roles)
            parent = f"tenants/{tenant}"
            await service.CreateUser(messages.CreateUserRequest(parent=parent, user=user, password=PASSWORD))
        return await self.bearer(email)

    @asynccontextmanager
    async def as_service(self, name: str = "onboarding") -> AsyncGenerator[IdentityServiceAsyncStub]:
        secret = self.settings.platform.service_secret
        async with open_channel(self.address, service=name, secret=secret) as channel:
            yield IdentityServiceStub(channel)


@asynccontextmanager
async def run_identity(settings: IdentitySettings) -> AsyncGenerator[Identity]:
    await bootstrap(settings, FirstUser("acme", "Acme Ltd", EMAIL, PASSWORD))
    async with build(settings) as server:
        address = f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}"
        async with open_channel(address) as channel:
            yield Identity(address, settings, IdentityServiceStub(channel))
