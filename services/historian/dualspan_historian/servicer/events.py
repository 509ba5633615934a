"""EventService: where people, apps and other services read events."""

import dataclasses
from typing import Any

from dualspan.historian.v1 import event_service_pb2, event_service_pb2_grpc
from dualspan_historian.read.events import EventFilter, read_events
from dualspan_historian.read.raw import Cursor
from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.servicer.requests import raw_query
from dualspan_runtime.context import current_tenant
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=1000, maximum=10_000)


class EventServicer(event_service_pb2_grpc.EventServiceServicer):
    """See the contract.

    Args:
        snapshots: Reads.
        tokens: Page tokens.
    """

    def __init__(self, snapshots: Snapshots, tokens: PageTokens) -> None:
        self._snapshots = snapshots
        self._tokens = tokens

    async def ReadEvents(  # noqa: N802
        self, request: event_service_pb2.ReadEventsRequest, context: Any
    ) -> event_service_pb2.ReadEventsResponse:
        """See the contract."""
        query, wanted = raw_query(request, _PAGES), _filter(request)
        described = ("ReadEvents", request.parent, query.tag_ids, query.start, query.end, *dataclasses.astuple(wanted))
        key = self._tokens.read(request.page_token, described)
        cursor = Cursor(*map(int, key)) if key else None
        page = await read_events(self._snapshots, current_tenant(), query, wanted, cursor)
        following = page.following
        token = following and self._tokens.write((following.tag_id, following.t, following.skip), described)
        return event_service_pb2.ReadEventsResponse(
            events=[event_service_pb2.StoredEvent(tag_id=stored.tag_id, event=stored.event) for stored in page.events],
            next_page_token=token or "",
        )


def _filter(request: event_service_pb2.ReadEventsRequest) -> EventFilter:
    return EventFilter(request.minimum_severity, request.conditions_only, request.query)
