"""PublishingService: publishers, versions, reviews, plans."""

# ruff: noqa: N802 - the contract's names

from typing import Any

from google.longrunning.operations_pb2 import Operation

from dualspan.marketplace.v1 import apps_pb2, publishing_pb2_grpc
from dualspan.marketplace.v1 import publishing_pb2 as contract
from dualspan_marketplace.catalogue.model import VersionName
from dualspan_marketplace.names import APP, PLAN, PUBLISHER
from dualspan_marketplace.service.publishers import Publishers
from dualspan_marketplace.service.publishing import Publishing
from dualspan_marketplace.service.version_messages import version_message
from dualspan_marketplace.servicer import app_mapping as mapping
from dualspan_runtime.names import TENANT, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=100, maximum=1000)


class PublishingServicer(publishing_pb2_grpc.PublishingServiceServicer):
    """See the contract.

    Args:
        publishing: Use cases of versions.
        publishers: Use cases of publishers and plans.
        tokens: Makes page tokens.
    """

    def __init__(self, publishing: Publishing, publishers: Publishers, tokens: PageTokens) -> None:
        self._publishing = publishing
        self._publishers = publishers
        self._tokens = tokens

    async def GetPublisher(self, request: contract.GetPublisherRequest, context: Any) -> apps_pb2.Publisher:
        """See the contract."""
        return mapping.publisher_message(await self._publishers.get(PUBLISHER.parse(request.name)["tenant"]))

    async def UpdatePublisher(self, request: contract.UpdatePublisherRequest, context: Any) -> apps_pb2.Publisher:
        """See the contract."""
        return mapping.publisher_message(await self._publishers.update(mapping.read_publisher(request.publisher)))

    async def CreateAppVersion(self, request: contract.CreateAppVersionRequest, context: Any) -> apps_pb2.AppVersion:
        """See the contract."""
        app, given = APP.parse(request.parent), request.app_version
        created = await self._publishing.create(
            VersionName(app["tenant"], app["app"], request.app_version_id),
            mapping.read_manifest_text(given.manifest),
            mapping.read_signatures(given.signatures),
            mapping.read_pictures(given.pictures),
        )
        return version_message(created)

    async def SubmitAppVersion(self, request: contract.SubmitAppVersionRequest, context: Any) -> Operation:
        """See the contract."""
        return await self._publishing.submit(mapping.read_version_name(request.name))

    async def GetAppVersion(self, request: contract.GetAppVersionRequest, context: Any) -> apps_pb2.AppVersion:
        """See the contract."""
        return version_message(await self._publishing.get(mapping.read_version_name(request.name)))

    async def ListAppVersions(
        self, request: contract.ListAppVersionsRequest, context: Any
    ) -> contract.ListAppVersionsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListAppVersions", tenant, request.app_id)
        key = self._tokens.read(request.page_token, query)
        after = (str(key[0]), str(key[1])) if key else None
        found = await self._publishing.page(tenant, request.app_id, after, size + 1)
        response = contract.ListAppVersionsResponse(
            app_versions=[version_message(each, whole=False) for each, _ in found[:size]]
        )
        if len(found) > size:
            last, order = found[size - 1]
            response.next_page_token = self._tokens.write((last.name.app_id, order), query)
        return response

    async def ListReviews(self, request: contract.ListReviewsRequest, context: Any) -> contract.ListReviewsResponse:
        """See the contract."""
        found = await self._publishing.reviews(_PAGES.size(request.page_size))
        return contract.ListReviewsResponse(app_versions=[version_message(each, whole=False) for each in found])

    async def ReviewAppVersion(self, request: contract.ReviewAppVersionRequest, context: Any) -> apps_pb2.AppVersion:
        """See the contract."""
        name = mapping.read_version_name(request.name)
        return version_message(await self._publishing.review(name, request.remark[:2000], approve=request.approve))

    async def PublishAppVersion(self, request: contract.PublishAppVersionRequest, context: Any) -> apps_pb2.AppVersion:
        """See the contract."""
        return version_message(await self._publishing.publish(mapping.read_version_name(request.name)))

    async def DeprecateAppVersion(
        self, request: contract.DeprecateAppVersionRequest, context: Any
    ) -> apps_pb2.AppVersion:
        """See the contract."""
        return version_message(await self._publishing.deprecate(mapping.read_version_name(request.name)))

    async def WithdrawAppVersion(
        self, request: contract.WithdrawAppVersionRequest, context: Any
    ) -> apps_pb2.AppVersion:
        """See the contract."""
        name = mapping.read_version_name(request.name)
        return version_message(await self._publishing.withdraw(name, request.remark[:2000]))

    async def CreatePlan(self, request: contract.CreatePlanRequest, context: Any) -> apps_pb2.Plan:
        """See the contract."""
        app, plan_id = APP.parse(request.parent), check_slug(request.plan_id, "plan_id")
        wanted = mapping.read_plan(app["tenant"], app["app"], plan_id, request.plan)
        return mapping.plan_message(await self._publishers.create_plan(wanted))

    async def RetirePlan(self, request: contract.RetirePlanRequest, context: Any) -> apps_pb2.Plan:
        """See the contract."""
        name = PLAN.parse(request.name)
        return mapping.plan_message(await self._publishers.retire_plan(name["tenant"], name["app"], name["plan"]))

    async def ListPlans(self, request: contract.ListPlansRequest, context: Any) -> contract.ListPlansResponse:
        """See the contract."""
        app = APP.parse(request.parent)
        found = await self._publishers.plans(app["tenant"], app["app"])
        return contract.ListPlansResponse(plans=[mapping.plan_message(each) for each in found])
