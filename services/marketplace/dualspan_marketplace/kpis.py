"""KPIs of machines, as analytics computes them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from dualspan.analytics.v1 import kpis_pb2 as analytics
from dualspan_marketplace.upstream import answer_of
from dualspan_marketplace.usage.comparison import Measured, Span
from dualspan_runtime.errors import Unavailable

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceAsyncStub

# What is wrong with the question, and stays so however often it is asked.
_REFUSALS = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.OUT_OF_RANGE,
)


class Kpis:
    """Asks analytics.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "KpiServiceAsyncStub") -> None:
        self._stub = stub

    async def measure(self, tenant: str, kpi: str, assets: Sequence[str], span: Span) -> Measured:
        """One KPI of some machines together, over a span; NaN with the reason where there is none.

        Raises:
            Unavailable: Analytics does not answer (`UPSTREAM_UNREACHABLE`) or fails (`UPSTREAM_FAILED`).
        """
        request = analytics.QueryKpisRequest(parent=f"tenants/{tenant}", assets=assets, kpis=[kpi])
        request.start_time.FromDatetime(span.start)
        request.end_time.FromDatetime(span.end)
        try:
            with answer_of("analytics"):
                found = await self._stub.QueryKpis(request)
        except grpc.aio.AioRpcError as err:
            if err.code() not in _REFUSALS:
                # A statement waits for analytics for so long, whatever is the matter there, and then goes without.
                words = f"Analytics fails to compute {kpi}: {err.details()}"
                raise Unavailable("UPSTREAM_FAILED", words, service="analytics") from err
            return Measured(math.nan, reason=(err.details() or "")[:300])
        return _measured(found)


def _measured(found: analytics.QueryKpisResponse) -> Measured:
    if found.row_count != 1 or len(found.kpis) != 1:
        return Measured(math.nan, reason="There is no machine whose states are known.")
    column = found.kpis[0]
    reason = column.reasons.texts[column.reasons.places[0]] if column.reasons.places else ""
    # UCUM writes a ratio's unit as 1; people write none.
    unit = "" if column.unit == "1" else column.unit
    return Measured(column.values[0], unit, column.good_shares[0], reason)
