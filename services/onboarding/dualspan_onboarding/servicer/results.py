"""ResultTagService: tags for the results of apps."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import result_tags_pb2, result_tags_pb2_grpc
from dualspan_onboarding.names import TagName, parse_tenant
from dualspan_onboarding.results import Result, ResultTag, SubscriptionName
from dualspan_onboarding.service.results import Results
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)


class ResultTagServicer(result_tags_pb2_grpc.ResultTagServiceServicer):
    """Answers for the results of apps.

    Args:
        results: Use cases around them.
        tokens: Makes page tokens.
    """

    def __init__(self, results: Results, tokens: PageTokens) -> None:
        self._results = results
        self._tokens = tokens

    async def SetResultTags(
        self, request: result_tags_pb2.SetResultTagsRequest, context: Context
    ) -> result_tags_pb2.SetResultTagsResponse:
        """See the contract."""
        name = SubscriptionName.parse(request.name)
        wanted = [Result(each.asset, each.output, each.kind, each.unit) for each in request.result_tags]
        tags = await self._results.set(name, wanted)
        return result_tags_pb2.SetResultTagsResponse(result_tags=[_message(name.tenant, each) for each in tags])

    async def ListResultTags(
        self, request: result_tags_pb2.ListResultTagsRequest, context: Context
    ) -> result_tags_pb2.ListResultTagsResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _PAGES.size(request.page_size)
        query = ("ListResultTags", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._results.page(tenant, 0 if key is None else int(key[0]), size + 1)
        response = result_tags_pb2.ListResultTagsResponse(result_tags=[_message(tenant, each) for each in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].tag_id,), query)
        return response


def _message(tenant: str, given: ResultTag) -> result_tags_pb2.ResultTag:
    return result_tags_pb2.ResultTag(
        tag=str(TagName(tenant, given.tag_id)),
        asset=given.result.asset,
        output=given.result.output,
        kind=frame_pb2.ValueKind.ValueType(given.result.kind),
        unit=given.result.unit,
        subscription=given.subscription,
    )
