"""What looks at the database found last: so that a read can begin before it knows whether that is still so."""

from collections import OrderedDict
from typing import TypeAlias

from dualspan_historian.storage.scope_store import Scope

Asked: TypeAlias = tuple[str, tuple[int, ...], int, int]
"""Tenant, tags, start and end."""
_MOST = 256
_MOST_PARTS = 64


class Expectations:
    """The last small scopes, by what was asked. They may be out of date: nothing is answered with them alone."""

    def __init__(self) -> None:
        self._last: OrderedDict[Asked, tuple[Scope, bool]] = OrderedDict()

    def get(self, asked: Asked) -> Scope | None:
        """Return what will most likely be found again, because the last two looks found the same."""
        scope, steady = self._last.get(asked, (None, False))
        return scope if steady else None

    def learn(self, asked: Asked, found: Scope) -> None:
        """Tell what was found."""
        before, _ = self._last.pop(asked, (None, False))
        if len(found.segments) + len(found.frames) > _MOST_PARTS:
            return
        self._last[asked] = (found, before == found)
        if len(self._last) > _MOST:
            self._last.popitem(last=False)
