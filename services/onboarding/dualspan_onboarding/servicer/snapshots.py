"""SnapshotService: what servers offered when they were browsed, and how that has changed."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio

from dualspan.onboarding.v1 import snapshot_service_pb2, snapshot_service_pb2_grpc
from dualspan_onboarding.browsed import ChangeKind, SnapshotName
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.service.comparing import Comparing, ComparisonCursor
from dualspan_onboarding.servicer import browse_mapping
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_FEW = PageRules(default=100, maximum=1000)
_MANY = PageRules(default=1000, maximum=10_000)
_NEWEST = 2**62


class SnapshotServicer(snapshot_service_pb2_grpc.SnapshotServiceServicer):
    """Answers for snapshots of browses.

    Args:
        comparing: Use cases around them.
        tokens: Makes page tokens.
    """

    def __init__(self, comparing: Comparing, tokens: PageTokens) -> None:
        self._comparing = comparing
        self._tokens = tokens

    async def ListBrowseSnapshots(
        self, request: snapshot_service_pb2.ListBrowseSnapshotsRequest, context: Context
    ) -> snapshot_service_pb2.ListBrowseSnapshotsResponse:
        """See the contract."""
        server, size = ServerName.parse(request.parent), _FEW.size(request.page_size)
        query = ("ListBrowseSnapshots", request.parent)
        (before,) = self._tokens.read(request.page_token, query) or (_NEWEST,)
        found = await self._comparing.page(server, int(before), size + 1)
        response = snapshot_service_pb2.ListBrowseSnapshotsResponse(
            snapshots=[browse_mapping.snapshot(each) for each in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].name.number,), query)
        return response

    async def CompareBrowseSnapshots(
        self, request: snapshot_service_pb2.CompareBrowseSnapshotsRequest, context: Context
    ) -> snapshot_service_pb2.CompareBrowseSnapshotsResponse:
        """See the contract."""
        name, size = SnapshotName.parse(request.name), _MANY.size(request.page_size)
        query = ("CompareBrowseSnapshots", request.name, request.base)
        key = self._tokens.read(request.page_token, query)
        cursor = ComparisonCursor(str(key[0]), tuple(int(total) for total in key[1:])) if key else None
        found = await self._comparing.compare(name, request.base, cursor, size)
        response = snapshot_service_pb2.CompareBrowseSnapshotsResponse(
            base=browse_mapping.snapshot(found.base),
            snapshot=browse_mapping.snapshot(found.snapshot),
            changes=[browse_mapping.node_change(change) for change in found.changes],
            added=found.totals[ChangeKind.ADDED],
            removed=found.totals[ChangeKind.REMOVED],
            changed=found.totals[ChangeKind.CHANGED],
            moved=found.totals[ChangeKind.MOVED],
        )
        if found.following is not None:
            following = found.following
            response.next_page_token = self._tokens.write((following.after, *following.totals), query)
        return response
