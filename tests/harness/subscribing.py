"""A marketplace beside plants, with one published app: what subscriptions are tried with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import grpc.aio
import pytest
from google.protobuf.struct_pb2 import Struct

from dualspan.identity.v1.app_token_service_pb2_grpc import add_AppTokenServiceServicer_to_server
from dualspan.marketplace.v1 import apps_pb2, publishing_pb2
from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan.marketplace.v1.subscriptions_pb2_grpc import SubscriptionServiceStub
from dualspan_identity.app_token_servicer import AppTokenServicer
from dualspan_identity.service.app_tokens import AppTokens
from dualspan_identity.settings import IdentitySettings
from dualspan_marketplace.composition import app_runtime, subscriptions
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import error_info
from dualspan_runtime.server import Binding, Listener, ListenerKind, start_server
from harness.analytics import AnalyticsPlatform, Plant, machine, running_analytics
from harness.databases import ClonedDatabase
from harness.historian import Authority, beside, unique_tenant
from harness.marketplace import Marketplace, running_marketplace

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.marketplace.v1.subscriptions_pb2_grpc import SubscriptionServiceAsyncStub

PRESS = "injection-moulding-machine"


@dataclass
class World:
    """A marketplace beside plants, with one published app."""

    marketplace: Marketplace
    plants: AnalyticsPlatform
    database: ClonedDatabase
    maker: str
    app: str

    async def plant(self) -> Plant:
        """Two presses that suit, one whose scrap nobody counts, and a meter that is none of the app's business."""
        return await self.plants.plant(
            [
                machine("press-1", PRESS, ["good-count", "scrap-count", "cycle-time", "injection-pressure"]),
                machine("press-2", PRESS, ["good-count", "scrap-count"]),
                machine("press-3", PRESS, ["good-count"]),
                machine("meter", "energy-meter", ["active-power"]),
            ]
        )

    async def stub(self, tenant: str, role: str = "admin") -> SubscriptionServiceAsyncStub:
        return SubscriptionServiceStub(await self.marketplace.channel(tenant, role))

    async def age(self, tenant: str, **ages: timedelta) -> None:
        """Moves ends into the past, as time does."""
        admin = await asyncpg.connect(self.database.admin_url)
        for column, age in ages.items():
            await admin.execute(
                f"UPDATE marketplace.subscription SET {column} = now() - $2::interval WHERE tenant_id = $1", tenant, age
            )
        await admin.close()

    async def run(self, tenant: str) -> None:
        """What whoever provisions says in the end."""
        admin = await asyncpg.connect(self.database.admin_url)
        await admin.execute(
            "UPDATE marketplace.subscription SET state = 'active', revision = revision + 1"
            " WHERE tenant_id = $1 AND state = 'provisioning'",
            tenant,
        )
        await admin.close()

    async def scoped(self, tenant: str, *scopes: str) -> None:
        """The tenant's apps have these scopes from now on, as if their manifests asked for no others."""
        admin = await asyncpg.connect(self.database.admin_url)
        await admin.execute(
            "UPDATE marketplace.subscription SET scopes = $2, revision = revision + 1 WHERE tenant_id = $1",
            tenant,
            scopes,
        )
        await admin.execute("SELECT pg_notify('marketplace_grants', '')")
        await admin.close()

    async def person_at_historian(self, tenant: str) -> grpc.aio.Channel:
        async def token() -> str:
            return self.plants.authority.access_token(tenant, "admin")

        channel = open_channel(self.plants.historian.address, access_token=token)
        return await self.marketplace.stack.enter_async_context(channel)

    async def due_outputs(self, tenant: str) -> int:
        admin = await asyncpg.connect(self.database.admin_url)
        query = "SELECT count(*) FROM marketplace.subscription WHERE tenant_id = $1 AND outputs_due"
        found: int = await admin.fetchval(query, tenant)
        await admin.close()
        return found

    async def sweep_outputs(self) -> None:
        await app_runtime.outputs(self.marketplace.parts).sweep()

    async def sweep(self) -> None:
        await subscriptions.use_cases(self.marketplace.parts).sweep()


async def offer(world: World) -> None:
    stub = PublishingServiceStub(await world.marketplace.channel(world.maker))
    name = apps_pb2.MarketText(en="x", zh="x")
    for plan_id, plan in {
        "free": apps_pb2.Plan(display_name=name, model=apps_pb2.PLAN_MODEL_FREE),
        "one": apps_pb2.Plan(display_name=name, model=apps_pb2.PLAN_MODEL_FREE, max_assets=1),
        "trial": apps_pb2.Plan(display_name=name, model=apps_pb2.PLAN_MODEL_TRIAL, trial_days=30),
        "paid": apps_pb2.Plan(display_name=name, model=apps_pb2.PLAN_MODEL_FLAT, price_micros=1, currency="CNY"),
    }.items():
        parent = f"tenants/{world.maker}/apps/{world.app}"
        await stub.CreatePlan(publishing_pb2.CreatePlanRequest(parent=parent, plan_id=plan_id, plan=plan))


@asynccontextmanager
async def _running_signer(database: ClonedDatabase, authority: Authority) -> AsyncGenerator[str]:
    """The part of identity that signs apps' tokens, with the keys that all here trust."""
    settings = IdentitySettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "database_url": database.service_url("identity"),
            "drain_seconds": 0.5,
            "platform": beside(),
        }
    )
    binding = Binding(add_AppTokenServiceServicer_to_server, AppTokenServicer(AppTokens(authority)))
    listener = Listener.people(settings, [binding])
    async with start_server("identity", settings, trust=authority, listeners=[listener]) as server:
        yield f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}"


@asynccontextmanager
async def running_world(database: ClonedDatabase, redis_url: str, port: int) -> AsyncGenerator[World]:
    """All of it; onboarding listens on a port that the marketplace knows before it is there."""
    authority, onboarding = Authority(), f"127.0.0.1:{port}"
    async with (
        _running_signer(database, authority) as identity,
        running_marketplace(
            database, redis_url, authority, onboarding_address=onboarding, identity_address=identity
        ) as marketplace,
        running_analytics(
            database,
            redis_url,
            authority=authority,
            onboarding_listen=onboarding,
            marketplace_address=marketplace.address,
        ) as plants,
    ):
        maker = unique_tenant()
        made = World(marketplace, plants, database, maker, f"{maker}-oee")
        await marketplace.publish(maker, made.app)
        await offer(made)
        yield made


def creation(world: World, tenant: str, plan: str = "free", **changes: str) -> contract.CreateSubscriptionRequest:
    settings = Struct()
    settings.update({"shift": changes.get("shift", "day")})
    return contract.CreateSubscriptionRequest(
        parent=f"tenants/{tenant}",
        subscription_id=changes.get("subscription_id", "oee"),
        subscription=contract.Subscription(app=changes.get("app", world.app), plan=plan, configuration=settings),
        request_id=changes.get("request_id", ""),
    )


async def refused(call: Awaitable[object]) -> str:
    """The reason that a call is refused for."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    info = error_info(raised.value)
    assert info is not None, raised.value
    return info.reason
