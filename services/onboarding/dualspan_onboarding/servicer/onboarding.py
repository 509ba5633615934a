"""OnboardingService: what people call."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio
from google.longrunning.operations_pb2 import Operation
from google.protobuf.empty_pb2 import Empty

from dualspan.onboarding.v1 import resources_pb2, service_pb2, service_pb2_grpc
from dualspan_onboarding.browsed import NodeFilter
from dualspan_onboarding.names import GatewayName, GatewayScope, ServerName, TagName, parse_tenant
from dualspan_onboarding.rules import search_words
from dualspan_onboarding.service.browsing import Browsing
from dualspan_onboarding.service.enrolment import Enrolment
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.service.servers import Servers
from dualspan_onboarding.service.tagging import Tagging
from dualspan_onboarding.servicer import browse_mapping, mapping, sampling_mapping
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_FEW = PageRules(default=100, maximum=1000)
_MANY = PageRules(default=1000, maximum=10_000)


class OnboardingServicer(service_pb2_grpc.OnboardingServiceServicer):
    """Answers for gateways, servers, browsed nodes and tags.

    Args:
        gateways: Use cases around gateways.
        enrolment: Use cases around their credentials.
        servers: Use cases around OPC UA servers.
        browsing: Use cases around browses.
        tagging: Use cases around tags.
        tokens: Makes page tokens.
    """

    def __init__(
        self,
        *,
        gateways: Gateways,
        enrolment: Enrolment,
        servers: Servers,
        browsing: Browsing,
        tagging: Tagging,
        tokens: PageTokens,
    ) -> None:
        self._gateways = gateways
        self._enrolment = enrolment
        self._servers = servers
        self._browsing = browsing
        self._tagging = tagging
        self._tokens = tokens

    async def CreateGateway(self, request: service_pb2.CreateGatewayRequest, context: Context) -> resources_pb2.Gateway:
        """See the contract."""
        gateway = request.gateway
        tenant = parse_tenant(request.parent)
        made = await self._gateways.create(tenant, request.gateway_id, gateway.display_name, gateway.site)
        return mapping.gateway(made)

    async def GetGateway(self, request: service_pb2.GetGatewayRequest, context: Context) -> resources_pb2.Gateway:
        """See the contract."""
        return mapping.gateway(await self._gateways.get(GatewayName.parse(request.name)))

    async def ListGateways(
        self, request: service_pb2.ListGatewaysRequest, context: Context
    ) -> service_pb2.ListGatewaysResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _FEW.size(request.page_size)
        query = ("ListGateways", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._gateways.page(tenant, str(after), size + 1)
        response = service_pb2.ListGatewaysResponse(gateways=[mapping.gateway(g) for g in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].name.gateway,), query)
        return response

    async def RevokeGateway(self, request: service_pb2.RevokeGatewayRequest, context: Context) -> resources_pb2.Gateway:
        """See the contract."""
        return mapping.gateway(await self._gateways.revoke(GatewayName.parse(request.name), request.reason))

    async def CreateEnrolmentToken(
        self, request: service_pb2.CreateEnrolmentTokenRequest, context: Context
    ) -> service_pb2.CreateEnrolmentTokenResponse:
        """See the contract."""
        lifetime = mapping.span(request.lifetime) if request.HasField("lifetime") else None
        text, expire_at = await self._enrolment.create_token(GatewayName.parse(request.gateway), lifetime)
        return service_pb2.CreateEnrolmentTokenResponse(enrolment_token=text, expire_time=mapping.timestamp(expire_at))

    async def CreateOpcUaServer(
        self, request: service_pb2.CreateOpcUaServerRequest, context: Context
    ) -> resources_pb2.OpcUaServer:
        """See the contract."""
        stated = request.opc_ua_server
        made = await self._servers.create(
            GatewayName.parse(request.parent),
            request.opc_ua_server_id,
            mapping.server_settings(stated),
            stated.password,
        )
        return mapping.opc_ua_server(made)

    async def GetOpcUaServer(
        self, request: service_pb2.GetOpcUaServerRequest, context: Context
    ) -> resources_pb2.OpcUaServer:
        """See the contract."""
        return mapping.opc_ua_server(await self._servers.get(ServerName.parse(request.name)))

    async def ListOpcUaServers(
        self, request: service_pb2.ListOpcUaServersRequest, context: Context
    ) -> service_pb2.ListOpcUaServersResponse:
        """See the contract."""
        scope, size = GatewayScope.parse(request.parent), _FEW.size(request.page_size)
        query = ("ListOpcUaServers", request.parent)
        gateway, server = self._tokens.read(request.page_token, query) or ("", "")
        found = await self._servers.page(scope, (str(gateway), str(server)), size + 1)
        response = service_pb2.ListOpcUaServersResponse(opc_ua_servers=[mapping.opc_ua_server(s) for s in found[:size]])
        if len(found) > size:
            last = found[size - 1].name
            response.next_page_token = self._tokens.write((last.gateway, last.server), query)
        return response

    async def UpdateOpcUaServer(
        self, request: service_pb2.UpdateOpcUaServerRequest, context: Context
    ) -> resources_pb2.OpcUaServer:
        """See the contract."""
        name = ServerName.parse(request.opc_ua_server.name)
        return mapping.opc_ua_server(await self._servers.update(name, mapping.server_change(request)))

    async def DeleteOpcUaServer(self, request: service_pb2.DeleteOpcUaServerRequest, context: Context) -> Empty:
        """See the contract."""
        await self._servers.delete(ServerName.parse(request.name))
        return Empty()

    async def ApproveServerCertificate(
        self, request: service_pb2.ApproveServerCertificateRequest, context: Context
    ) -> resources_pb2.OpcUaServer:
        """See the contract."""
        name = ServerName.parse(request.name)
        return mapping.opc_ua_server(await self._servers.approve_certificate(name, request.certificate_sha256))

    async def BrowseServer(self, request: service_pb2.BrowseServerRequest, context: Context) -> Operation:
        """See the contract."""
        name = ServerName.parse(request.name)
        return await self._browsing.start(name, request.root_node_id, request.max_nodes)

    async def ListBrowsedNodes(
        self, request: service_pb2.ListBrowsedNodesRequest, context: Context
    ) -> service_pb2.ListBrowsedNodesResponse:
        """See the contract."""
        server, size = ServerName.parse(request.parent), _MANY.size(request.page_size)
        wanted = NodeFilter(
            variables_only=request.variables_only,
            prefix=request.browse_path_prefix,
            parent_node_id=request.parent_node_id,
            words=search_words(request.query),
        )
        place = (request.parent, request.snapshot, wanted.parent_node_id)
        query = ("ListBrowsedNodes", *place, wanted.variables_only, wanted.prefix, *wanted.words)
        path, node = self._tokens.read(request.page_token, query) or ("", "")
        found = await self._browsing.page_of_nodes(
            server, wanted, after=(str(path), str(node)), limit=size + 1, snapshot=request.snapshot
        )
        response = service_pb2.ListBrowsedNodesResponse(nodes=[browse_mapping.listed_node(n) for n in found[:size]])
        if len(found) > size:
            last = found[size - 1].node
            response.next_page_token = self._tokens.write((last.browse_path, last.node_id), query)
        return response

    async def AcceptVariables(
        self, request: service_pb2.AcceptVariablesRequest, context: Context
    ) -> service_pb2.AcceptVariablesResponse:
        """See the contract."""
        accepted = await self._tagging.accept(ServerName.parse(request.server), mapping.choice(request))
        return service_pb2.AcceptVariablesResponse(
            created=accepted.created,
            existing=accepted.existing,
            tag_ids=accepted.tag_ids,
            load=accepted.load and sampling_mapping.estimate(accepted.load),
        )

    async def GetTag(self, request: service_pb2.GetTagRequest, context: Context) -> resources_pb2.Tag:
        """See the contract."""
        return mapping.tag(await self._tagging.get(TagName.parse(request.name)))

    async def ListTags(self, request: service_pb2.ListTagsRequest, context: Context) -> service_pb2.ListTagsResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _MANY.size(request.page_size)
        server = ServerName.parse(request.server) if request.server else None
        query = ("ListTags", tenant, request.server, request.query)
        (after,) = self._tokens.read(request.page_token, query) or (0,)
        found = await self._tagging.page(tenant, server=server, query=request.query, after=int(after), limit=size + 1)
        response = service_pb2.ListTagsResponse(
            tags=[mapping.tag(t) for t in found.tags[:size]], total_size=found.total
        )
        if len(found.tags) > size:
            response.next_page_token = self._tokens.write((found.tags[size - 1].name.tag_id,), query)
        return response

    async def BatchDeleteTags(self, request: service_pb2.BatchDeleteTagsRequest, context: Context) -> Empty:
        """See the contract."""
        await self._tagging.delete(parse_tenant(request.parent), [TagName.parse(name) for name in request.names])
        return Empty()
