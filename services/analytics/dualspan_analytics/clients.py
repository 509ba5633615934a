"""The platform's other services, as analytics needs them. Every call says for which tenant it is."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio
import numpy as np
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from dualspan.historian.v1 import completeness_pb2
from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan.historian.v1 import service_pb2 as historian_service
from dualspan.onboarding.v1 import asset_service_pb2
from dualspan_analytics.assets import (
    Asset,
    AssetLevel,
    AssetModel,
    AssetTree,
    Binding,
    KpiBinding,
    ModelProperty,
    ModelState,
    PropertyRole,
)
from dualspan_analytics.errors import too_many_samples, upstream_failed
from dualspan_analytics.missing import MissingSpan
from dualspan_analytics.turns import Turns
from dualspan_frame import Frame, ValueKind, decode_column, decode_frame
from dualspan_runtime.errors import DomainError, InvalidArgument, NotFound, ResourceExhausted, error_info

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.historian.v1.completeness_pb2_grpc import CompletenessServiceAsyncStub
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub
    from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceAsyncStub

# A later attempt may find the service.
UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
# What the historian's contract allows.
_TAGS_AT_ONCE = 1000
_LATEST_AT_ONCE = 10_000
_PAGE = 1_000_000
_AT_A_TIME, _OF_A_TENANT = 4, 2
_SECOND = 1_000_000
_REFUSALS: dict[grpc.StatusCode, type[DomainError]] = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
}
T = TypeVar("T")


async def answer(service: str, call: Awaitable[T]) -> T:
    """The answer of another service; what it refuses with words for the caller is refused in the same words."""
    try:
        return await call
    except grpc.aio.AioRpcError as err:
        raise _translated(service, err) from err


def _translated(service: str, error: grpc.aio.AioRpcError) -> Exception:
    if error.code() in UNREACHABLE:
        return upstream_failed(service)
    info, kind = error_info(error), _REFUSALS.get(error.code())
    if info is None or kind is None:
        return error
    return kind(info.reason, error.details() or info.reason, **dict(info.metadata))


class Onboarding:
    """The assets of tenants.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "AssetServiceAsyncStub") -> None:
        self._stub = stub
        # A version of a model never changes.
        self._models: dict[tuple[str, str, str], AssetModel] = {}

    async def assets(self, tenant: str) -> AssetTree:
        """All assets of a tenant with their bindings and models.

        Raises:
            Unavailable: onboarding cannot be asked.
        """
        found: list[Asset] = []
        request = asset_service_pb2.ListAssetsRequest(parent=f"tenants/{tenant}", page_size=1000)
        while True:
            page = await answer("onboarding", self._stub.ListAssets(request))
            found.extend(_asset(each) for each in page.assets)
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        wanted = sorted({(asset.model, asset.model_version) for asset in found if asset.model})
        models = await asyncio.gather(*(self._model(tenant, *key) for key in wanted))
        extended = await self._extended(tenant, models)
        return AssetTree({asset.id: asset for asset in found}, dict(zip(wanted, models, strict=True)), extended)

    async def _extended(self, tenant: str, models: Sequence[AssetModel]) -> dict[str, AssetModel]:
        """All models that these extend, by id, in their newest versions."""
        known: dict[str, AssetModel] = {}
        waiting = {parent for model in models for parent in model.extends}
        while waiting:
            wanted = sorted(waiting)
            parents = await asyncio.gather(*(self._model(tenant, each, "") for each in wanted))
            known |= dict(zip(wanted, parents, strict=True))
            waiting = {parent for model in parents for parent in model.extends} - known.keys()
        return known

    async def _model(self, tenant: str, model: str, version: str) -> AssetModel:
        known = self._models.get((tenant, model, version))
        if known is None:
            name = f"tenants/{tenant}/assetModels/{model}"
            request = asset_service_pb2.GetAssetModelRequest(name=name, version=version)
            known = _model(await answer("onboarding", self._stub.GetAssetModel(request)))
            # The newest version of an enterprise's own model may be another tomorrow.
            if version or known.built_in:
                self._models[tenant, model, version] = known
        return known


