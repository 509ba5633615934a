"""DiscoveryService: what people call to find servers and to test the way to them."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio
from google.longrunning.operations_pb2 import Operation

from dualspan.onboarding.v1 import discovery_pb2, discovery_pb2_grpc
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.service.connection_tests import ConnectionTests, StatedWay
from dualspan_onboarding.service.discovery import Discovery
from dualspan_onboarding.servicer import mapping
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_FEW = PageRules(default=100, maximum=1000)


class DiscoveryServicer(discovery_pb2_grpc.DiscoveryServiceServicer):
    """Answers for discovery and connection tests.

    Args:
        discovery: Use cases around discovery.
        tests: Use cases around connection tests.
        tokens: Makes page tokens.
    """

    def __init__(self, discovery: Discovery, tests: ConnectionTests, tokens: PageTokens) -> None:
        self._discovery = discovery
        self._tests = tests
        self._tokens = tokens

    async def DiscoverServers(self, request: discovery_pb2.DiscoverServersRequest, context: Context) -> Operation:
        """See the contract."""
        return await self._discovery.discover(GatewayName.parse(request.parent), request.scope)

    async def ListDiscoveredServers(
        self, request: discovery_pb2.ListDiscoveredServersRequest, context: Context
    ) -> discovery_pb2.ListDiscoveredServersResponse:
        """See the contract."""
        gateway, size = GatewayName.parse(request.parent), _FEW.size(request.page_size)
        query = ("ListDiscoveredServers", request.parent)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._discovery.page(gateway, str(after), size + 1)
        response = discovery_pb2.ListDiscoveredServersResponse(discovered_servers=found[:size])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].discovery_url,), query)
        return response

    async def TestConnection(self, request: discovery_pb2.TestConnectionRequest, context: Context) -> Operation:
        """See the contract."""
        stated = None
        if request.HasField("opc_ua_server"):
            stated = StatedWay(mapping.server_settings(request.opc_ua_server), request.opc_ua_server.password)
        return await self._tests.test(GatewayName.parse(request.parent), request.server_id, stated)
