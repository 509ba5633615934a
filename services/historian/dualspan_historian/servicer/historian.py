"""HistorianService: where people, apps and other services read."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from google.protobuf.empty_pb2 import Empty

from dualspan.historian.v1 import service_pb2, service_pb2_grpc
from dualspan_historian.live.subscription import Subscriptions
from dualspan_historian.metering import ReadCounter
from dualspan_historian.read.earlier import read_before
from dualspan_historian.read.latest import read_latest
from dualspan_historian.read.processed import read_processed
from dualspan_historian.read.raw import Cursor, read_all, read_raw
from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.service import HistorianService
from dualspan_historian.servicer import answers, requests
from dualspan_runtime.context import current_tenant
from dualspan_runtime.paging import PageTokens

_NEWEST = (1 << 63) - 1


class HistorianServicer(service_pb2_grpc.HistorianServiceServicer):
    """See the contract.

    Args:
        service: Registrations and ledgers.
        snapshots: Reads.
        subscriptions: Live samples.
        tokens: Page tokens.
        reads: Counts what apps are answered.
    """

    def __init__(
        self,
        service: HistorianService,
        snapshots: Snapshots,
        subscriptions: Subscriptions,
        tokens: PageTokens,
        reads: ReadCounter,
    ) -> None:
        self._service = service
        self._snapshots = snapshots
        self._subscriptions = subscriptions
        self._tokens = tokens
        self._reads = reads

    async def RegisterTags(self, request: service_pb2.RegisterTagsRequest, context: Any) -> Empty:  # noqa: N802
        """See the contract."""
        tenant = current_tenant()
        await self._service.register(tenant, [requests.registration(tenant, tag) for tag in request.tags])
        return Empty()

    async def RetireTags(self, request: service_pb2.RetireTagsRequest, context: Any) -> Empty:  # noqa: N802
        """See the contract."""
        await self._service.retire(current_tenant(), list(request.tag_ids))
        return Empty()

    async def ForgetSource(self, request: service_pb2.ForgetSourceRequest, context: Any) -> Empty:  # noqa: N802
        """See the contract."""
        await self._service.forget(current_tenant(), requests.app_source(request.name))
        return Empty()

    async def ReadRaw(  # noqa: N802
        self, request: service_pb2.ReadRawRequest, context: Any
    ) -> service_pb2.ReadRawResponse:
        """See the contract."""
        query = requests.raw_query(request)
        described = ("ReadRaw", request.parent, query.tag_ids, query.start, query.end)
        key = self._tokens.read(request.page_token, described)
        cursor = Cursor(*map(int, key)) if key else None
        page = await read_raw(self._snapshots, current_tenant(), query, cursor)
        frame, arrow = answers.samples(page.frame, request.result_form)
        self._reads.count(page.frame.sample_count)
        following = page.following
        token = following and self._tokens.write((following.tag_id, following.t, following.skip), described)
        return service_pb2.ReadRawResponse(frame=frame, arrow=arrow, next_page_token=token or "")

    async def ReadProcessed(  # noqa: N802
        self, request: service_pb2.ReadProcessedRequest, context: Any
    ) -> service_pb2.ReadProcessedResponse:
        """See the contract."""
        query = requests.processed_query(request)
        results = await read_processed(self._snapshots, current_tenant(), query)
        self._reads.count(sum(len(each.value) for series in results.values() for each in series))
        return answers.processed(query, results, request.result_form)

    async def ReadLatest(  # noqa: N802
        self, request: service_pb2.ReadLatestRequest, context: Any
    ) -> service_pb2.ReadLatestResponse:
        """See the contract."""
        ids = requests.tag_ids(request.tag_ids, requests.MOST_TAGS_LATEST)
        before = requests.before_time(request)
        newest = (
            await read_latest(self._snapshots, current_tenant(), ids)
            if before is None
            else await read_before(self._snapshots, current_tenant(), ids, before)
        )
        frame, arrow = answers.samples(newest, request.result_form)
        self._reads.count(newest.sample_count)
        return service_pb2.ReadLatestResponse(frame=frame, arrow=arrow)

    async def Subscribe(  # noqa: N802
        self, request: service_pb2.SubscribeRequest, context: Any
    ) -> AsyncIterator[service_pb2.SubscribeResponse]:
        """See the contract."""
        ids = requests.tag_ids(request.tag_ids, requests.MOST_TAGS_LATEST)
        deliveries = self._subscriptions.subscribe(
            current_tenant(),
            ids,
            include_latest=request.include_latest,
            newest_every=requests.newest_every(request),
        )
        async with aclosing(deliveries):
            async for delivery in deliveries:
                self._reads.count(delivery.frame.sample_count)
                yield answers.delivery(delivery)

    async def Export(  # noqa: N802
        self, request: service_pb2.ExportRequest, context: Any
    ) -> AsyncIterator[service_pb2.ExportResponse]:
        """See the contract."""
        async with aclosing(read_all(self._snapshots, current_tenant(), requests.raw_query(request))) as pages:
            async for page in pages:
                frame, arrow = answers.samples(page, request.result_form)
                self._reads.count(page.sample_count)
                yield service_pb2.ExportResponse(frame=frame, arrow=arrow)

    async def ListGaps(self, request: service_pb2.ListGapsRequest, context: Any) -> service_pb2.ListGapsResponse:  # noqa: N802
        """See the contract."""
        tenant, size = current_tenant(), requests.LISTS.size(request.page_size)
        described = ("ListGaps", request.parent, request.tag_id, request.gateway)
        (before,) = self._tokens.read(request.page_token, described) or (_NEWEST,)
        gateway = requests.gaps_of(tenant, request)
        rows = await self._service.gaps(tenant, int(before), size + 1, request.tag_id, gateway)
        token = self._tokens.write((rows[size - 1].gap_id,), described) if len(rows) > size else ""
        return service_pb2.ListGapsResponse(
            gaps=[answers.gap(tenant, row) for row in rows[:size]], next_page_token=token
        )

    async def RetryGaps(self, request: service_pb2.RetryGapsRequest, context: Any) -> service_pb2.RetryGapsResponse:  # noqa: N802
        """See the contract."""
        tenant = current_tenant()
        opened = await self._service.retry_gaps(tenant, requests.gap_ids(tenant, request.names))
        return service_pb2.RetryGapsResponse(gaps=opened)

    async def ListQuarantinedFrames(  # noqa: N802
        self, request: service_pb2.ListQuarantinedFramesRequest, context: Any
    ) -> service_pb2.ListQuarantinedFramesResponse:
        """See the contract."""
        tenant, size = current_tenant(), requests.LISTS.size(request.page_size)
        described = ("ListQuarantinedFrames", request.parent)
        (before,) = self._tokens.read(request.page_token, described) or (_NEWEST,)
        rows = await self._service.quarantined(tenant, int(before), size + 1)
        token = self._tokens.write((rows[size - 1].quarantine_id,), described) if len(rows) > size else ""
        return service_pb2.ListQuarantinedFramesResponse(
            quarantined_frames=[answers.quarantined(tenant, row) for row in rows[:size]], next_page_token=token
        )

    async def GetStorageStatistics(  # noqa: N802
        self, request: service_pb2.GetStorageStatisticsRequest, context: Any
    ) -> service_pb2.StorageStatistics:
        """See the contract."""
        tenant = current_tenant()
        return answers.statistics(tenant, await self._service.totals(tenant))