def _asset(given: asset_service_pb2.Asset) -> Asset:
    return Asset(
        id=_last(given.name),
        display_name=given.display_name,
        level=AssetLevel(given.level),
        parent=_last(given.parent_asset),
        model=given.model,
        model_version=given.model_version,
        bindings={
            (each.property, each.index): Binding(int(_last(each.tag)), each.factor, each.offset, each.unit_known)
            for each in given.bindings
        },
    )


def _model(given: asset_service_pb2.AssetModel) -> AssetModel:
    properties = [
        ModelProperty(
            id=each.id,
            name=each.display_name.en,
            name_zh=each.display_name.zh,
            kind=ValueKind(each.kind),
            unit=each.unit,
            role=PropertyRole(each.role),
            indexed=each.indexed,
        )
        for each in given.properties
    ]
    return AssetModel(
        id=_last(given.name),
        version=given.version,
        industry=given.industry,
        name=given.display_name.en,
        properties={each.id: each for each in properties},
        states=tuple(
            ModelState(each.id, each.display_name.en, each.packml, each.iso22400, each.isa95) for each in given.states
        ),
        kpis=tuple(
            KpiBinding(each.kpi, each.standard, {one.name: one.property for one in each.inputs}) for each in given.kpis
        ),
        extends=tuple(given.extends),
        built_in=given.built_in,
    )


def _last(name: str) -> str:
    return name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Processed:
    """One tag's intervals of one aggregate; columns of one length.

    Attributes:
        timestamp: int64, µs.
        value: float64; NaN where the status is bad.
        status: uint32.
    """

    timestamp: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Live:
    """Samples of a subscription; `skipped` frames before them were not sent."""

    frame: Frame
    skipped: int


