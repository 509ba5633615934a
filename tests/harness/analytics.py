"""Analytics in process beside onboarding's assets and the historian, and plants whose samples a test makes up.

One platform serves a whole module: every plant is a tenant of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1.asset_service_pb2_grpc import add_AssetServiceServicer_to_server
from dualspan.onboarding.v1.result_tags_pb2_grpc import add_ResultTagServiceServicer_to_server
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.parts import Parts, open_parts
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind
from dualspan_historian.migrations import MIGRATIONS as HISTORIAN
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.merging import Merger
from dualspan_historian.storage.sealing import Sealer
from dualspan_onboarding.asset_models.library import built_in
from dualspan_onboarding.assets import AssetLevel, AssetName, NewAsset, Slot
from dualspan_onboarding.browsed import BrowsedNode
from dualspan_onboarding.clients import Historian as Tags
from dualspan_onboarding.model import Limits, Timing
from dualspan_onboarding.names import TagName
from dualspan_onboarding.service.asset_models import AssetModels
from dualspan_onboarding.service.assets import Assets
from dualspan_onboarding.service.results import Results
from dualspan_onboarding.service.tagging import Choice
from dualspan_onboarding.servicer.assets import AssetServicer
from dualspan_onboarding.servicer.results import ResultTagServicer
from dualspan_onboarding.settings import OnboardingSettings
from dualspan_runtime.channels import open_channel
from dualspan_runtime.database import Database
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding, Listener, ListenerKind, start_server
from dualspan_runtime.settings import PlatformSettings
from harness.databases import ClonedDatabase
from harness.historian import (
    NOBODY,
    SECRET,
    Authority,
    Historian,
    Uploader,
    beside,
    running_historian,
    stamp,
    unique_tenant,
)
from harness.onboarding import UseCases, open_use_cases, variable
from harness.tenants import KnownTenants

GATEWAY = "g1"
_AT_ONCE = 200_000
_DATA_TYPES = {
    ValueKind.FLOAT64: "Double",
    ValueKind.INT64: "Int64",
    ValueKind.BOOL: "Boolean",
    ValueKind.TEXT: "String",
}


@dataclass(frozen=True)
class Bound:
    """A property that a tag gives values for.

    Attributes:
        property: Its id in the model.
        index: From 1 for an indexed one.
        kind: Of the tag; the model's if None.
        unit: Of the tag, as its server shows it; the model's if None.
    """

    property: str
    index: int = 0
    kind: ValueKind | None = None
    unit: str | None = None


@dataclass(frozen=True)
class PlantAsset:
    """An asset to make; `properties` are ids, or `Bound` where a tag differs from its model."""

    id: str
    level: AssetLevel
    parent: str | None = None
    model: str = ""
    properties: Sequence[str | Bound] = ()


def site(asset_id: str) -> PlantAsset:
    return PlantAsset(asset_id, AssetLevel.SITE)


def line(asset_id: str, parent: str | None = None) -> PlantAsset:
    return PlantAsset(asset_id, AssetLevel.LINE, parent)


def machine(asset_id: str, model: str, properties: Sequence[str | Bound], parent: str | None = None) -> PlantAsset:
    return PlantAsset(asset_id, AssetLevel.MACHINE, parent, model, properties)


Samples = tuple[ArrayLike, Any] | tuple[ArrayLike, Any, ArrayLike]
"""Times in µs, values, and status codes where they are not all Good."""


@dataclass
class Plant:
    """A tenant with assets.

    Attributes:
        tenant: Its id.
        parts: What the service's concerns are made of.
        historian: Of all plants.
        channel: To analytics, as an engineer of the tenant.
        tags: The tag of each bound property.
    """

    tenant: str
    parts: Parts
    historian: Historian
    channel: grpc.aio.Channel
    tags: dict[PropertyRef, int]
    _kinds: dict[int, ValueKind]
    _sealing: tuple[Sealer, Merger]
    _uploader: Uploader | None = None
    _sequence: int = 0

    @property
    def data(self) -> PlantData:
        return self.parts.plant

    @property
    def parent(self) -> str:
        return f"tenants/{self.tenant}"

    async def ingest(self, series: Mapping[PropertyRef, Samples]) -> None:
        """Uploads samples as a gateway does, and waits for the acknowledgement."""
        if self._uploader is None:
            self._uploader = await self.historian.uploader(tenant=self.tenant, gateway=GATEWAY)
        for frame in self._frames(series):
            self._sequence += 1
            await self._uploader.send(self._sequence, frame)
        await self._uploader.until(self._sequence)
        assert not self._uploader.quarantined, self._uploader.quarantined

    async def lose(self, start_us: int, end_us: int, cause: historian.GapCause.ValueType) -> None:
        """Writes down, as the gateway does, that samples of all its tags are missing."""
        if self._uploader is None:
            self._uploader = await self.historian.uploader(tenant=self.tenant, gateway=GATEWAY)
        gap = historian.Gap(start_time=stamp(start_us), end_time=stamp(end_us), cause=cause)
        self._sequence += 1
        await self._uploader.send(self._sequence, Frame(), [gap])
        await self._uploader.until(self._sequence)

    async def seal(self) -> None:
        """Frames to segments, as the historian's worker does in time."""
        sealer, merger = self._sealing
        await sealer.seal_all(self.tenant, GATEWAY)
        await merger.merge_all(self.tenant, GATEWAY)

    def _frames(self, series: Mapping[PropertyRef, Samples]) -> Iterator[Frame]:
        parts = [part for ref, samples in series.items() for part in self._blocks(self.tags[ref], samples)]
        waiting: list[Block] = []
        for part in parts:
            if sum(map(len, waiting)) + len(part) > _AT_ONCE:
                yield Frame.concat(Frame((block,)) for block in waiting)
                waiting = []
            waiting.append(part)
        if waiting:
            yield Frame.concat(Frame((block,)) for block in waiting)

    def _blocks(self, tag: int, samples: Samples) -> Iterator[Block]:
        kind = self._kinds[tag]
        times = np.asarray(samples[0], np.int64)
        status = np.zeros(len(times), np.uint32) if len(samples) == 2 else np.asarray(samples[2], np.uint32)
        for start in range(0, len(times), _AT_ONCE):
            cut = slice(start, start + _AT_ONCE)
            values = _column(kind, samples[1][cut])
            yield Block(kind, np.full(len(times[cut]), tag, np.int64), times[cut], status[cut], values)


