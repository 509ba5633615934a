"""Sessions that keep to the announced limits, answer in portions, and let a plant take writes and calls."""

from dataclasses import dataclass
from typing import Protocol

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_session import InternalSession

from plc_sim.opcua.standard import status_code
from plc_sim.opcua.view import ContinuationPoints


class WriteService(Protocol):
    """What takes the values that clients write."""

    async def write(self, value: ua.WriteValue, user: str) -> ua.StatusCode:
        """Write (Part 4, 5.11.4) of one node, by a user."""
        ...


class CallService(Protocol):
    """What carries out the methods that clients call."""

    async def call(self, request: ua.CallMethodRequest, user: str) -> ua.CallMethodResult:
        """Call (Part 4, 5.12.2) of one method, by a user."""
        ...


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What a session may ask for; all of it is published below ServerCapabilities.

    Attributes:
        nodes: Nodes per Read, Write, Browse, TranslateBrowsePathsToNodeIds and RegisterNodes call.
        history_nodes: Nodes per HistoryRead call.
        methods: Methods per Call.
        references: References of a node in one answer; 0: as many as the client allows.
        continuation_points: That a session may hold; 0: Browse always answers in full.
        sessions: Of all clients.
    """

    nodes: int = 1000
    history_nodes: int = 100
    methods: int = 20
    references: int = 0
    continuation_points: int = 0
    sessions: int = 100


class SimSession(InternalSession):
    """A session that refuses calls over the announced limits."""

    limits = SessionLimits()
    points = ContinuationPoints(0, 0)
    writer: WriteService | None = None
    caller: CallService | None = None

    def restrict(self, limits: SessionLimits, writer: WriteService | None, caller: CallService | None) -> None:
        """Set its limits and what writes and calls go to; asyncua's own handling serves where there is none."""
        self.limits = limits
        self.points = ContinuationPoints(limits.continuation_points, limits.references)
        self.writer = writer
        self.caller = caller

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Read, within the limits."""
        self._check(len(params.NodesToRead), self.limits.nodes)
        return await super().read(params)

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        """Write, through the plant where there is one."""
        self._check(len(params.NodesToWrite), self.limits.nodes)
        if self.writer is None or not self.external:
            return await super().write(params)
        return [await self.writer.write(value, self.user.name or "") for value in params.NodesToWrite]

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Call, through the plant where there is one."""
        self._check(len(params), self.limits.methods)
        if self.caller is None:
            return await super().call(params)
        return [await self.caller.call(request, self.user.name or "") for request in params]

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        """Browse, in portions."""
        self._check(len(params.NodesToBrowse), self.limits.nodes)
        results = await super().browse(params)
        if not self.external:
            return results
        return self.points.cut(results, params.RequestedMaxReferencesPerNode)

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        """BrowseNext."""
        self._check(len(parameters.ContinuationPoints), self.limits.nodes)
        return self.points.follow(parameters)

    async def translate_browsepaths_to_nodeids(self, params: list[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """TranslateBrowsePathsToNodeIds, within the limits."""
        self._check(len(params), self.limits.nodes)
        return await super().translate_browsepaths_to_nodeids(params)

    async def history_read(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """HistoryRead, within the limits."""
        self._check(len(params.NodesToRead), self.limits.history_nodes)
        return await super().history_read(params)

    def _check(self, count: int, most: int) -> None:
        if not count:
            raise ServiceError(ua.StatusCodes.BadNothingToDo)
        if self.external and count > most:
            raise ServiceError(ua.StatusCodes.BadTooManyOperations)


def refused(code: int) -> ua.CallMethodResult:
    """A method that was not carried out, and why."""
    return ua.CallMethodResult(StatusCode=status_code(code))
