"""Whether stored samples changed since somebody looked: asked of the historian."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc.aio
import numpy as np

from dualspan.historian.v1 import changes_pb2
from dualspan_analytics.clients import UNREACHABLE, stamp
from dualspan_analytics.errors import upstream_failed
from dualspan_analytics.kpis.slots import DataVersions

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.historian.v1.changes_pb2_grpc import ChangeServiceAsyncStub

_TAGS_AT_ONCE = 10_000


class Changes:
    """The versions of samples.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "ChangeServiceAsyncStub") -> None:
        self._stub = stub

    async def versions(
        self, tenant: str, tag_ids: Sequence[int], start_us: int, end_us: int
    ) -> tuple[list[DataVersions], list[int]]:
        """What was touched by gateway, and the place of each tag's gateway.

        Raises:
            Unavailable: The historian cannot be asked.
        """
        gateways: list[DataVersions] = []
        places: list[int] = []
        for first in range(0, len(tag_ids), _TAGS_AT_ONCE):
            request = changes_pb2.ListDataVersionsRequest(
                parent=f"tenants/{tenant}",
                tag_ids=tag_ids[first : first + _TAGS_AT_ONCE],
                start_time=stamp(start_us),
                end_time=stamp(end_us),
            )
            try:
                answer = await self._stub.ListDataVersions(request)
            except grpc.aio.AioRpcError as err:
                raise (upstream_failed("historian") if err.code() in UNREACHABLE else err) from err
            places += [len(gateways) + place for place in answer.gateway_of_tag]
            gateways += [
                DataVersions(
                    each.version, np.array(each.quarters, np.int64), np.array(each.versions, np.int64), each.gateway
                )
                for each in answer.gateways
            ]
        return gateways, places