def _column(kind: ValueKind, values: Any) -> BinaryColumn | NDArray[Any]:
    if kind is ValueKind.TEXT:
        return BinaryColumn.from_list([str(value) for value in values])
    dtypes = {ValueKind.FLOAT64: np.float64, ValueKind.INT64: np.int64, ValueKind.BOOL: np.bool_}
    return np.asarray(values, dtypes[kind])


@dataclass
class AnalyticsPlatform:
    """Everything that runs, and what plants are made with."""

    address: str
    onboarding_address: str
    parts: Parts
    historian: Historian
    authority: Authority
    use_cases: UseCases
    assets: Assets
    database: ClonedDatabase
    sealing: tuple[Sealer, Merger]
    stack: AsyncExitStack = field(repr=False)
    tenants: KnownTenants = field(init=False)

    def __post_init__(self) -> None:
        self.tenants = KnownTenants(self.database, self.stack)

    async def identity_of(self, tenant: str) -> str:
        """The address of an identity that knows a tenant."""
        return await self.tenants.address_for(tenant)

    async def channel(self, tenant: str, role: str = "engineer", user: str = "ada") -> grpc.aio.Channel:
        """To analytics, as a person of a tenant."""

        async def token() -> str:
            return self.authority.access_token(tenant, role, user)

        return await self.stack.enter_async_context(open_channel(self.address, access_token=token, timeout=60.0))

    async def plant(self, assets: Sequence[PlantAsset], tenant: str = "") -> Plant:
        """A tenant with these assets, parents first, their properties bound to tags."""
        tenant = tenant or unique_tenant()
        wanted = [(asset, bound) for asset in assets for bound in map(_bound, asset.properties)]
        nodes = [_node(number, asset, bound) for number, (asset, bound) in enumerate(wanted)]
        kinds = [ValueKind(node.kind) for node in nodes]
        ids = await self._tags(tenant, nodes) if nodes else []
        await self.historian.register(dict(zip(ids, kinds, strict=True)), tenant=tenant, gateway=GATEWAY)
        for asset in assets:
            new = NewAsset(asset.id, asset.id, asset.level, asset.parent, asset.model, "")
            await self.assets.create(tenant, new)
            pairs = zip(wanted, ids, strict=True)
            slots = [(Slot(b.property, b.index), TagName(tenant, tag)) for (whose, b), tag in pairs if whose is asset]
            if slots:
                await self.assets.bind(AssetName(tenant, asset.id), slots, [])
        refs = [PropertyRef(asset.id, bound.property, bound.index) for asset, bound in wanted]
        tags = dict(zip(refs, ids, strict=True))
        channel = await self.channel(tenant)
        known = dict(zip(ids, kinds, strict=True))
        return Plant(tenant, self.parts, self.historian, channel, tags, known, self.sealing)

    async def _tags(self, tenant: str, nodes: Sequence[BrowsedNode]) -> list[int]:
        gateway = await self.use_cases.gateway(tenant, GATEWAY)
        server = await self.use_cases.server(gateway)
        session = await self.use_cases.sessions.open(gateway, "1.0", 0)
        await self.use_cases.browsed(session, server, nodes)
        choice = Choice((), "/", None, None, accept_over_budget=True)
        # In the order of browse path, which is that of the nodes.
        return list((await self.use_cases.tagging.accept(server, choice)).tag_ids)


