"""Use cases that annotations and dashboards share: one is held to be changed, taken away, brought back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from dualspan_analytics.store.removable import Removable
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import Aborted, NotFound


class Versioned(Protocol):
    """What has states."""

    @property
    def etag(self) -> str:
        """Of this state."""
        ...


T = TypeVar("T", bound=Versioned)
T_co = TypeVar("T_co", covariant=True)


class Find(Protocol[T_co]):
    """Finds one that was not taken away, and on request locks it until the transaction ends."""

    async def __call__(self, connection: Connection, tenant: str, key: str, /, *, lock: bool = False) -> T_co | None:
        """One of them; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What is taken away and brought back.

    Attributes:
        word: As the audit log has it.
        rows: The table.
        find: Finds one.
        name: Resource name of a tenant's.
        not_found: Says that there is none of an id.
        changed: Says that somebody else changed it.
    """

    word: str
    rows: Removable
    find: Find[T]
    name: Callable[[str, str], str]
    not_found: Callable[[str], NotFound]
    changed: Callable[[str], Aborted]

    async def locked(self, connection: Connection, tenant: str, key: str, etag: str) -> T:
        """One of them, for this transaction alone.

        Raises:
            NotFound: There is none.
            Aborted: The etag is of an earlier state (`ETAG_MISMATCH`).
        """
        found = await self.find(connection, tenant, key, lock=True)
        if found is None:
            raise self.not_found(key)
        if etag and etag != found.etag:
            raise self.changed(key)
        return found


class Removing(Generic[T]):
    """Takes away and brings back.

    Args:
        kind: What.
        database: The service's schema.
        audit: Writes down who did what.
    """

    def __init__(self, kind: Kind[T], database: Database, audit: Audit) -> None:
        self._kind = kind
        self._database = database
        self._audit = audit

    async def delete(self, tenant: str, key: str, etag: str) -> None:
        """Take one away.

        Raises:
            NotFound: There is none.
            Aborted: The etag is of an earlier state (`ETAG_MISMATCH`).
        """
        async with self._database.transaction(tenant) as connection:
            await self._kind.locked(connection, tenant, key, etag)
            await self._mark(connection, tenant, key, deleted=True)

    async def undelete(self, tenant: str, key: str) -> T:
        """Bring one back.

        Raises:
            NotFound: None of that id was taken away in the last 30 days.
        """
        async with self._database.transaction(tenant) as connection:
            await self._mark(connection, tenant, key, deleted=False)
            return await self._kind.locked(connection, tenant, key, "")

    async def _mark(self, connection: Connection, tenant: str, key: str, *, deleted: bool) -> None:
        if not await self._kind.rows.mark(connection, tenant, key, deleted=deleted):
            raise self._kind.not_found(key)
        action = f"{self._kind.word}.{'delete' if deleted else 'undelete'}"
        await self._audit.write(connection, tenant, action, self._kind.name(tenant, key))
