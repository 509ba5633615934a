"""What apps have written, as the historian tells it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import service_pb2 as historian
from dualspan_frame import BinaryColumn, Block, decode_frame
from dualspan_marketplace.upgrades.comparison import Series
from dualspan_marketplace.upstream import answer_of

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub

_PAGE = 200_000
# Of all tags that are read at once.
_MOST = 1_000_000
# OPC UA Part 4, 7.39: the severity of a status code is in its two highest bits, and Good is 0.
_SEVERITY = 30
_NOTHING = Series(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_))


class Results:
    """Asks the historian.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "HistorianServiceAsyncStub") -> None:
        self._stub = stub

    async def read(self, tenant: str, tag_ids: Sequence[int], begin: int, end: int) -> dict[int, Series] | None:
        """What was written under some tags; None if it is more than is read at once.

        Args:
            tenant: Whose tags.
            tag_ids: 1000 at the most.
            begin: Microseconds since the Unix epoch, included.
            end: The same, not included.

        Raises:
            Unavailable: The historian does not answer (`UPSTREAM_UNREACHABLE`).
        """
        blocks: list[Block] = []
        request = historian.ReadRawRequest(
            parent=f"tenants/{tenant}",
            tag_ids=tag_ids,
            start_time=_stamp(begin),
            end_time=_stamp(end),
            page_size=_PAGE,
        )
        with answer_of("historian"):
            while True:
                page = await self._stub.ReadRaw(request)
                blocks += decode_frame(page.frame).blocks
                if sum(map(len, blocks)) > _MOST:
                    return None
                if not page.next_page_token:
                    return {tag: _series(blocks, tag) for tag in tag_ids}
                request.page_token = page.next_page_token


def _series(blocks: Sequence[Block], tag: int) -> Series:
    parts = [taken for block in blocks if len(taken := block.take(block.tag == tag))]
    kinds = {each.kind for each in parts}
    if not parts or len(kinds) > 1:
        return _NOTHING
    time = np.concatenate([each.timestamp for each in parts])
    status = np.concatenate([each.status for each in parts])
    columns = [each.value for each in parts]
    value = np.concatenate(
        [np.array(each.to_list(), object) if isinstance(each, BinaryColumn) else each for each in columns]
    )
    order = np.argsort(time, kind="stable")
    return Series(time[order], value[order], (status[order] >> _SEVERITY) == 0)


def _stamp(microseconds: int) -> Timestamp:
    message = Timestamp()
    message.FromMicroseconds(microseconds)
    return message
