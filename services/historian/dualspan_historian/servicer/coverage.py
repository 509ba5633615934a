"""CoverageService: how far the servers of a gateway are complete, for other services."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import coverage_pb2, coverage_pb2_grpc
from dualspan_historian.report.coverage import GatewayCoverage
from dualspan_runtime.names import GATEWAY


class CoverageServicer(coverage_pb2_grpc.CoverageServiceServicer):
    """See the contract.

    Args:
        coverage: The use case.
    """

    def __init__(self, coverage: GatewayCoverage) -> None:
        self._coverage = coverage

    async def GetGatewayCoverage(  # noqa: N802 - the contract's name
        self, request: coverage_pb2.GetGatewayCoverageRequest, context: Any
    ) -> coverage_pb2.GetGatewayCoverageResponse:
        """See the contract."""
        names = GATEWAY.parse(request.gateway)
        found = await self._coverage.of(names["tenant"], names["gateway"])
        return coverage_pb2.GetGatewayCoverageResponse(
            servers=[
                coverage_pb2.GetGatewayCoverageResponse.ServerCoverage(
                    server=server, complete_time=_moment(complete_us)
                )
                for server, complete_us in found.items()
            ]
        )


def _moment(microseconds: int) -> Timestamp:
    message = Timestamp()
    message.FromMicroseconds(microseconds)
    return message
