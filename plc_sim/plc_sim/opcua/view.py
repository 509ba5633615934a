"""Browse and BrowseNext as controllers answer them: in pieces, with few continuation points (Part 4, 7.9)."""

import itertools
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, ViewService

from plc_sim.opcua.standard import node_id, status_code

_NULL = node_id(ua.ObjectIds.Null)


class CachedView(ViewService):
    """asyncua's view service, which would walk the tree of reference types for every single reference."""

    def __init__(self, aspace: AddressSpace) -> None:
        super().__init__(aspace)
        self._subtypes: dict[ua.NodeId, frozenset[ua.NodeId]] = {}

    def _suitable_reftype(self, ref1: ua.NodeId, ref2: ua.NodeId, subtypes: bool) -> bool:  # noqa: FBT001 - asyncua's
        if ref1 in (ref2, _NULL):
            return True
        if not subtypes:
            return False
        known = self._subtypes.get(ref1)
        if known is None:
            known = self._subtypes[ref1] = frozenset(self._get_sub_ref(ref1))
        return ref2 in known


class ContinuationPoints:
    """What a session has not been told yet.

    Args:
        most: Points that it may hold; 0: Browse always answers in full.
        references: Most references of a node in one answer; 0: as many as the client allows.
    """

    def __init__(self, most: int, references: int) -> None:
        self._most = most
        self._references = references
        self._left: dict[bytes, tuple[Sequence[Any], int]] = {}
        self._numbers = itertools.count(1)

    def cut(self, results: list[ua.BrowseResult], wanted: int) -> list[ua.BrowseResult]:
        """Shorten results to what one answer may have, as far as there are points for what is left."""
        limits = [limit for limit in (wanted, self._references) if limit]
        if not self._most or not limits:
            return results
        return [self._cut(result, min(limits)) for result in results]

    def _cut(self, result: ua.BrowseResult, limit: int) -> ua.BrowseResult:
        references = result.References or []
        if len(references) <= limit:
            return result
        if len(self._left) >= self._most:
            return ua.BrowseResult(StatusCode=status_code(ua.StatusCodes.BadNoContinuationPoints))
        return self._piece(references, limit)

    def _piece(self, references: Sequence[Any], limit: int) -> ua.BrowseResult:
        piece = ua.BrowseResult(References=list(references[:limit]))
        if len(references) > limit:
            point = next(self._numbers).to_bytes(8, "little")
            self._left[point] = (references[limit:], limit)
            piece.ContinuationPoint = point  # pyright: ignore[reportAttributeAccessIssue]  # plain bytes work
        return piece

    def follow(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        """The next piece of each, or nothing more of it ever (Part 4, 5.8.3)."""
        return [self._next(bytes(point), parameters) for point in parameters.ContinuationPoints]

    def _next(self, point: bytes, parameters: ua.BrowseNextParameters) -> ua.BrowseResult:
        left = self._left.pop(point, None)
        if left is None:
            return ua.BrowseResult(StatusCode=status_code(ua.StatusCodes.BadContinuationPointInvalid))
        return ua.BrowseResult() if parameters.ReleaseContinuationPoints else self._piece(*left)