class Historian:
    """The samples of tags.

    Args:
        stub: Of a channel that carries this service's token.
        completeness: Of the same channel.
    """

    def __init__(self, stub: "HistorianServiceAsyncStub", completeness: "CompletenessServiceAsyncStub") -> None:
        self._stub = stub
        self._completeness = completeness
        # A question about a whole plant must not take all the places that the historian has for queries, nor may those
        # of one tenant take all of ours.
        self._turns = Turns(_AT_A_TIME, _OF_A_TENANT)

    async def raw(self, tenant: str, tag_ids: Sequence[int], start_us: int, end_us: int, most: int) -> Frame:
        """All samples in [start, end), in order of tag and time.

        Raises:
            ResourceExhausted: There are more than `most`.
            Unavailable: The historian cannot be asked.
        """
        room = _Room(most)
        parts = [tag_ids[i : i + _TAGS_AT_ONCE] for i in range(0, len(tag_ids), _TAGS_AT_ONCE)]
        reads = await asyncio.gather(*(self._pages(tenant, part, start_us, end_us, room) for part in parts))
        return Frame.concat(frame for frames in reads for frame in frames)

    async def _pages(
        self, tenant: str, tag_ids: Sequence[int], start_us: int, end_us: int, room: "_Room"
    ) -> list[Frame]:
        frames: list[Frame] = []
        request = historian_service.ReadRawRequest(
            parent=f"tenants/{tenant}",
            tag_ids=tag_ids,
            start_time=stamp(start_us),
            end_time=stamp(end_us),
            page_size=_PAGE,
        )
        while True:
            async with self._turns.taken(tenant):
                page = await answer("historian", self._stub.ReadRaw(request))
            frames.append(decode_frame(page.frame))
            room.take(frames[-1].sample_count)
            if not page.next_page_token:
                return frames
            request.page_token = page.next_page_token

    async def missing(
        self, tenant: str, tag_ids: Sequence[int], start_us: int, end_us: int
    ) -> dict[int, list[MissingSpan]]:
        """When samples are known to be missing in [start, end), by tag, in order of time.

        Raises:
            ResourceExhausted: Too many gaps touch the span.
            Unavailable: The historian cannot be asked.
        """
        request = completeness_pb2.ListMissingSpansRequest(
            parent=f"tenants/{tenant}", start_time=stamp(start_us), end_time=stamp(end_us)
        )
        found: dict[int, list[MissingSpan]] = {}
        for i in range(0, len(tag_ids), _LATEST_AT_ONCE):
            request.ClearField("tag_ids")
            request.tag_ids.extend(tag_ids[i : i + _LATEST_AT_ONCE])
            spans = await answer("historian", self._completeness.ListMissingSpans(request))
            columns = zip(spans.tag_id, spans.start_us, spans.end_us, spans.pending, spans.resumed, strict=True)
            for tag_id, start, end, pending, resumed in columns:
                found.setdefault(tag_id, []).append(MissingSpan(start, end, pending=pending, resumed=resumed))
        return found

    async def before(self, tenant: str, tag_ids: Sequence[int], time_us: int) -> Frame:
        """The newest sample of each tag before a time; tags that have none are left out."""
        return await self._latest(tenant, historian_service.ReadLatestRequest(before_time=stamp(time_us)), tag_ids)

    async def latest(self, tenant: str, tag_ids: Sequence[int]) -> Frame:
        """The newest sample of each tag; tags that have none are left out."""
        return await self._latest(tenant, historian_service.ReadLatestRequest(), tag_ids)

    async def _latest(self, tenant: str, request: historian_service.ReadLatestRequest, tag_ids: Sequence[int]) -> Frame:
        request.parent = f"tenants/{tenant}"
        frames: list[Frame] = []
        for i in range(0, len(tag_ids), _LATEST_AT_ONCE):
            request.ClearField("tag_ids")
            request.tag_ids.extend(tag_ids[i : i + _LATEST_AT_ONCE])
            async with self._turns.taken(tenant):
                frames.append(decode_frame((await answer("historian", self._stub.ReadLatest(request))).frame))
        return Frame.concat(frames)

    async def processed(
        self,
        tenant: str,
        tag_ids: Sequence[int],
        start_us: int,
        end_us: int,
        interval_us: int,
        aggregates: Sequence[historian_resources.Aggregate.ValueType],
        configuration: historian_resources.AggregateConfiguration | None = None,
    ) -> dict[tuple[int, int], Processed]:
        """Aggregates by interval (OPC UA Part 13), by tag and aggregate."""
        request = historian_service.ReadProcessedRequest(
            parent=f"tenants/{tenant}",
            start_time=stamp(start_us),
            end_time=stamp(end_us),
            processing_interval=Duration(seconds=interval_us // _SECOND, nanos=interval_us % _SECOND * 1000),
            aggregates=aggregates,
            configuration=configuration,
        )
        found: dict[tuple[int, int], Processed] = {}
        for i in range(0, len(tag_ids), _TAGS_AT_ONCE):
            request.ClearField("tag_ids")
            request.tag_ids.extend(tag_ids[i : i + _TAGS_AT_ONCE])
            async with self._turns.taken(tenant):
                page = await answer("historian", self._stub.ReadProcessed(request))
            found |= {(each.tag_id, each.aggregate): _processed(each) for each in page.series}
        return found

    async def subscribe(self, tenant: str, tag_ids: Sequence[int], *, include_latest: bool) -> AsyncGenerator[Live]:
        """Samples as they are committed, until the historian ends the stream.

        Raises:
            Unavailable: The historian went away.
        """
        request = historian_service.SubscribeRequest(
            parent=f"tenants/{tenant}", tag_ids=tag_ids, include_latest=include_latest
        )
        async with aclosing(_messages(self._stub.Subscribe(request))) as messages:
            async for each in messages:
                yield Live(decode_frame(each.frame), each.skipped_frames)


async def _messages(call: Any) -> AsyncGenerator[historian_service.SubscribeResponse]:
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as err:
        raise _translated("historian", err) from err
    finally:
        call.cancel()


class _Room:
    """How many samples may still come."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise too_many_samples(self._most)


def stamp(time_us: int) -> Timestamp:
    """A time in µs since the Unix epoch as a message."""
    return Timestamp(seconds=time_us // _SECOND, nanos=time_us % _SECOND * 1000)


def _processed(given: historian_service.ReadProcessedResponse.Series) -> Processed:
    count = given.count
    return Processed(
        decode_column(given.timestamp, np.int64, count),
        decode_column(given.value, np.float64, count),
        decode_column(given.status, np.uint32, count),
    )
