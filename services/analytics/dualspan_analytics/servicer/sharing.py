"""SharingService: consent, own contributions, and published quartiles."""

# ruff: noqa: N802 - the contract's names

from typing import Any

from dualspan.analytics.v1 import sharing_pb2 as contract
from dualspan.analytics.v1 import sharing_pb2_grpc
from dualspan_analytics.comparison.ranking import LESS_IS_BETTER
from dualspan_analytics.kpis.ratios import KPIS
from dualspan_analytics.service.sharing import Sharing
from dualspan_analytics.sharing.model import Benchmark, Consent, Contribution, Group, GroupKind
from dualspan_analytics.store.sharing import Key, Seen, Stored
from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.names import TENANT, ResourceName, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

SHARING_CONSENT = ResourceName("tenants/{tenant}/sharingConsents/{kpi}")
_PAGES = PageRules(default=100, maximum=1000)
_KINDS = {
    contract.SHARING_GROUP_KIND_MODEL: GroupKind.MODEL,
    contract.SHARING_GROUP_KIND_INDUSTRY: GroupKind.INDUSTRY,
}
_NUMBERS = {kind: number for number, kind in _KINDS.items()}


class SharingServicer(sharing_pb2_grpc.SharingServiceServicer):
    """See the contract.

    Args:
        sharing: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, sharing: Sharing, tokens: PageTokens) -> None:
        self._sharing = sharing
        self._tokens = tokens

    async def ListSharingConsents(
        self, request: contract.ListSharingConsentsRequest, context: Any
    ) -> contract.ListSharingConsentsResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        found = await self._sharing.consents(tenant)
        return contract.ListSharingConsentsResponse(sharing_consents=[_consent(tenant, each) for each in found])

    async def GrantSharing(self, request: contract.GrantSharingRequest, context: Any) -> contract.SharingConsent:
        """See the contract."""
        name = SHARING_CONSENT.parse(request.name)
        return _consent(name["tenant"], await self._sharing.decide(name["tenant"], name["kpi"], granted=True))

    async def WithdrawSharing(self, request: contract.WithdrawSharingRequest, context: Any) -> contract.SharingConsent:
        """See the contract."""
        name = SHARING_CONSENT.parse(request.name)
        return _consent(name["tenant"], await self._sharing.decide(name["tenant"], name["kpi"], granted=False))

    async def ListSharingContributions(
        self, request: contract.ListSharingContributionsRequest, context: Any
    ) -> contract.ListSharingContributionsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListSharingContributions", tenant)
        found = await self._sharing.contributions(tenant, self._after(request.page_token, query), size + 1)
        response = contract.ListSharingContributionsResponse(
            sharing_contributions=[_contribution(each) for each in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.write(_key(found[size - 1].contribution), query)
        return response

    async def ListBenchmarks(
        self, request: contract.ListBenchmarksRequest, context: Any
    ) -> contract.ListBenchmarksResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListBenchmarks", tenant)
        found = await self._sharing.benchmarks(tenant, self._after(request.page_token, query), size + 1)
        response = contract.ListBenchmarksResponse(benchmarks=[_benchmark(each) for each in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write(_key(found[size - 1].benchmark), query)
        return response

    async def GetBenchmark(self, request: contract.GetBenchmarkRequest, context: Any) -> contract.Benchmark:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        found = await self._sharing.benchmark(tenant, request.kpi, _read_group(request.group), request.month)
        return _benchmark(found)

    def _after(self, token: str, query: tuple[str, str]) -> Key:
        month, kpi, kind, group = self._tokens.read(token, query) or ("", "", "", "")
        return str(month), str(kpi), str(kind), str(group)


def _read_group(given: contract.SharingGroup) -> Group:
    if given.kind not in _KINDS:
        raise InvalidArgument("BAD_GROUP", "group.kind must be a model or an industry.", field="group.kind")
    return Group(_KINDS[given.kind], check_slug(given.id, "group.id"))


def _group(given: Group) -> contract.SharingGroup:
    return contract.SharingGroup(kind=_NUMBERS[given.kind], id=given.id)


def _key(given: Contribution | Benchmark) -> Key:
    return given.month, given.kpi, given.group.kind.value, given.group.id


def _unit(kpi: str) -> str:
    return KPIS[kpi].unit if kpi in KPIS else "1"


def _consent(tenant: str, given: Consent) -> contract.SharingConsent:
    message = contract.SharingConsent(
        name=SHARING_CONSENT.format(tenant=tenant, kpi=given.kpi), granted=given.granted, actor=given.actor
    )
    message.change_time.FromDatetime(given.change_time)
    return message


def _contribution(stored: Stored) -> contract.SharingContribution:
    given = stored.contribution
    message = contract.SharingContribution(
        group=_group(given.group),
        kpi=given.kpi,
        month=given.month,
        value=given.value,
        unit=_unit(given.kpi),
        good_share=given.good_share,
        machines=given.machines,
    )
    message.create_time.FromDatetime(stored.create_time)
    return message


def _benchmark(seen: Seen) -> contract.Benchmark:
    given = seen.benchmark
    message = contract.Benchmark(
        group=_group(given.group),
        kpi=given.kpi,
        month=given.month,
        unit=_unit(given.kpi),
        higher_is_better=given.kpi not in LESS_IS_BETTER,
        enterprises_at_least=given.at_least,
        lower_quartile=given.lower,
        median=given.median,
        upper_quartile=given.upper,
        refusal=given.refusal,
        own_value=seen.own,
    )
    message.publish_time.FromDatetime(seen.publish_time)
    return message
