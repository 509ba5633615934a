"""Whether stored samples changed since somebody looked: asked of the historian."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dualspan.historian.v1 import changes_pb2
from dualspan_analytics.clients import answer, stamp
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
            NotFound: There is no such tag.
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
            found = await answer("historian", self._stub.ListDataVersions(request))
            places += [len(gateways) + place for place in found.gateway_of_tag]
            gateways += [
                DataVersions(
                    each.version, np.array(each.quarters, np.int64), np.array(each.versions, np.int64), each.gateway
                )
                for each in found.gateways
            ]
        return gateways, places
