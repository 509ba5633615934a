"""The tenant's assets, as onboarding tells them: what apps can be bound to."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import asset_service_pb2 as onboarding
from dualspan_manifest import ValueKind
from dualspan_marketplace.bindings.model import Asset, AssetProperty, GrantedTag, Slot
from dualspan_marketplace.upstream import answer_of

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceAsyncStub

_KINDS = {
    frame_pb2.VALUE_KIND_FLOAT64: ValueKind.FLOAT64,
    frame_pb2.VALUE_KIND_INT64: ValueKind.INT64,
    frame_pb2.VALUE_KIND_BOOL: ValueKind.BOOL,
    frame_pb2.VALUE_KIND_TEXT: ValueKind.TEXT,
}
_Models = dict[str, onboarding.AssetModel]


@dataclass(frozen=True, slots=True)
class Granted:
    """Assets and their models as an app may see them, in the contract's form."""

    assets: Sequence[onboarding.Asset]
    models: Sequence[onboarding.AssetModel]


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
        with answer_of("onboarding"):
            found = [each for each in await self._listed(tenant) if each.model]
            own = await self._models_of(tenant, found)
            extended = await self._extended(tenant, list(own.values()))
        return [_asset(asset, own[asset.model, asset.model_version], extended) for asset in found]

    async def granted(self, tenant: str, tags: Sequence[GrantedTag]) -> Granted:
        """What was granted, as far as it is still bound to the tags that were.

        Raises:
            Unavailable: Onboarding does not answer (`UPSTREAM_UNREACHABLE`).
        """
        wanted = {(each.asset_id, each.property, each.index, each.tag_id) for each in tags}
        ids, properties = {each.asset_id for each in tags}, {each.property for each in tags}
        if not wanted:
            return Granted((), ())
        with answer_of("onboarding"):
            listed = {each.name: each for each in await self._listed(tenant)}
            found = [each for each in listed.values() if _last(each.name) in ids]
            models = await self._models_of(tenant, found)
        shown = [_shown(each, wanted) for each in found]
        return Granted([*_places(found, listed), *shown], [_cut(each, properties) for each in models.values()])

    async def _listed(self, tenant: str) -> list[onboarding.Asset]:
        found: list[onboarding.Asset] = []
        request = onboarding.ListAssetsRequest(parent=f"tenants/{tenant}", page_size=1000)
        while True:
            page = await self._stub.ListAssets(request)
            found += page.assets
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def _models_of(
        self, tenant: str, assets: Sequence[onboarding.Asset]
    ) -> dict[tuple[str, str], onboarding.AssetModel]:
        keys = sorted({(asset.model, asset.model_version) for asset in assets})
        return dict(zip(keys, await asyncio.gather(*(self._model(tenant, *key) for key in keys)), strict=True))

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


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _places(chosen: Sequence[onboarding.Asset], listed: Mapping[str, onboarding.Asset]) -> Sequence[onboarding.Asset]:
    """The sites, areas and lines that chosen assets are part of, by name: nothing of what else they have."""
    found: dict[str, onboarding.Asset] = {}
    for each in chosen:
        place = listed.get(each.parent_asset)
        while place is not None and place.name not in found:
            found[place.name] = place
            place = listed.get(place.parent_asset)
    for each in chosen:
        found.pop(each.name, None)
    return [
        onboarding.Asset(
            name=each.name, display_name=each.display_name, level=each.level, parent_asset=each.parent_asset
        )
        for each in found.values()
    ]


def _shown(given: onboarding.Asset, wanted: set[tuple[str, str, int, int]]) -> onboarding.Asset:
    """An asset with what was granted of it."""
    asset = _last(given.name)
    return onboarding.Asset(
        name=given.name,
        display_name=given.display_name,
        level=given.level,
        parent_asset=given.parent_asset,
        model=given.model,
        model_version=given.model_version,
        bindings=[
            each for each in given.bindings if (asset, each.property, each.index, int(_last(each.tag))) in wanted
        ],
    )


def _cut(given: onboarding.AssetModel, properties: set[str]) -> onboarding.AssetModel:
    """A model with the properties that apps may see."""
    return onboarding.AssetModel(
        name=given.name,
        version=given.version,
        industry=given.industry,
        display_name=given.display_name,
        properties=[each for each in given.properties if each.id in properties],
        states=given.states,
    )


def _asset(given: onboarding.Asset, model: onboarding.AssetModel, extended: _Models) -> Asset:
    slots: defaultdict[str, list[Slot]] = defaultdict(list)
    for each in given.bindings:
        tag = int(_last(each.tag))
        slots[each.property].append(Slot(each.index, tag, each.factor, each.offset, each.unit_known))
    lineage, waiting = {given.model}, list(model.extends)
    while waiting:
        parent = waiting.pop()
        if parent not in lineage:
            lineage.add(parent)
            waiting += extended[parent].extends
    return Asset(
        id=_last(given.name),
        name=given.display_name,
        lineage=frozenset(lineage),
        properties={
            each.id: AssetProperty(_KINDS.get(each.kind), each.unit, tuple(slots[each.id])) for each in model.properties
        },
    )
