"""ChangeService: what changed in stored data, for other services."""

from typing import Any

from dualspan.historian.v1 import changes_pb2, changes_pb2_grpc
from dualspan_historian.errors import empty_interval, reversed_interval
from dualspan_historian.read.changes import data_versions
from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.servicer.requests import MOST_TAGS_LATEST, tag_ids
from dualspan_historian.servicer.times import read_time
from dualspan_runtime.context import current_tenant


class ChangeServicer(changes_pb2_grpc.ChangeServiceServicer):
    """See the contract.

    Args:
        snapshots: Reads.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def ListDataVersions(  # noqa: N802 - the contract's name
        self, request: changes_pb2.ListDataVersionsRequest, context: Any
    ) -> changes_pb2.ListDataVersionsResponse:
        """See the contract."""
        tag_ids(request.tag_ids, MOST_TAGS_LATEST)
        start, end = read_time(request, "start_time"), read_time(request, "end_time")
        if start >= end:
            raise empty_interval() if start == end else reversed_interval()
        found = await data_versions(self._snapshots, current_tenant(), request.tag_ids, start, end)
        place = {gateway: index for index, gateway in enumerate(found.gateways)}
        return changes_pb2.ListDataVersionsResponse(
            gateways=[
                changes_pb2.ListDataVersionsResponse.Gateway(
                    gateway=gateway,
                    version=each.version,
                    quarters=each.quarters.tolist(),
                    versions=each.versions.tolist(),
                )
                for gateway, each in found.gateways.items()
            ],
            gateway_of_tag=[place[gateway] for gateway in found.gateway_of_tags],
        )
