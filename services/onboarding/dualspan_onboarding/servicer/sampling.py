"""BudgetService and SamplingService: what servers bear, and how tags are sampled."""

# ruff: noqa: N802 - the contract's names

from collections.abc import Sequence
from typing import Any, TypeAlias

import grpc.aio
from google.longrunning.operations_pb2 import Operation

from dualspan.onboarding.v1 import (
    budget_service_pb2,
    budget_service_pb2_grpc,
    sampling_service_pb2,
    sampling_service_pb2_grpc,
)
from dualspan_onboarding.model import VariableChoice
from dualspan_onboarding.names import ServerName, parse_tenant
from dualspan_onboarding.profiles import all_profiles
from dualspan_onboarding.service.budget import Budgets
from dualspan_onboarding.service.mapping_changes import MappingChanges
from dualspan_onboarding.service.sampling import Sampling
from dualspan_onboarding.service.tagging import Choice, Tagging
from dualspan_onboarding.servicer import sampling_mapping as mapping
from dualspan_onboarding.servicer.asset_mapping import group_number, own_proposal
from dualspan_onboarding.servicer.spans import microseconds
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_FEW = PageRules(default=100, maximum=1000)


class BudgetServicer(budget_service_pb2_grpc.BudgetServiceServicer):
    """Answers for load budgets.

    Args:
        budgets: Use cases around them.
        tagging: Knows what a choice of variables would make.
        changes: Knows what a proposal would make.
        tokens: Makes page tokens.
    """

    def __init__(self, budgets: Budgets, tagging: Tagging, changes: MappingChanges, tokens: PageTokens) -> None:
        self._budgets = budgets
        self._tagging = tagging
        self._changes = changes
        self._tokens = tokens

    async def EstimateLoad(
        self, request: budget_service_pb2.EstimateLoadRequest, context: Context
    ) -> budget_service_pb2.LoadEstimate:
        """See the contract."""
        choice = Choice(
            variables=[VariableChoice(node_id, None, None, 0, "") for node_id in request.node_ids],
            browse_path_prefix=request.browse_path_prefix,
            sampling_interval_us=_stated(request, "sampling_interval"),
            publishing_interval_us=_stated(request, "publishing_interval"),
        )
        thought_of, server = mapping.groups(request.groups), ServerName.parse(request.server)
        proposed = await self._proposed(request)
        found = await self._tagging.estimate(server, choice, thought_of, request.profile, self._budgets, proposed)
        return mapping.estimate(found)

    async def _proposed(self, request: budget_service_pb2.EstimateLoadRequest) -> Sequence[VariableChoice]:
        if not request.mapping_proposal:
            return ()
        tenant = ServerName.parse(request.server).tenant
        proposal = own_proposal(tenant, request.mapping_proposal, "mapping_proposal")
        return await self._changes.variables(proposal, [group_number(each) for each in request.mapping_groups])

    async def ReadServerLimits(
        self, request: budget_service_pb2.ReadServerLimitsRequest, context: Context
    ) -> Operation:
        """See the contract."""
        return await self._budgets.read_limits(ServerName.parse(request.server))

    async def GetServerLimits(
        self, request: budget_service_pb2.GetServerLimitsRequest, context: Context
    ) -> budget_service_pb2.ServerLimits:
        """See the contract."""
        return mapping.limits(await self._budgets.limits(ServerName.parse(request.server)))

    async def ChooseVendorProfile(
        self, request: budget_service_pb2.ChooseVendorProfileRequest, context: Context
    ) -> budget_service_pb2.LoadEstimate:
        """See the contract."""
        return mapping.estimate(await self._budgets.choose_profile(ServerName.parse(request.server), request.profile))

    async def ListVendorProfiles(
        self, request: budget_service_pb2.ListVendorProfilesRequest, context: Context
    ) -> budget_service_pb2.ListVendorProfilesResponse:
        """See the contract."""
        size, query = _FEW.size(request.page_size), ("ListVendorProfiles", parse_tenant(request.parent))
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = [profile for profile in all_profiles().values() if profile.profile_id > str(after)]
        response = budget_service_pb2.ListVendorProfilesResponse(
            vendor_profiles=[mapping.profile(profile) for profile in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].profile_id,), query)
        return response


class SamplingServicer(sampling_service_pb2_grpc.SamplingServiceServicer):
    """Answers for how tags are sampled.

    Args:
        sampling: Use cases around it.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    async def UpdateTags(
        self, request: sampling_service_pb2.UpdateTagsRequest, context: Context
    ) -> sampling_service_pb2.UpdateTagsResponse:
        """See the contract."""
        updated = await self._sampling.update(
            ServerName.parse(request.server),
            mapping.tag_filter(request),
            mapping.sampling_change(request),
            accept_over_budget=request.accept_over_budget,
            validate_only=request.validate_only,
        )
        return sampling_service_pb2.UpdateTagsResponse(
            matched=updated.matched, changed=updated.changed, load=mapping.estimate(updated.load)
        )

    async def DescribeValues(self, request: sampling_service_pb2.DescribeValuesRequest, context: Context) -> Operation:
        """See the contract."""
        return await self._sampling.describe(ServerName.parse(request.server), request.node_ids)


def _stated(request: budget_service_pb2.EstimateLoadRequest, field: str) -> int | None:
    return microseconds(getattr(request, field)) if request.HasField(field) else None  # pyright: ignore[reportArgumentType]
