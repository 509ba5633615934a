"""FleetService: how gateways are, renaming, replacing."""

# ruff: noqa: N802 - the contract's names

from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc.aio

from dualspan.onboarding.v1 import fleet_pb2, fleet_pb2_grpc, resources_pb2
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.fleet import MOST_DETAIL, FleetGateway, GatewayEnd, LastWords, judge
from dualspan_onboarding.names import GatewayName, parse_tenant
from dualspan_onboarding.service.fleet import Fleet
from dualspan_onboarding.servicer import mapping
from dualspan_onboarding.servicer.spans import moment, timestamp
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)
_CHANGEABLE = {"display_name", "site"}


class FleetServicer(fleet_pb2_grpc.FleetServiceServicer):
    """Answers for the fleet.

    Args:
        fleet: The use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, fleet: Fleet, tokens: PageTokens) -> None:
        self._fleet = fleet
        self._tokens = tokens

    async def UpdateGateway(self, request: fleet_pb2.UpdateGatewayRequest, context: Context) -> resources_pb2.Gateway:
        """See the contract."""
        fields = _mask(request)
        display_name = request.gateway.display_name if "display_name" in fields else None
        site = request.gateway.site if "site" in fields else None
        return mapping.gateway(await self._fleet.rename(GatewayName.parse(request.gateway.name), display_name, site))

    async def ReplaceGateway(
        self, request: fleet_pb2.ReplaceGatewayRequest, context: Context
    ) -> fleet_pb2.ReplaceGatewayResponse:
        """See the contract."""
        lifetime = mapping.span(request.lifetime) if request.HasField("lifetime") else None
        name = GatewayName.parse(request.name)
        gateway, token, expire_at = await self._fleet.replace(name, request.reason, lifetime)
        return fleet_pb2.ReplaceGatewayResponse(
            gateway=mapping.gateway(gateway), enrolment_token=token, expire_time=timestamp(expire_at)
        )

    async def ListGatewayHealth(
        self, request: fleet_pb2.ListGatewayHealthRequest, context: Context
    ) -> fleet_pb2.ListGatewayHealthResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _PAGES.size(request.page_size)
        query = ("ListGatewayHealth", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._fleet.page(tenant, str(after), size + 1)
        response = fleet_pb2.ListGatewayHealthResponse(gateways=[_fleet_gateway(one) for one in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].gateway.name.gateway,), query)
        return response


def _mask(request: fleet_pb2.UpdateGatewayRequest) -> set[str]:
    fields = set(request.update_mask.paths) or _CHANGEABLE
    if unknown := fields - _CHANGEABLE:
        words = f"update_mask has {', '.join(sorted(unknown))}; display_name and site can be changed."
        raise malformed("MALFORMED_UPDATE_MASK", "update_mask", words)
    return fields


def _fleet_gateway(one: FleetGateway) -> fleet_pb2.FleetGateway:
    health, concerns = judge(one, datetime.now(UTC))
    return fleet_pb2.FleetGateway(
        gateway=mapping.gateway(one.gateway),
        health=fleet_pb2.GatewayHealth.ValueType(health),
        attention=[each.text for each in concerns],
        concerns=[fleet_pb2.GatewayConcern(kind=each.kind, text=each.text, details=each.details) for each in concerns],
        connected_servers=one.connected_servers,
        servers=len(one.gateway.servers),
        active_tags=one.counts.active_tags,
        tags=one.counts.tags,
        last_words=_last_words(one.last_words),
        replace_time=timestamp(one.replaced_at),
    )


def _last_words(words: LastWords | None) -> resources_pb2.LastWords | None:
    if words is None:
        return None
    return resources_pb2.LastWords(
        end=resources_pb2.GatewayEnd.ValueType(words.end),
        end_time=timestamp(words.ended_at),
        start_time=timestamp(words.started_at),
        detail=words.detail,
        software_version=words.version,
    )


def last_words(message: resources_pb2.LastWords) -> LastWords:
    """What a gateway says of its last run, cut to what is kept."""
    known = {int(end) for end in GatewayEnd}
    return LastWords(
        GatewayEnd(message.end) if message.end in known else GatewayEnd.NONE,
        moment(message.end_time) if message.HasField("end_time") else None,
        moment(message.start_time) if message.HasField("start_time") else None,
        message.detail[:MOST_DETAIL].replace("\x00", "\ufffd"),
        message.software_version[:200].replace("\x00", "\ufffd"),
    )
