"""The marketplace in process, with publishers, subscribers and reviewers that tests make up."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from dualspan.marketplace.v1 import apps_pb2, publishing_pb2
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan_marketplace.__main__ import build_trusting
from dualspan_marketplace.composition import catalogue
from dualspan_marketplace.parts import Parts, open_parts
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_runtime.channels import open_channel
from dualspan_runtime.server import ListenerKind
from harness.databases import ClonedDatabase
from harness.historian import NOBODY, Authority, beside
from harness.tenants import KnownTenants

FULFILMENT_SECRET = "what-both-sides-sign-with"
MANIFEST = (Path(__file__).parents[1] / "data/manifests/oee-board.yaml").read_text("utf-8")


def manifest_of(app_id: str, version: str = "1.2.0", **changes: str) -> str:
    """The sample manifest under another id and version, with texts exchanged."""
    text = MANIFEST.replace("id: oee-board", f"id: {app_id}", 1).replace('"1.2.0"', f'"{version}"', 1)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Marketplace:
    """A running marketplace."""

    address: str
    parts: Parts
    authority: Authority
    stack: AsyncExitStack
    tenants: KnownTenants

    async def channel(self, tenant: str, role: str = "publisher") -> grpc.aio.Channel:
        """As a person of a tenant."""

        async def token() -> str:
            return self.authority.access_token(tenant, role)

        return await self.stack.enter_async_context(open_channel(self.address, access_token=token))

    async def service_channel(self, service: str = "historian") -> grpc.aio.Channel:
        """As another service of the platform."""
        secret = self.parts.settings.platform.service_secret
        return await self.stack.enter_async_context(open_channel(self.address, service=service, secret=secret))

    async def check(self, tenant: str, app_id: str, version: str) -> None:
        """What the worker does with a submission."""
        await catalogue.checking(self.parts, ()).check(tenant, app_id, version)

    async def publish(self, tenant: str, app_id: str, version: str = "1.2.0", text: str = "") -> apps_pb2.AppVersion:
        """Take a version all the way to the catalogue."""
        channel = await self.channel(tenant)
        stub = PublishingServiceStub(channel)
        await say_who(channel, tenant)
        operation = await submit(channel, tenant, app_id, version, text or manifest_of(app_id, version))
        await self.check(tenant, app_id, version)
        ended = await OperationsStub(channel).GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
        assert not ended.error.message, ended.error.message
        name = version_name(tenant, app_id, version)
        reviewer = PublishingServiceStub(await self.channel("platform", "platform_admin"))
        await reviewer.ReviewAppVersion(publishing_pb2.ReviewAppVersionRequest(name=name, approve=True))
        return await stub.PublishAppVersion(publishing_pb2.PublishAppVersionRequest(name=name))


def version_name(tenant: str, app_id: str, version: str) -> str:
    return f"tenants/{tenant}/apps/{app_id}/appVersions/{version}"


async def say_who(channel: grpc.aio.Channel, tenant: str, signing_key: str = "") -> None:
    """A publisher of the tenant's name."""
    publisher = apps_pb2.Publisher(
        name=f"tenants/{tenant}/publisher",
        display_name=apps_pb2.MarketText(en=tenant.title(), zh=f"{tenant}公司"),
        signing_key=signing_key,
    )
    await PublishingServiceStub(channel).UpdatePublisher(publishing_pb2.UpdatePublisherRequest(publisher=publisher))


async def draft(
    channel: grpc.aio.Channel, tenant: str, app_id: str, version: str, given: apps_pb2.AppVersion
) -> apps_pb2.AppVersion:
    request = publishing_pb2.CreateAppVersionRequest(
        parent=f"tenants/{tenant}/apps/{app_id}", app_version_id=version, app_version=given
    )
    return await PublishingServiceStub(channel).CreateAppVersion(request)


async def submit(
    channel: grpc.aio.Channel, tenant: str, app_id: str, version: str, text: str
) -> operations_pb2.Operation:
    await draft(channel, tenant, app_id, version, apps_pb2.AppVersion(manifest=text))
    request = publishing_pb2.SubmitAppVersionRequest(name=version_name(tenant, app_id, version))
    return await PublishingServiceStub(channel).SubmitAppVersion(request)


@asynccontextmanager
async def running_marketplace(
    database: ClonedDatabase,
    redis_url: str,
    authority: Authority | None = None,
    *,
    onboarding_address: str = NOBODY,
    # As a rule nobody is identity here: audit events wait.
    identity_address: str = NOBODY,
) -> AsyncGenerator[Marketplace]:
    """A marketplace on a database, trusting an authority of the test's; beside an onboarding, or none."""
    authority = authority or Authority()
    settings = MarketplaceSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "database_url": database.service_url("marketplace"),
            "database_pool_size": 4,
            "drain_seconds": 0.5,
            "fulfilment_secret": FULFILMENT_SECRET,
            "platform": beside(
                redis_url=redis_url, onboarding_address=onboarding_address, identity_address=identity_address
            ),
        }
    )
    async with (
        build_trusting(settings, authority) as server,
        open_parts(settings, pool_minimum=0) as parts,
        AsyncExitStack() as stack,
    ):
        address = f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}"
        yield Marketplace(address, parts, authority, stack, KnownTenants(database, stack))
