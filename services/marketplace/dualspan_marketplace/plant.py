"""The tenant's assets, as onboarding tells them: what apps can be bound to."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.json_format import MessageToDict

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import asset_service_pb2 as onboarding
from dualspan_manifest import ValueKind
from dualspan_marketplace.bindings.model import Asset, AssetProperty, Slot
from dualspan_runtime.errors import Unavailable

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceAsyncStub

_KINDS = {
    frame_pb2.VALUE_KIND_FLOAT64: ValueKind.FLOAT64,
    frame_pb2.VALUE_KIND_INT64: ValueKind.INT64,
    frame_pb2.VALUE_KIND_BOOL: ValueKind.BOOL,
    frame_pb2.VALUE_KIND_TEXT: ValueKind.TEXT,
}
_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_Models = dict[str, onboarding.AssetModel]


class Plant:
    """Asks onboarding.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "AssetServiceAsyncStub") -> None:
        self._stub = stub

    async def assets(self, tenant: str) -> list[Asset]:
        """All assets of a tenant that have a model.

        Raises:
            Unavailable: Onboarding does not answer (`UPSTREAM_UNREACHABLE`).
        """
        try:
            return await self._assets(tenant)
        except grpc.aio.AioRpcError as err:
            if err.code() not in _UNREACHABLE:
                raise
            words = "The onboarding service does not answer. Try again shortly."
            raise Unavailable("UPSTREAM_UNREACHABLE", words, service="onboarding") from err

    async def document(self, tenant: str, granted: Collection[tuple[str, int]]) -> dict[str, Any]:
        """What was granted, as apps read it: `{assets, models}`, messages of the contract in JSON.

        Args:
            tenant: Whose assets.
            granted: Pairs of an asset and a tag; of an asset nothing else is told.

        Raises:
            Unavailable: Onboarding does not answer (`UPSTREAM_UNREACHABLE`).
        """
        try:
            found = [asset for asset in await self._listed(tenant) if _restrict(asset, granted)]
            models = await self._with_extended(tenant, found)
        except grpc.aio.AioRpcError as err:
            if err.code() not in _UNREACHABLE:
                raise
            words = "The onboarding service does not answer. Try again shortly."
            raise Unavailable("UPSTREAM_UNREACHABLE", words, service="onboarding") from err
        return {"assets": [MessageToDict(each) for each in found], "models": [MessageToDict(each) for each in models]}

    async def _with_extended(self, tenant: str, found: list[onboarding.Asset]) -> list[onboarding.AssetModel]:
        keys = sorted({(asset.model, asset.model_version) for asset in found})
        own = await asyncio.gather(*(self._model(tenant, *key) for key in keys))
        return [*own, *(await self._extended(tenant, own)).values()]

    async def _listed(self, tenant: str) -> list[onboarding.Asset]:
        found: list[onboarding.Asset] = []
        request = onboarding.ListAssetsRequest(parent=f"tenants/{tenant}", page_size=1000)
        while True:
            page = await self._stub.ListAssets(request)
            found += [asset for asset in page.assets if asset.model]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def _assets(self, tenant: str) -> list[Asset]:
        found = await self._listed(tenant)
        keys = sorted({(asset.model, asset.model_version) for asset in found})
        own = dict(zip(keys, await asyncio.gather(*(self._model(tenant, *key) for key in keys)), strict=True))
        extended = await self._extended(tenant, list(own.values()))
        return [_asset(asset, own[asset.model, asset.model_version], extended) for asset in found]

    async def _extended(self, tenant: str, models: list[onboarding.AssetModel]) -> _Models:
        """All models that these extend, by id."""
        known: _Models = {}
        waiting = {parent for model in models for parent in model.extends}
        while waiting:
            found = await asyncio.gather(*(self._model(tenant, each, "") for each in sorted(waiting)))
            known |= dict(zip(sorted(waiting), found, strict=True))
            waiting = {parent for model in found for parent in model.extends} - known.keys()
        return known

    async def _model(self, tenant: str, model: str, version: str) -> onboarding.AssetModel:
        name = f"tenants/{tenant}/assetModels/{model}"
        return await self._stub.GetAssetModel(onboarding.GetAssetModelRequest(name=name, version=version))


def _restrict(asset: onboarding.Asset, granted: Collection[tuple[str, int]]) -> bool:
    """Leave only what was granted in an asset; whether that is anything."""
    asset_id = asset.name.rpartition("/")[2]
    kept = [each for each in asset.bindings if (asset_id, int(each.tag.rpartition("/")[2])) in granted]
    del asset.bindings[:]
    asset.bindings.extend(kept)
    asset.ClearField("parent_asset")
    return bool(kept)


def _asset(given: onboarding.Asset, model: onboarding.AssetModel, extended: _Models) -> Asset:
    slots: defaultdict[str, list[Slot]] = defaultdict(list)
    for each in given.bindings:
        tag = int(each.tag.rpartition("/")[2])
        slots[each.property].append(Slot(each.index, tag, each.factor, each.offset, each.unit_known))
    lineage, waiting = {given.model}, list(model.extends)
    while waiting:
        parent = waiting.pop()
        if parent not in lineage:
            lineage.add(parent)
            waiting += extended[parent].extends
    return Asset(
        id=given.name.rpartition("/")[2],
        name=given.display_name,
        lineage=frozenset(lineage),
        properties={
            each.id: AssetProperty(_KINDS.get(each.kind), each.unit, tuple(slots[each.id])) for each in model.properties
        },
    )
