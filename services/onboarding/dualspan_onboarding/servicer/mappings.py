"""MappingService: the mapping assistant."""

# ruff: noqa: N802 - the contract's names

import uuid
from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc.aio

from dualspan.onboarding.v1 import mapping_service_pb2, mapping_service_pb2_grpc
from dualspan_onboarding.assets import ApplicationName, ProposalName
from dualspan_onboarding.names import ServerName, parse_tenant
from dualspan_onboarding.service.mapping import Mappings
from dualspan_onboarding.service.mapping_changes import MappingChanges
from dualspan_onboarding.servicer import asset_mapping as mapping
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_GROUPS = PageRules(default=20, maximum=200)
_FEW = PageRules(default=100, maximum=1000)


class MappingServicer(mapping_service_pb2_grpc.MappingServiceServicer):
    """Answers for the mapping assistant.

    Args:
        mappings: Proposes and corrects.
        changes: Applies and undoes.
        tokens: Makes page tokens.
    """

    def __init__(self, mappings: Mappings, changes: MappingChanges, tokens: PageTokens) -> None:
        self._mappings = mappings
        self._changes = changes
        self._tokens = tokens

    async def ProposeMapping(
        self, request: mapping_service_pb2.ProposeMappingRequest, context: Context
    ) -> mapping_service_pb2.MappingProposal:
        """See the contract."""
        server = ServerName.parse(request.server)
        models = list(request.models)
        made = await self._mappings.propose(server, request.browse_path_prefix, models, reuse=request.reuse)
        return mapping.proposal(made)

    async def GetMappingProposal(
        self, request: mapping_service_pb2.GetMappingProposalRequest, context: Context
    ) -> mapping_service_pb2.MappingProposal:
        """See the contract."""
        return mapping.proposal(await self._mappings.get(ProposalName.parse(request.name)))

    async def ListMappingGroups(
        self, request: mapping_service_pb2.ListMappingGroupsRequest, context: Context
    ) -> mapping_service_pb2.ListMappingGroupsResponse:
        """See the contract."""
        name, size = ProposalName.parse(request.parent), _GROUPS.size(request.page_size)
        query = ("ListMappingGroups", request.parent)
        (after,) = self._tokens.read(request.page_token, query) or (0,)
        found = await self._mappings.page_of_groups(name, int(after), size + 1)
        groups = [mapping.group(name.tenant, each) for each in found[:size]]
        response = mapping_service_pb2.ListMappingGroupsResponse(groups=groups)
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].number,), query)
        return response

    async def CorrectMapping(
        self, request: mapping_service_pb2.CorrectMappingRequest, context: Context
    ) -> mapping_service_pb2.CorrectMappingResponse:
        """See the contract."""
        name = ProposalName.parse(request.name)
        changed = await self._mappings.correct(
            name,
            mapping.group_number(request.group),
            mapping.corrections(request),
            request.display_name,
            with_twins=request.with_twins,
        )
        return mapping_service_pb2.CorrectMappingResponse(groups=[mapping.group(name.tenant, each) for each in changed])

    async def PreviewMapping(
        self, request: mapping_service_pb2.PreviewMappingRequest, context: Context
    ) -> mapping_service_pb2.MappingDifference:
        """See the contract."""
        name = ProposalName.parse(request.name)
        changed = await self._changes.preview(name, mapping.choice(name.tenant, request.choice))
        return mapping.difference(name.tenant, changed)

    async def ApplyMapping(
        self, request: mapping_service_pb2.ApplyMappingRequest, context: Context
    ) -> mapping_service_pb2.MappingApplication:
        """See the contract."""
        name = ProposalName.parse(request.name)
        applied, changed = await self._changes.apply(name, mapping.choice(name.tenant, request.choice))
        return mapping.application(applied, changed)

    async def UndoMapping(
        self, request: mapping_service_pb2.UndoMappingRequest, context: Context
    ) -> mapping_service_pb2.MappingApplication:
        """See the contract."""
        undone, changed = await self._changes.undo(ApplicationName.parse(request.name))
        return mapping.application(undone, changed)

    async def ListMappingApplications(
        self, request: mapping_service_pb2.ListMappingApplicationsRequest, context: Context
    ) -> mapping_service_pb2.ListMappingApplicationsResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _FEW.size(request.page_size)
        query = ("ListMappingApplications", tenant)
        key = self._tokens.read(request.page_token, query)
        before = (datetime.fromtimestamp(int(key[0]) / 1e6, UTC), uuid.UUID(str(key[1]))) if key else None
        found = await self._changes.applications(tenant, before, size + 1)
        applications = [mapping.application(each) for each in found[:size]]
        response = mapping_service_pb2.ListMappingApplicationsResponse(mapping_applications=applications)
        if len(found) > size:
            last = found[size - 1]
            moment = round(last.created_at.timestamp() * 1e6)
            response.next_page_token = self._tokens.write((moment, str(last.name.uid)), query)
        return response
