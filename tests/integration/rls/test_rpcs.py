"""Every RPC of every service, as a person and as a gateway of another tenant: refusal or emptiness, and no trace."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import grpc.aio
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from integration.identity.running import Identity, identity_settings, run_identity
from integration.identity.running import platform as shared_settings
from integration.onboarding.running import TENANT, Box, Onboarding, run_historian, run_onboarding
from integration.rls.asking import call, fill, methods, request_of
from integration.rls.belongings import (
    assets_of,
    claim_repair,
    repairable,
    send_sample,
    set_up,
    settled,
    trust_of,
    writes_of,
)
from integration.rls.market import marketplace_of, subscription_of
from integration.rls.production import analytics_of

from dualspan.identity.v1 import account_service_pb2 as account_messages
from dualspan.identity.v1 import resources_pb2 as identity_resources
from dualspan.identity.v1 import service_pb2 as identity_messages
from dualspan.identity.v1.account_service_pb2_grpc import AccountServiceStub
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as onboarding_messages
from dualspan_analytics.__main__ import build as build_analytics
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_marketplace.__main__ import build as build_marketplace
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_runtime.channels import open_channel
from dualspan_runtime.server import ListenerKind, Server
from harness.databases import ClonedDatabase

REFUSALS = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.NOT_FOUND}
ALL_ROLES = (
    identity_resources.ROLE_ADMIN,
    identity_resources.ROLE_ENGINEER,
    identity_resources.ROLE_PUBLISHER,
)


@dataclass(frozen=True)
class Platform:
    """All services, a tenant with something of everything, and strangers who want it.

    Attributes:
        channels: By the first part of the service's full name.
        stranger: A person of another tenant who may do everything there.
        box: The tenant's own gateway.
        tag_id: A tag of the tenant that has a sample.
        names: What stands for each collection in the tenant's resource names.
    """

    database: ClonedDatabase
    onboarding: Onboarding
    identity: Identity
    historian: Server
    channels: dict[str, grpc.aio.Channel]
    stranger: grpc.aio.Metadata
    box: Box
    tag_id: int
    names: dict[str, str]


@asynccontextmanager
async def run_analytics(
    database: ClonedDatabase, onboarding: Onboarding, redis_url: str, historian_address: str
) -> AsyncGenerator[grpc.aio.Channel]:
    """Analytics beside the others; alarms are not evaluated, so that nothing changes while it is looked at."""
    settings = AnalyticsSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "database_url": database.service_url("analytics"),
            "database_pool_size": 4,
            "drain_seconds": 1.0,
            "alarm_interval_seconds": 0.0,
            "platform": shared_settings(
                identity_address=onboarding.identity.address,
                onboarding_address=onboarding.address,
                historian_address=historian_address,
                redis_url=redis_url,
            ),
        }
    )
    async with (
        build_analytics(settings) as server,
        open_channel(f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}") as channel,
    ):
        yield channel


@asynccontextmanager
async def run_marketplace(
    database: ClonedDatabase, onboarding: Onboarding, redis_url: str
) -> AsyncGenerator[grpc.aio.Channel]:
    """The marketplace beside the others."""
    settings = MarketplaceSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "database_url": database.service_url("marketplace"),
            "database_pool_size": 4,
            "drain_seconds": 1.0,
            "platform": shared_settings(identity_address=onboarding.identity.address, redis_url=redis_url),
        }
    )
    async with (
        build_marketplace(settings) as server,
        open_channel(f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}") as channel,
    ):
        yield channel


@asynccontextmanager
async def running(database: ClonedDatabase, redis_url: str, free_port: Callable[[], int]) -> AsyncGenerator[Platform]:
    address = f"127.0.0.1:{free_port()}"
    async with (
        run_identity(identity_settings(database)) as identity,
        run_historian(database, identity, redis_url, address) as historian,
        run_onboarding(database, identity, address, free_port) as onboarding,
        run_analytics(database, onboarding, redis_url, address) as to_analytics,
        run_marketplace(database, onboarding, redis_url) as to_marketplace,
        open_channel(address) as to_historian,
        open_channel(identity.address) as to_identity,
    ):
        box, tag_id, operation = await set_up(onboarding, historian)
        request = identity_messages.CreateApiTokenRequest(
            parent=TENANT, api_token=identity_resources.ApiToken(display_name="x", roles=[ALL_ROLES[1]])
        )
        request.api_token.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=1))
        token = (await identity.stub.CreateApiToken(request, metadata=await identity.bearer())).api_token
        own = await AccountServiceStub(to_identity).ListSessions(
            account_messages.ListSessionsRequest(parent=f"{TENANT}/users/ada"), metadata=await identity.bearer()
        )
        await subscription_of(database)
        publisher = await identity.add_user("acme", "grace@acme.example", identity_resources.ROLE_PUBLISHER)
        yield Platform(
            database=database,
            onboarding=onboarding,
            identity=identity,
            historian=historian,
            channels={
                "dualspan.identity": to_identity,
                # Every service answers these for itself.
                "dualspan.runtime": to_identity,
                "dualspan.onboarding": onboarding.channel,
                "dualspan.historian": to_historian,
                "dualspan.analytics": to_analytics,
                "dualspan.marketplace": to_marketplace,
                "google.longrunning": onboarding.channel,
            },
            stranger=await identity.add_user("rival", "mallory@rival.example", *ALL_ROLES),
            box=box,
            tag_id=tag_id,
            names={
                "services": "identity",
                "status": "",
                "evidence": "",
                "gateways": "g1",
                "servers": "press-1",
                "snapshots": "1",
                "tags": str(tag_id),
                "operations": operation,
                **await trust_of(onboarding, box),
                **await assets_of(onboarding, database, tag_id),
                **await writes_of(onboarding, tag_id),
                **await analytics_of(to_analytics, onboarding.engineer),
                **await marketplace_of(to_marketplace, publisher),
                "users": "ada",
                "oidcProviders": await provider_of(database),
                "sessions": own.sessions[0].name.rpartition("/")[2],
                "apiTokens": token.name.rpartition("/")[2],
            },
        )


async def provider_of(database: ClonedDatabase) -> str:
    """An identity provider of the tenant: as a row, because none is there to be asked."""
    connection = await asyncpg.connect(database.admin_url)
    await connection.execute(
        "INSERT INTO identity.oidc_provider VALUES ('acme', 'works', 'of acme', 'https://idp.acme', 'acme', '', '{}')"
    )
    await connection.close()
    return "works"


@pytest.fixture
async def platform(database: ClonedDatabase, redis_url: str, free_port: Callable[[], int]) -> AsyncGenerator[Platform]:
    async with running(database, redis_url, free_port) as everything:
        yield everything


def channel_of(platform: Platform, method: MethodDescriptor) -> grpc.aio.Channel:
    package = ".".join(method.containing_service.full_name.split(".")[:2])
    assert package in platform.channels, f"{method.full_name} is of a service that this walk does not run: add it"
    return platform.channels[package]


def names_no_tenant(request: Message) -> bool:
    return b"tenants/" not in request.SerializeToString()


async def test_a_person_of_another_tenant_is_refused_everywhere(platform: Platform) -> None:
    before = await settled(platform.database, "acme")
    assert sum(not digest.startswith("0 ") for digest in before.values()) >= 12, "there must be something to find"
    refused = 0
    for method in methods():
        request = fill(request_of(method), method, "acme", platform.names)
        answer = await call(channel_of(platform, method), method, request, platform.stranger)
        if names_no_tenant(request):
            assert answer.response is None or b"acme" not in answer.response.SerializeToString(), method.full_name
            continue
        assert answer.code in REFUSALS, f"{method.full_name} answered {answer}"
        refused += 1
    assert refused >= 35
    assert await settled(platform.database, "acme") == before, "what was refused has changed something"


async def test_another_tenants_things_within_ones_own_are_as_if_they_did_not_exist(platform: Platform) -> None:
    """The parent is the caller's own; what it lists within is the other's."""
    before = await settled(platform.database, "acme")
    nothing = platform.names | {"tags": "999999999999"}
    for method in methods():
        own = fill(request_of(method), method, "rival", platform.names)
        foreign = await call(channel_of(platform, method), method, own, platform.stranger)
        missing = await call(
            channel_of(platform, method),
            method,
            fill(request_of(method), method, "rival", nothing),
            platform.stranger,
        )
        assert (foreign.code, foreign.reason) == (missing.code, missing.reason), method.full_name
        if foreign.response is not None:
            assert b"acme" not in foreign.response.SerializeToString(), method.full_name
    assert await settled(platform.database, "acme") == before


async def test_who_shows_no_token_is_refused(platform: Platform) -> None:
    refused = 0
    for method in methods():
        request = fill(request_of(method), method, "acme", platform.names)
        answer = await call(channel_of(platform, method), method, request, None)
        public = any(
            option.name == "permission" and value == "public" for option, value in method.GetOptions().ListFields()
        )
        if not public:
            assert answer.code == grpc.StatusCode.UNAUTHENTICATED, f"{method.full_name} answered {answer}"
            refused += 1
    assert refused >= 35


async def test_a_gateway_of_another_tenant_reaches_nothing(platform: Platform) -> None:
    onboarding = platform.onboarding
    assert {method.full_name for method in methods(of_gateways=True)} == {
        "dualspan.onboarding.v1.EnrolmentService.Enrol",
        "dualspan.onboarding.v1.GatewayService.RenewCertificate",
        "dualspan.onboarding.v1.GatewayService.Connect",
        "dualspan.historian.v1.IngestService.Ingest",
        "dualspan.historian.v1.IngestService.ListRepairableGaps",
    }, "a method for gateways is new: walk it here"
    stranger = "tenants/rival/gateways/g1"
    create = onboarding_messages.CreateGatewayRequest(parent="tenants/rival", gateway_id="g1")
    await onboarding.stub.CreateGateway(create, metadata=platform.stranger)
    token_request = onboarding_messages.CreateEnrolmentTokenRequest(gateway=stranger)
    token = await onboarding.stub.CreateEnrolmentToken(token_request, metadata=platform.stranger)
    box = await onboarding.box_of(token.enrolment_token)
    before = await settled(platform.database, "acme")
    async with box.connected() as stream:
        configuration = await stream.configuration()
        assert not configuration.servers
        report = gateway_messages.TagReport(tag_id=platform.tag_id, state=resources.TAG_STATE_REFUSED, detail="mine")
        await stream.call.write(
            gateway_messages.ConnectRequest(
                configuration_report=gateway_messages.ConnectRequest.ConfigurationReport(revision=1, tags=[report])
            )
        )
        await stream.status(servers=[resources.ServerStatus(server="press-1", detail="mine")])
        server = resources.OpcUaServer(endpoint_url="opc.tcp://plc:4840")
        request = onboarding_messages.CreateOpcUaServerRequest(
            parent=stranger, opc_ua_server=server, opc_ua_server_id="x"
        )
        await onboarding.stub.CreateOpcUaServer(request, metadata=platform.stranger)
        await stream.configuration(configuration.revision + 1)
    ack = await send_sample(box, platform.historian, platform.tag_id)
    assert [each.sequence for each in ack.quarantined] == [1]
    assert not await repairable(box, platform.historian, "press-1")
    await claim_repair(box, platform.historian, platform.tag_id)
    assert await settled(platform.database, "acme") == before
