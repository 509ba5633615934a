"""All references of many nodes: Browse, then BrowseNext for as long as the server has more and it is worth it."""

from collections.abc import Callable, Sequence

from asyncua import ua

from dualspan_edge.decoder.browsing import BrowseResult, Reference
from dualspan_edge.decoder.cursor import NodeKey
from dualspan_edge.opcua.asking import Asker
from dualspan_edge.opcua.findings import Findings
from dualspan_edge.opcua.nodekeys import standard_key

Take = Callable[[int, Sequence[Reference]], int]
"""Takes references of the node at an index; returns how many of them were new."""

_HIERARCHICAL = standard_key(ua.ObjectIds.HierarchicalReferences)
_CLASSES = int(ua.NodeClass.Object | ua.NodeClass.Variable | ua.NodeClass.Method)
_NO_POINTS = int(ua.StatusCodes.BadNoContinuationPoints)
_POINT_GONE = int(ua.StatusCodes.BadContinuationPointInvalid)
# Answers to BrowseNext in a row that bring nothing new: then there is no end to them.
_MOST_STALE = 10
_MOST_PER_NEXT = 100


class ReferenceReader:
    """Reads the hierarchical references of nodes.

    Args:
        asker: The server.
        findings: Where it is noted what could not be had.
        is_enough: Whether nothing more is wanted.
    """

    def __init__(self, asker: Asker, findings: Findings, is_enough: Callable[[], bool]) -> None:
        self._asker = asker
        self._findings = findings
        self._is_enough = is_enough

    async def read(self, nodes: Sequence[NodeKey], paths: Callable[[int], str], take: Take) -> None:
        """Hands over the references of all nodes, those of a node in the server's order.

        Args:
            nodes: No more than the asker's portion.
            paths: The browse path of the node at an index, for warnings.
            take: Gets them.

        Raises:
            ua.UaError, DecodeError, TimeoutError, ConnectionError: The server refuses the calls, or does not answer.
        """
        waiting = list(range(len(nodes)))
        restarted: set[int] = set()
        while waiting and not self._is_enough():
            results = await self._browse([nodes[index] for index in waiting])
            open_points: dict[int, bytes] = {}
            denied: list[int] = []
            for index, result in zip(waiting, results, strict=True):
                if result.status == _NO_POINTS:
                    denied.append(index)
                elif result.status & 0x80000000:
                    self._findings.refused(result.status, paths(index))
                else:
                    take(index, result.references)
                    if result.continuation_point:
                        open_points[index] = result.continuation_point
            if len(denied) == len(waiting):
                denied = self._with_fewer(denied, paths)
            gone = await self._follow(open_points, paths, take)
            again = [index for index in gone if index not in restarted]
            restarted.update(again)
            for index in gone:
                if index not in again:
                    self._findings.refused(_POINT_GONE, paths(index))
            waiting = denied + again

    def _with_fewer(self, denied: list[int], paths: Callable[[int], str]) -> list[int]:
        """The server has no continuation point for any of them: fewer at a time, and a single one not at all."""
        if len(denied) > 1:
            self._asker.browses.was_too_much(len(denied))
            return denied
        self._findings.refused(_NO_POINTS, paths(denied[0]))
        return []

    async def _browse(self, nodes: Sequence[NodeKey]) -> list[BrowseResult]:
        """One result for each node; in smaller calls if the server wants it so."""
        results: list[BrowseResult] = []
        timeouts = 0
        while len(results) < len(nodes):
            part = nodes[len(results) : len(results) + self._asker.browses.portion]
            try:
                answer = await self._asker.browse(part, _HIERARCHICAL, _CLASSES)
            except (ua.UaStatusCodeError, TimeoutError) as error:
                timeouts = self._asker.after_failure(self._asker.browses, len(part), error, timeouts)
                continue
            results += answer.results
        return results

    async def _follow(self, points: dict[int, bytes], paths: Callable[[int], str], take: Take) -> list[int]:
        """Reads what is behind continuation points; returns the nodes whose point the server has dropped."""
        gone: list[int] = []
        stale = dict.fromkeys(points, 0)
        while points:
            if self._is_enough():
                await self._release(list(points.values()))
                break
            indexes = list(points)[:_MOST_PER_NEXT]
            try:
                answer = await self._asker.browse_next([points[index] for index in indexes])
            except ua.UaStatusCodeError as error:
                # It may not have the service at all: what it told already is kept.
                for index in points:
                    self._findings.refused(int(error.code), paths(index))
                break
            for index, result in zip(indexes, answer.results, strict=True):
                del points[index]
                if result.status & 0x80000000:
                    gone.append(index)
                    continue
                stale[index] = 0 if take(index, result.references) else stale[index] + 1
                if not result.continuation_point:
                    continue
                if stale[index] < _MOST_STALE:
                    points[index] = result.continuation_point
                else:
                    self._findings.note(f"its continuation points at {paths(index)!r} have no end and bring nothing")
                    await self._release([result.continuation_point])
        return gone

    async def _release(self, points: Sequence[bytes]) -> None:
        """Released, they hold nothing at the server any more."""
        for start in range(0, len(points), _MOST_PER_NEXT):
            await self._asker.browse_next(points[start : start + _MOST_PER_NEXT], release=True)
