"""DashboardService: pages of panels that people keep."""

# ruff: noqa: N802 - the contract's names

import uuid
from dataclasses import replace
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import dashboards_pb2 as contract
from dualspan.analytics.v1 import dashboards_pb2_grpc
from dualspan_analytics.dashboards.model import Dashboard
from dualspan_analytics.service.dashboards import Dashboards, KeptDashboard, dashboard_name
from dualspan_analytics.servicer.dashboard_mapping import basic_panel_message, panel_message, read_panels
from dualspan_analytics.servicer.masks import masked
from dualspan_runtime.names import TENANT, ResourceName, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
DASHBOARD = ResourceName("tenants/{tenant}/dashboards/{dashboard}")
_PAGES = PageRules(default=50, maximum=50)
_BASIC_PAGES = PageRules(default=50, maximum=1000)
_CHANGEABLE = frozenset({"display_name", "description", "panels"})


class DashboardServicer(dashboards_pb2_grpc.DashboardServiceServicer):
    """See the contract.

    Args:
        dashboards: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, dashboards: Dashboards, tokens: PageTokens) -> None:
        self._dashboards = dashboards
        self._tokens = tokens

    async def CreateDashboard(self, request: contract.CreateDashboardRequest, context: Context) -> contract.Dashboard:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        chosen = check_slug(request.dashboard_id, "dashboard_id") if request.dashboard_id else uuid.uuid4().hex
        given = _changed(Dashboard(chosen, "", "", ()), request.dashboard, _CHANGEABLE)
        return _message(tenant, await self._dashboards.create(tenant, given))

    async def GetDashboard(self, request: contract.GetDashboardRequest, context: Context) -> contract.Dashboard:
        """See the contract."""
        tenant, dashboard = _names(request.name)
        return _message(tenant, await self._dashboards.get(tenant, dashboard))

    async def ListDashboards(
        self, request: contract.ListDashboardsRequest, context: Context
    ) -> contract.ListDashboardsResponse:
        """See the contract."""
        tenant, is_basic = TENANT.parse(request.parent)["tenant"], request.view == contract.DASHBOARD_VIEW_BASIC
        size = (_BASIC_PAGES if is_basic else _PAGES).size(request.page_size)
        query = ("ListDashboards", tenant, is_basic, request.deleted)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._dashboards.page(tenant, str(after), size + 1, deleted=request.deleted)
        listed = [_message(tenant, each, is_basic=is_basic) for each in found[:size]]
        answer = contract.ListDashboardsResponse(dashboards=listed)
        if len(found) > size:
            answer.next_page_token = self._tokens.write((found[size - 1].dashboard.id,), query)
        return answer

    async def UpdateDashboard(self, request: contract.UpdateDashboardRequest, context: Context) -> contract.Dashboard:
        """See the contract."""
        given, fields = request.dashboard, masked(request.update_mask, _CHANGEABLE)
        tenant, dashboard = _names(given.name)
        kept = await self._dashboards.change(tenant, dashboard, given.etag, lambda old: _changed(old, given, fields))
        return _message(tenant, kept)

    async def DeleteDashboard(self, request: contract.DeleteDashboardRequest, context: Context) -> Empty:
        """See the contract."""
        await self._dashboards.delete(*_names(request.name), request.etag)
        return Empty()

    async def UndeleteDashboard(
        self, request: contract.UndeleteDashboardRequest, context: Context
    ) -> contract.Dashboard:
        """See the contract."""
        tenant, dashboard = _names(request.name)
        return _message(tenant, await self._dashboards.undelete(tenant, dashboard))


def _names(name: str) -> tuple[str, str]:
    found = DASHBOARD.parse(name)
    return found["tenant"], found["dashboard"]


def _changed(old: Dashboard, given: contract.Dashboard, fields: frozenset[str]) -> Dashboard:
    new = old
    if "display_name" in fields:
        new = replace(new, display_name=given.display_name.strip())
    if "description" in fields:
        new = replace(new, description=given.description.strip())
    return replace(new, panels=read_panels(given.panels)) if "panels" in fields else new


def _message(tenant: str, kept: KeptDashboard, *, is_basic: bool = False) -> contract.Dashboard:
    given, stored, written = kept.dashboard, kept.stored, basic_panel_message if is_basic else panel_message
    message = contract.Dashboard(
        name=dashboard_name(tenant, given.id),
        display_name=given.display_name,
        description=given.description,
        panels=[written(each) for each in given.panels],
        etag=kept.etag,
        editor=stored.editor,
    )
    message.create_time.FromDatetime(stored.create_time)
    message.update_time.FromDatetime(stored.update_time)
    if stored.delete_time is not None:
        message.delete_time.FromDatetime(stored.delete_time)
    return message
