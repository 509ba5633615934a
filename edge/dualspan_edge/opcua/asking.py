"""Browse and Read by the hundred: as many operations in a call as the server answers in a fraction of a second.

A server answers one call after the other, and notifications of its subscriptions stand in the same row: calls that
take it long would hold them up. The messages are encoded and decoded here, because there are very many alike.
"""

import asyncio
import struct
from collections.abc import Sequence
from typing import TypeAlias

from asyncua import ua

from dualspan_edge.decoder.browsing import BrowseAnswer, decode_browse_response
from dualspan_edge.decoder.cursor import NodeKey
from dualspan_edge.decoder.reading import (
    Attribute,
    ReadAnswer,
    ValueShape,
    decode_read_response,
    decode_value_shapes,
)
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.findings import Findings
from dualspan_edge.opcua.requests import READ_REQUEST, behind_node, read_parameters
from dualspan_edge.opcua.services import refusals

AttributeOf: TypeAlias = "tuple[NodeKey, int]"
_BROWSE_REQUEST, _BROWSE_NEXT_REQUEST = 527, 533
_ANSWER_SECONDS = 0.2
_TIMEOUT_SECONDS = 15.0
_FIRST_PORTION = 100
# A server that is silent to a call gets so many smaller ones before it is given up.
_MOST_TIMEOUTS = 2
# References of one call that are taken into memory.
_MOST_REFERENCES = 5_000
_LEAST_PER_NODE = 10
# Values may be large arrays.
_VALUES_AT_ONCE = 20
_TOO_MUCH = frozenset(
    {
        int(ua.StatusCodes.BadTooManyOperations),
        int(ua.StatusCodes.BadEncodingLimitsExceeded),
        int(ua.StatusCodes.BadResponseTooLarge),
        int(ua.StatusCodes.BadRequestTooLarge),
        int(ua.StatusCodes.BadTcpMessageTooLarge),
        int(ua.StatusCodes.BadTimeout),
    }
)
# No view; Timestamp and version of none (Part 4, 7.45).
_NO_VIEW = b"\x00\x00" + bytes(12)


class Pace:
    """How many operations go into one call.

    Attributes:
        limit: Never more: what the server states, or what was too much for it.
        portion: At present.
    """

    def __init__(self, limit: int) -> None:
        self.limit = max(1, limit)
        self.portion = min(self.limit, _FIRST_PORTION)

    def answered(self, operations: int, seconds: float) -> None:
        """A call was answered: at most half or twice as many go into the next one."""
        factor = min(max(_ANSWER_SECONDS / max(seconds, 0.001), 0.5), 2.0)
        if operations >= self.portion or factor < 1:
            self.portion = min(max(1, round(operations * factor)), self.limit)

    def was_too_much(self, operations: int) -> None:
        """The server refused a call, or was silent, for being so large."""
        self.limit = self.portion = max(1, operations // 2)


class Asker:
    """Asks one server; raises ua.UaStatusCodeError, DecodeError, TimeoutError and ConnectionError."""

    def __init__(self, connection: Connection, findings: Findings) -> None:
        self._connection = connection
        self._findings = findings
        self._reads = Pace(connection.limits.nodes_per_read)
        self.browses = Pace(connection.limits.nodes_per_browse)

    async def browse(
        self, nodes: Sequence[NodeKey], reference_type: NodeKey, classes: int, *, inverse: bool = False
    ) -> BrowseAnswer:
        """One Browse; more nodes than `browses.portion` are not for one call."""
        per_node = max(_LEAST_PER_NODE, _MOST_REFERENCES // len(nodes))
        end = struct.pack("<i", int(inverse)) + reference_type + struct.pack("<?II", True, classes, 63)
        parameters = b"".join(
            (_NO_VIEW, struct.pack("<Ii", per_node, len(nodes)), *(part for node in nodes for part in (node, end)))
        )
        return await self._references(_BROWSE_REQUEST, parameters, len(nodes), per_node, following=False)

    async def browse_next(self, points: Sequence[bytes], *, release: bool = False) -> BrowseAnswer:
        """One BrowseNext; with `release` the server only forgets the points (Part 4, 5.8.3)."""
        parts = [struct.pack("<?i", release, len(points))]
        parts += [struct.pack("<i", len(point)) + point for point in points]
        per_node = max(_LEAST_PER_NODE, _MOST_REFERENCES // len(points))
        return await self._references(_BROWSE_NEXT_REQUEST, b"".join(parts), len(points), per_node, following=True)

    async def _references(
        self, request: int, parameters: bytes, asked: int, per_node: int, *, following: bool
    ) -> BrowseAnswer:
        started = asyncio.get_running_loop().time()
        body = await self._call(request, parameters)
        if not following:
            self.browses.answered(asked, asyncio.get_running_loop().time() - started)
        # Twice what was asked for: a server that rounds up does no harm.
        with refusals():
            answer = decode_browse_response(body, 2 * asked * per_node, following=following)
        self._findings.repaired_texts += answer.repaired
        if answer.unread:
            self._findings.note("it sent more references than it was asked for, and they were left out")
        if len(answer.results) != asked:
            raise ua.UaError(f"the server answered {len(answer.results)} results to {asked} operations")
        return answer

    async def read(self, attributes: Sequence[AttributeOf]) -> list[Attribute]:
        """Attributes of nodes, in as many calls as it takes."""
        found: list[Attribute] = []
        timeouts = 0
        while len(found) < len(attributes):
            part = attributes[len(found) : len(found) + self._reads.portion]
            try:
                answer = await self._read(part)
            except (ua.UaStatusCodeError, TimeoutError) as error:
                timeouts = self.after_failure(self._reads, len(part), error, timeouts)
                continue
            self._findings.repaired_texts += answer.repaired
            found += answer.attributes
        return found

    async def _read(self, part: Sequence[AttributeOf]) -> ReadAnswer:
        started = asyncio.get_running_loop().time()
        body = await self._call(READ_REQUEST, _read_parameters(part))
        self._reads.answered(len(part), asyncio.get_running_loop().time() - started)
        with refusals():
            return decode_read_response(body, len(part))

    async def value_shapes(self, nodes: Sequence[NodeKey]) -> list[ValueShape]:
        """What the current values are; the values themselves may be of any size and are not kept."""
        shapes: list[ValueShape] = []
        portion = min(_VALUES_AT_ONCE, self._reads.limit)
        for start in range(0, len(nodes), portion):
            part = [(node, int(ua.AttributeIds.Value)) for node in nodes[start : start + portion]]
            body = await self._call(READ_REQUEST, _read_parameters(part))
            with refusals():
                shapes += decode_value_shapes(body, len(part))
        return shapes

    def after_failure(self, pace: Pace, operations: int, error: Exception, timeouts: int) -> int:
        """Makes the next call smaller, or raises the error; returns how often the server has been silent."""
        silent = isinstance(error, TimeoutError)
        refused = isinstance(error, ua.UaStatusCodeError) and int(error.code) in _TOO_MUCH
        if operations == 1 or not (silent or refused) or (silent and timeouts >= _MOST_TIMEOUTS):
            raise error
        if refused and operations <= pace.limit:
            self._findings.note("it took fewer operations in a call than it states")
        pace.was_too_much(operations)
        return timeouts + silent

    async def _call(self, request: int, parameters: bytes) -> bytes:
        return await self._connection.ask(request, parameters, _TIMEOUT_SECONDS)


def _read_parameters(attributes: Sequence[AttributeOf]) -> bytes:
    return read_parameters([(node, behind_node(attribute)) for node, attribute in attributes])
