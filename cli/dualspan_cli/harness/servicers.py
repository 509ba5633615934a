"""The contract that an app reads from, answered from a simulated plant."""

# ruff: noqa: N802 - the contract's names

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from dualspan.historian.v1 import service_pb2, service_pb2_grpc
from dualspan_cli.harness.machines import LocalMachines, LocalTag
from dualspan_cli.harness.results import LocalResults
from dualspan_cli.harness.samples import TagSamples, aggregates_of, between, frame_of, newest
from dualspan_frame import Frame, encode_frame
from dualspan_historian.servicer import answers, requests
from dualspan_runtime.errors import InvalidArgument, NotFound
from dualspan_sdk import Clock

_TICK_SECONDS = 0.2


class LocalHistorian(service_pb2_grpc.HistorianServiceServicer):
    """Samples, up to what time it is in the plant.

    Args:
        machines: What there is.
        clock: The plant's.
        results: What the app has written back: it may read that, too.
    """

    def __init__(self, machines: LocalMachines, clock: Clock, results: LocalResults) -> None:
        self._results = results
        self._tags = machines.tags
        self._clock = clock

    async def ReadRaw(self, request: service_pb2.ReadRawRequest, context: Any) -> service_pb2.ReadRawResponse:
        """See the contract."""
        query = requests.raw_query(request)
        end = min(query.end, self._clock.now_us())
        if self._results.holds(query.tag_ids):
            frame = self._results.between(query.tag_ids, query.start, query.end)
            return service_pb2.ReadRawResponse(frame=encode_frame(frame))
        tags, first = self._known(query.tag_ids), _offset(request.page_token)
        frame, following = await asyncio.to_thread(_page, tags, query.start, end, first, query.page_size)
        return service_pb2.ReadRawResponse(frame=encode_frame(frame), next_page_token=following)

    async def ReadProcessed(
        self, request: service_pb2.ReadProcessedRequest, context: Any
    ) -> service_pb2.ReadProcessedResponse:
        """See the contract."""
        query, now = requests.processed_query(request), self._clock.now_us()
        tags = self._known(query.tag_ids)
        results = {tag.tag_id: await asyncio.to_thread(aggregates_of, tag, query, now) for tag in tags}
        return answers.processed(query, results, request.result_form)

    async def ReadLatest(self, request: service_pb2.ReadLatestRequest, context: Any) -> service_pb2.ReadLatestResponse:
        """See the contract."""
        asked = requests.tag_ids(request.tag_ids, requests.MOST_TAGS_LATEST)
        if self._results.holds(asked):
            return service_pb2.ReadLatestResponse(frame=encode_frame(self._results.newest(asked)))
        tags = self._known(asked)
        before, now = requests.before_time(request), self._clock.now_us()
        at = now if before is None else min(before - 1, now)
        frame = await asyncio.to_thread(lambda: frame_of(newest(tag, at) for tag in tags))
        return service_pb2.ReadLatestResponse(frame=encode_frame(frame))

    async def Subscribe(
        self, request: service_pb2.SubscribeRequest, context: Any
    ) -> AsyncIterator[service_pb2.SubscribeResponse]:
        """See the contract."""
        tags = self._known(requests.tag_ids(request.tag_ids, requests.MOST_TAGS_LATEST))
        since = self._clock.now_us()
        if request.include_latest:
            at = since
            first = await asyncio.to_thread(lambda: frame_of(newest(tag, at - 1) for tag in tags))
            yield service_pb2.SubscribeResponse(frame=encode_frame(first))
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = self._clock.now_us()
            frame = await asyncio.to_thread(_happened, tags, since, now)
            since = now
            if frame.sample_count:
                yield service_pb2.SubscribeResponse(frame=encode_frame(frame))

    async def Export(
        self, request: service_pb2.ExportRequest, context: Any
    ) -> AsyncIterator[service_pb2.ExportResponse]:
        """See the contract."""
        page = service_pb2.ReadRawRequest(
            parent=request.parent,
            tag_ids=request.tag_ids,
            start_time=request.start_time,
            end_time=request.end_time,
            page_size=request.page_size,
        )
        while True:
            answer = await self.ReadRaw(page, context)
            yield service_pb2.ExportResponse(frame=answer.frame)
            if not answer.next_page_token:
                return
            page.page_token = answer.next_page_token

    def _known(self, tag_ids: Sequence[int]) -> list[LocalTag]:
        unknown = [tag_id for tag_id in tag_ids if tag_id not in self._tags]
        if unknown:
            raise NotFound("TAG_NOT_FOUND", f"There is no tag {unknown[0]}.")
        return [self._tags[tag_id] for tag_id in tag_ids]


def _happened(tags: Sequence[LocalTag], start: int, end: int) -> Frame:
    return frame_of(between(tag, start, end) for tag in tags)


def _offset(token: str) -> int:
    if token and not (token.isascii() and token.isdigit() and len(token) < 16):
        raise InvalidArgument("MALFORMED_PAGE_TOKEN", "page_token is not one of this answer's pages.")
    return int(token or 0)


def _page(tags: Sequence[LocalTag], start: int, end: int, first: int, size: int) -> tuple[Frame, str]:
    """Samples `first` to `first + size` in order of tag and time, and where the next page begins."""
    parts: list[TagSamples] = []
    seen, last = 0, first + size
    for tag in tags:
        samples = between(tag, start, end)
        part = samples.rows(max(first - seen, 0), max(last - seen, 0))
        parts.append(part)
        seen += len(samples)
        if seen > last:
            return frame_of(parts), str(last)
    return frame_of(parts), ""
