"""Finds the route of a request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from dualspan_console.transcoding.contracts import Route
from dualspan_console.transcoding.templates import Path, specificity


class RouteClashError(Exception):
    """Two methods have addresses that one request could mean."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a path leads to.

    Attributes:
        route: The route, if the verb fits.
        fields: Those of the request that the path fills.
        allowed: The verbs that this path knows; none if it leads nowhere.
    """

    route: Route | None
    fields: dict[str, str]
    allowed: tuple[str, ...]


class Router:
    """All routes by number of segments and verb, the most exact first.

    Args:
        routes: Of all methods.

    Raises:
        RouteClashError: Two could be meant by one request.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        groups: defaultdict[tuple[int, str], list[Route]] = defaultdict(list)
        self._open: list[Route] = []
        for route in routes:
            template = route.template
            (self._open if template.is_open else groups[len(template.segments), template.verb]).append(route)
        for group in groups.values():
            group.sort(key=lambda route: specificity(route.template))
            _check_apart(group)
        self._groups = dict(groups)

    def find(self, verb: str, path: Path) -> Found:
        """The route of a request."""
        allowed: list[str] = []
        for route in (*self._groups.get((len(path.segments), path.verb), ()), *self._open):
            fields = route.template.match(path)
            if fields is None:
                continue
            if route.verb == verb:
                return Found(route, fields, (verb,))
            allowed.append(route.verb)
        return Found(None, {}, tuple(dict.fromkeys(allowed)))


def _check_apart(group: list[Route]) -> None:
    for place, one in enumerate(group):
        for other in group[place + 1 :]:
            if one.verb == other.verb and one.template.overlaps(other.template):
                raise RouteClashError(
                    f"{one.verb} {one.template.text} of {one.method.full_name} and {other.template.text} of "
                    f"{other.method.full_name} could both be meant. Change one in its .proto file."
                )
