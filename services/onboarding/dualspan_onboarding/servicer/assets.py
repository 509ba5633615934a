"""AssetService: asset models and assets."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.onboarding.v1 import asset_service_pb2, asset_service_pb2_grpc
from dualspan_onboarding.assets import AssetModelName, AssetName, Slot
from dualspan_onboarding.names import TagName, parse_tenant
from dualspan_onboarding.service.asset_models import AssetModels
from dualspan_onboarding.service.assets import Assets
from dualspan_onboarding.servicer import asset_mapping as mapping
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_FEW = PageRules(default=100, maximum=1000)


class AssetServicer(asset_service_pb2_grpc.AssetServiceServicer):
    """Answers for asset models and assets.

    Args:
        models: Use cases around asset models.
        assets: Use cases around assets.
        tokens: Makes page tokens.
    """

    def __init__(self, models: AssetModels, assets: Assets, tokens: PageTokens) -> None:
        self._models = models
        self._assets = assets
        self._tokens = tokens

    async def ListAssetModels(
        self, request: asset_service_pb2.ListAssetModelsRequest, context: Context
    ) -> asset_service_pb2.ListAssetModelsResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _FEW.size(request.page_size)
        query = ("ListAssetModels", tenant, request.industry)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._models.page(tenant, request.industry, str(after), size + 1)
        models = [mapping.asset_model(tenant, known, source=False) for known in found[:size]]
        response = asset_service_pb2.ListAssetModelsResponse(asset_models=models)
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].model.id,), query)
        return response

    async def GetAssetModel(
        self, request: asset_service_pb2.GetAssetModelRequest, context: Context
    ) -> asset_service_pb2.AssetModel:
        """See the contract."""
        name = AssetModelName.parse(request.name)
        known = await self._models.get(name.tenant, name.model, request.version)
        return mapping.asset_model(name.tenant, known, source=True)

    async def ValidateAssetModel(
        self, request: asset_service_pb2.ValidateAssetModelRequest, context: Context
    ) -> asset_service_pb2.ValidateAssetModelResponse:
        """See the contract."""
        tenant = parse_tenant(request.parent)
        known, problems = await self._models.validate(tenant, request.source)
        return asset_service_pb2.ValidateAssetModelResponse(
            problems=[mapping.problem(each) for each in problems],
            asset_model=None if known is None else mapping.asset_model(tenant, known, source=False),
        )

    async def CreateAssetModel(
        self, request: asset_service_pb2.CreateAssetModelRequest, context: Context
    ) -> asset_service_pb2.AssetModel:
        """See the contract."""
        tenant = parse_tenant(request.parent)
        return mapping.asset_model(tenant, await self._models.create(tenant, request.source), source=True)

    async def CreateAsset(
        self, request: asset_service_pb2.CreateAssetRequest, context: Context
    ) -> asset_service_pb2.Asset:
        """See the contract."""
        tenant = parse_tenant(request.parent)
        new = mapping.new_asset(tenant, request.asset, request.asset_id)
        return mapping.asset(await self._assets.create(tenant, new))

    async def GetAsset(self, request: asset_service_pb2.GetAssetRequest, context: Context) -> asset_service_pb2.Asset:
        """See the contract."""
        return mapping.asset(await self._assets.get(AssetName.parse(request.name)))

    async def ListAssets(
        self, request: asset_service_pb2.ListAssetsRequest, context: Context
    ) -> asset_service_pb2.ListAssetsResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _FEW.size(request.page_size)
        under = mapping.own_asset(tenant, request.under, "under") if request.under else None
        query = ("ListAssets", tenant, request.under, request.model)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._assets.page(tenant, under=under, model=request.model, after=str(after), limit=size + 1)
        response = asset_service_pb2.ListAssetsResponse(assets=[mapping.asset(each) for each in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].name.asset,), query)
        return response

    async def UpdateAsset(
        self, request: asset_service_pb2.UpdateAssetRequest, context: Context
    ) -> asset_service_pb2.Asset:
        """See the contract."""
        name = AssetName.parse(request.asset.name)
        return mapping.asset(await self._assets.update(name, mapping.asset_change(request)))

    async def DeleteAsset(self, request: asset_service_pb2.DeleteAssetRequest, context: Context) -> Empty:
        """See the contract."""
        await self._assets.delete(AssetName.parse(request.name), with_descendants=request.with_descendants)
        return Empty()

    async def BindProperties(
        self, request: asset_service_pb2.BindPropertiesRequest, context: Context
    ) -> asset_service_pb2.Asset:
        """See the contract."""
        wanted = [(Slot(each.property, each.index), TagName.parse(each.tag)) for each in request.bindings]
        unwanted = [Slot(each.property, each.index) for each in request.unbindings]
        return mapping.asset(await self._assets.bind(AssetName.parse(request.name), wanted, unwanted))
