"""A server that offers more references than anybody asked for."""

from types import SimpleNamespace
from typing import cast

from asyncua import ua

from dualspan_edge.opcua.browse import _children, _Found
from dualspan_edge.opcua.connection import Connection

POINT = ua.ByteString(b"more")


class _Endless:
    """A session of a server whose references never end."""

    def __init__(self) -> None:
        self.asked = 0
        self.released = 0

    async def browse(self, parameters: ua.BrowseParameters) -> list[ua.BrowseResult]:
        return [self._result() for _ in parameters.NodesToBrowse]

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        if parameters.ReleaseContinuationPoints:
            self.released += len(parameters.ContinuationPoints)
            return [ua.BrowseResult() for _ in parameters.ContinuationPoints]
        self.asked += 1
        assert self.asked < 100, "it does not stop"
        return [self._result() for _ in parameters.ContinuationPoints]

    def _result(self) -> ua.BrowseResult:
        return ua.BrowseResult(References=[ua.ReferenceDescription()] * 10, ContinuationPoint=POINT)


async def test_references_without_end_are_left_and_released() -> None:
    session = _Endless()
    connection = SimpleNamespace(session=session, limits=SimpleNamespace(nodes_per_browse=10))
    parents = [_Found(ua.NodeId(ua.Int32(number)), "", "", 1) for number in (1, 2)]
    found = await _children(cast("Connection", connection), parents, 100)
    assert [len(references) for references in found] == [50, 50]
    assert (session.asked, session.released) == (4, 2)
