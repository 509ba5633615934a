"""SpcService: control charts, their limits, and what they show."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import spc_pb2 as contract
from dualspan.analytics.v1 import spc_pb2_grpc
from dualspan_analytics.service.control_charts import ControlCharts
from dualspan_analytics.servicer import spc_mapping as mapping
from dualspan_analytics.servicer.spc_mapping import CONTROL_CHART
from dualspan_runtime.names import TENANT, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)


class SpcServicer(spc_pb2_grpc.SpcServiceServicer):
    """Answers for control charts.

    Args:
        charts: Use cases around them.
        tokens: Makes page tokens.
    """

    def __init__(self, charts: ControlCharts, tokens: PageTokens) -> None:
        self._charts = charts
        self._tokens = tokens

    async def CreateControlChart(
        self, request: contract.CreateControlChartRequest, context: Context
    ) -> contract.ControlChart:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        chart = check_slug(request.control_chart_id, "control_chart_id")
        made = await self._charts.create(tenant, mapping.definition(request.control_chart, chart))
        return mapping.chart(tenant, made)

    async def GetControlChart(
        self, request: contract.GetControlChartRequest, context: Context
    ) -> contract.ControlChart:
        """See the contract."""
        tenant, chart = _names(request.name)
        return mapping.chart(tenant, await self._charts.get(tenant, chart))

    async def ListControlCharts(
        self, request: contract.ListControlChartsRequest, context: Context
    ) -> contract.ListControlChartsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListControlCharts", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._charts.page(tenant, str(after), size + 1)
        response = contract.ListControlChartsResponse(control_charts=[mapping.chart(tenant, c) for c in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].id,), query)
        return response

    async def UpdateControlChart(
        self, request: contract.UpdateControlChartRequest, context: Context
    ) -> contract.ControlChart:
        """See the contract."""
        tenant, chart = _names(request.control_chart.name)
        return mapping.chart(
            tenant, await self._charts.update(tenant, mapping.definition(request.control_chart, chart))
        )

    async def DeleteControlChart(self, request: contract.DeleteControlChartRequest, context: Context) -> Empty:
        """See the contract."""
        await self._charts.delete(*_names(request.name))
        return Empty()

    async def FixControlLimits(
        self, request: contract.FixControlLimitsRequest, context: Context
    ) -> contract.ControlLimits:
        """See the contract."""
        tenant, chart = _names(request.name)
        asked, given = mapping.asked_to_fix(request, chart)
        return mapping.limits(await self._charts.fix(tenant, asked, given, request.comment))

    async def ListControlLimits(
        self, request: contract.ListControlLimitsRequest, context: Context
    ) -> contract.ListControlLimitsResponse:
        """See the contract."""
        (tenant, chart), size = _names(request.name), _PAGES.size(request.page_size)
        query = ("ListControlLimits", tenant, chart, request.asset)
        asset, version = self._tokens.read(request.page_token, query) or ("", 0)
        found = await self._charts.limits(tenant, chart, request.asset, (str(asset), int(version)), size + 1)
        response = contract.ListControlLimitsResponse(limits=mapping.all_limits(found[:size]))
        if len(found) > size:
            last = found[size - 1].limits
            response.next_page_token = self._tokens.write((last.asset, last.version), query)
        return response

    async def EvaluateControlChart(
        self, request: contract.EvaluateControlChartRequest, context: Context
    ) -> contract.EvaluateControlChartResponse:
        """See the contract."""
        tenant, chart = _names(request.name)
        return mapping.evaluation(await self._charts.evaluate(tenant, mapping.asked(request, chart)))


def _names(name: str) -> tuple[str, str]:
    found = CONTROL_CHART.parse(name)
    return found["tenant"], found["control_chart"]