def _bound(given: str | Bound) -> Bound:
    return Bound(given) if isinstance(given, str) else given


def _node(number: int, asset: PlantAsset, bound: Bound) -> BrowsedNode:
    model = built_in().find(asset.model)
    assert model is not None, asset.model
    whole = built_in().whole(model.id, model.version)
    assert whole is not None
    wanted = next(each for each in whole.properties if each.id == bound.property)
    kind = ValueKind(wanted.kind) if bound.kind is None else bound.kind
    return variable(
        number,
        browse_path=f"Plant/{number:06}/{asset.id}/{bound.property}/{bound.index}",
        kind=int(kind),
        data_type=_DATA_TYPES[kind],
        unit=wanted.unit if bound.unit is None else bound.unit,
    )


@asynccontextmanager
async def running_analytics(
    database: ClonedDatabase,
    redis_url: str,
    *,
    authority: Authority | None = None,
    onboarding_listen: str = "127.0.0.1:0",
    marketplace_address: str = NOBODY,
    **settings: object,
) -> AsyncGenerator[AnalyticsPlatform]:
    """A platform; `settings` are those of analytics that a test wants different."""
    from dualspan_analytics.__main__ import build_trusting

    authority = authority or Authority()
    shared = beside(redis_url=redis_url, marketplace_address=marketplace_address)
    async with AsyncExitStack() as stack:
        stated = _historian_settings(database, PlatformSettings.model_validate(shared))
        historian = await stack.enter_async_context(running_historian(stated, authority))
        onboarding = await stack.enter_async_context(_running_assets(database, authority, onboarding_listen, historian))
        addresses = {"historian_address": historian.address, "onboarding_address": onboarding.address}
        wanted = _analytics_settings(database, PlatformSettings.model_validate(shared | addresses), settings)
        server = await stack.enter_async_context(build_trusting(wanted, authority))
        sealed = await stack.enter_async_context(Database.open(stated, schema=HISTORIAN, min_size=0))
        yield AnalyticsPlatform(
            address=f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}",
            onboarding_address=onboarding.address,
            parts=await stack.enter_async_context(open_parts(wanted, pool_minimum=0)),
            historian=historian,
            authority=authority,
            use_cases=onboarding.use_cases,
            assets=onboarding.assets,
            database=database,
            sealing=(Sealer(sealed, 4_000_000), Merger(sealed, 4_000_000)),
            stack=await stack.enter_async_context(AsyncExitStack()),
        )


@dataclass(frozen=True)
class _RunningAssets:
    """The part of onboarding that analytics asks."""

    address: str
    use_cases: UseCases
    assets: Assets


@asynccontextmanager
async def _running_assets(
    database: ClonedDatabase, authority: Authority, listen: str, historian: Historian
) -> AsyncGenerator[_RunningAssets]:
    settings = OnboardingSettings.model_validate(
        {
            "listen": listen,
            "gateway_listen": "127.0.0.1:0",
            "enrol_listen": "127.0.0.1:0",
            "database_url": database.service_url("onboarding"),
            "drain_seconds": 0.5,
            "platform": beside(),
        }
    )
    async with open_use_cases(settings, Limits(), Timing()) as use_cases:
        assets = Assets(use_cases.database)
        servicer = AssetServicer(AssetModels(use_cases.database), assets, PageTokens(SECRET))
        results = ResultTagServicer(Results(use_cases.database, Tags(historian.stub)), PageTokens(SECRET))
        bindings = [
            Binding(add_AssetServiceServicer_to_server, servicer),
            Binding(add_ResultTagServiceServicer_to_server, results),
        ]
        listener = Listener.people(settings, bindings)
        async with start_server("onboarding", settings, trust=authority, listeners=[listener]) as server:
            yield _RunningAssets(f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}", use_cases, assets)


def _historian_settings(database: ClonedDatabase, platform: PlatformSettings) -> HistorianSettings:
    return HistorianSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "gateway_listen": "127.0.0.1:0",
            "database_url": database.service_url("historian"),
            "drain_seconds": 0.5,
            "platform": platform,
        }
    )


def _analytics_settings(
    database: ClonedDatabase, platform: PlatformSettings, changes: Mapping[str, object]
) -> AnalyticsSettings:
    return AnalyticsSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "database_url": database.service_url("analytics"),
            "database_pool_size": 4,
            "drain_seconds": 0.5,
            "assets_seconds": 0.0,
            "platform": platform,
            **changes,
        }
    )
