"""Which tags a gateway may send, as arrays, so that a whole frame is checked at once."""

import asyncio
import time
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.model import Tag
from dualspan_historian.storage import tag_store
from dualspan_runtime.database import Database

# Ids of a gateway come from one sequence: a table of bytes by id is usually small, and faster than searching.
_WIDEST_TABLE = 1 << 22
_RETIRED = 0x80
# A stranger's ids must not turn into a query each.
_SHORTEST_REFRESH_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class TagTable:
    """The tags of one gateway.

    Attributes:
        ids: int64, shape (tags,), rising.
        marks: uint8, shape (tags,): the kind, plus 128 for a retired tag.
        table: uint8 by id minus the first id, where ids lie close enough together; otherwise empty.
    """

    ids: NDArray[np.int64]
    marks: NDArray[np.uint8]
    table: NDArray[np.uint8]

    @classmethod
    def of(cls, tags: list[Tag]) -> Self:
        """Make a table of tags in order of id."""
        ids = np.array([tag.tag_id for tag in tags], np.int64)
        marks = np.array([tag.kind | (_RETIRED if tag.retired else 0) for tag in tags], np.uint8)
        width = int(ids[-1] - ids[0]) + 1 if tags else 0
        table = np.zeros(width if width <= _WIDEST_TABLE else 0, np.uint8)
        if len(table):
            table[ids - ids[0]] = marks
        return cls(ids, marks, table)

    def look_up(self, tag: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return each sample's kind (0: not a tag of this gateway) and whether its tag is retired, shape (n,)."""
        marks = self._marks(tag)
        return marks & ~np.uint8(_RETIRED), marks >= _RETIRED

    def _marks(self, tag: NDArray[np.int64]) -> NDArray[np.uint8]:
        if not len(self.ids) or not len(tag):
            return np.zeros(len(tag), np.uint8)
        if len(self.table):
            first, last = int(self.ids[0]), int(self.ids[-1])
            if first <= int(tag.min()) and int(tag.max()) <= last:
                return self.table[tag - first]
            inside = (tag >= first) & (tag <= last)
            return np.where(inside, self.table[np.where(inside, tag, first) - first], 0).astype(np.uint8)
        place = np.minimum(np.searchsorted(self.ids, tag), len(self.ids) - 1)
        return np.where(self.ids[place] == tag, self.marks[place], 0).astype(np.uint8)


class TagRegistry:
    """The tag tables of the gateways that send here.

    Args:
        database: Where registrations are.
        max_age: Seconds after which a table is read again: what another process retired is refused here by then.
    """

    def __init__(self, database: Database, max_age: float = 30.0) -> None:
        self._database = database
        self._max_age = max_age
        self._tables: dict[tuple[str, str], tuple[float, TagTable]] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def table(self, tenant: str, gateway_id: str, *, newer_than: float | None = None) -> TagTable:
        """Return a gateway's table.

        Args:
            tenant: The tenant.
            gateway_id: The gateway.
            newer_than: `time.monotonic()` that the table must have been read after; None: any will do that is not
                too old.
        """
        key = (tenant, gateway_id)
        if newer_than is None:
            newer_than = time.monotonic() - self._max_age
        async with self._locks.setdefault(key, asyncio.Lock()):
            read_at, table = self._tables.get(key, (float("-inf"), None))
            if table is not None and read_at > newer_than:
                return table
            await asyncio.sleep(max(0.0, read_at + _SHORTEST_REFRESH_SECONDS - time.monotonic()))
            read_at = time.monotonic()
            async with self._database.transaction(tenant, readonly=True) as connection:
                table = TagTable.of(await tag_store.of_gateway(connection, tenant, gateway_id))
            self._tables[key] = (read_at, table)
            return table

    def forget(self, tenant: str) -> None:
        """Read a tenant's tables again when they are needed next; registrations in this process call it."""
        for key in [key for key in self._tables if key[0] == tenant]:
            del self._tables[key]
