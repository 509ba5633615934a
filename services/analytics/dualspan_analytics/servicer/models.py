"""ModelService: definitions of models, their versions, scores and forecasts."""

# ruff: noqa: N802 - the contract's names

import time
from typing import Any, TypeAlias

import grpc.aio
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import models_pb2 as contract
from dualspan.analytics.v1 import models_pb2_grpc
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.intelligence.templates import templates
from dualspan_analytics.service.forecasting import Forecasting
from dualspan_analytics.service.model_answers import version_message
from dualspan_analytics.service.models import DEFINITION, VERSION, Models
from dualspan_analytics.service.scoring import Scoring
from dualspan_analytics.servicer import model_mapping as mapping
from dualspan_analytics.servicer.times import read_time
from dualspan_runtime.names import TENANT, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)
_VERSIONS = PageRules(default=20, maximum=100)


class ModelServicer(models_pb2_grpc.ModelServiceServicer):
    """Answers for models.

    Args:
        models: Definitions and versions.
        scoring: Judges machines.
        forecasting: Looks ahead and back.
        tokens: Makes page tokens.
    """

    def __init__(self, models: Models, scoring: Scoring, forecasting: Forecasting, tokens: PageTokens) -> None:
        self._models = models
        self._scoring = scoring
        self._forecasting = forecasting
        self._tokens = tokens

    async def ListModelTemplates(
        self, request: contract.ListModelTemplatesRequest, context: Context
    ) -> contract.ListModelTemplatesResponse:
        """See the contract."""
        TENANT.parse(request.parent)
        found = [
            contract.ModelTemplate(asset_model=name, anomaly=mapping.anomaly_message(spec))
            for name, spec in templates().items()
        ]
        return contract.ListModelTemplatesResponse(model_templates=found)

    async def CreateModelDefinition(
        self, request: contract.CreateModelDefinitionRequest, context: Context
    ) -> contract.ModelDefinition:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        new = mapping.new_definition(
            request.model_definition, check_slug(request.model_definition_id, "model_definition_id")
        )
        made = await self._models.create(tenant, new, mapping.spec_of(request.model_definition))
        return mapping.definition_message(tenant, made)

    async def GetModelDefinition(
        self, request: contract.GetModelDefinitionRequest, context: Context
    ) -> contract.ModelDefinition:
        """See the contract."""
        tenant, definition = _names(request.name)
        return mapping.definition_message(tenant, await self._models.get(tenant, definition))

    async def ListModelDefinitions(
        self, request: contract.ListModelDefinitionsRequest, context: Context
    ) -> contract.ListModelDefinitionsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListModelDefinitions", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._models.page(tenant, str(after), size + 1)
        messages = [mapping.definition_message(tenant, each) for each in found[:size]]
        response = contract.ListModelDefinitionsResponse(model_definitions=messages)
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].definition_id,), query)
        return response

    async def DeleteModelDefinition(self, request: contract.DeleteModelDefinitionRequest, context: Context) -> Empty:
        """See the contract."""
        await self._models.delete(*_names(request.name))
        return Empty()

    async def TrainModels(self, request: contract.TrainModelsRequest, context: Context) -> operations_pb2.Operation:
        """See the contract."""
        tenant, definition = _names(request.name)
        return await self._models.start_training(tenant, definition, mapping.span(request), mapping.faults(request))

    async def ListModelVersions(
        self, request: contract.ListModelVersionsRequest, context: Context
    ) -> contract.ListModelVersionsResponse:
        """See the contract."""
        tenant, definition = _names(request.parent)
        size, query = _VERSIONS.size(request.page_size), ("ListModelVersions", tenant, definition)
        before = self._tokens.read(request.page_token, query)
        found = await self._models.versions(tenant, definition, int(before[0]) if before else None, size + 1)
        messages = [version_message(tenant, each) for each in found[:size]]
        response = contract.ListModelVersionsResponse(model_versions=messages)
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].version.version,), query)
        return response

    async def PromoteModelVersion(
        self, request: contract.PromoteModelVersionRequest, context: Context
    ) -> contract.ModelVersion:
        """See the contract."""
        names = VERSION.parse(request.name)
        promoted = await self._models.promote(names["tenant"], names["definition"], int(names["version"]))
        return version_message(names["tenant"], promoted)

    async def ScoreSpan(self, request: contract.ScoreSpanRequest, context: Context) -> contract.ScoreColumns:
        """See the contract."""
        tenant, definition = _names(request.name)
        span = mapping.span(request)
        return mapping.scores(await self._scoring.score(tenant, definition, request.asset, span, request.version))

    async def ReadScores(self, request: contract.ReadScoresRequest, context: Context) -> contract.ScoreColumns:
        """See the contract."""
        tenant, definition = _names(request.name)
        return mapping.scores(await self._scoring.stored(tenant, definition, request.asset, mapping.span(request)))

    async def Forecast(self, request: contract.ForecastRequest, context: Context) -> contract.ForecastColumns:
        """See the contract."""
        tenant, definition = _names(request.name)
        since = read_time(request, "time") if request.HasField("time") else time.time_ns() // 1000
        found = await self._forecasting.forecast(tenant, definition, request.asset, since, request.version)
        return mapping.forecast(found)

    async def FindChanges(self, request: contract.FindChangesRequest, context: Context) -> contract.FindChangesResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        ref = PropertyRef(request.asset, request.property, request.index)
        found = await self._forecasting.changes(tenant, ref, mapping.span(request), mapping.sensitivity(request))
        return mapping.changes(*found)

    async def EstimateRemaining(
        self, request: contract.EstimateRemainingRequest, context: Context
    ) -> contract.EstimateRemainingResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        ref = PropertyRef(request.asset, request.property, request.index)
        limit, confidence = mapping.limit(request)
        found = await self._forecasting.remaining(tenant, ref, mapping.span(request), limit, confidence)
        return mapping.remaining(*found)


def _names(name: str) -> tuple[str, str]:
    names = DEFINITION.parse(name)
    return names["tenant"], names["definition"]
