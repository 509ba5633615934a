"""Use cases: people write beside values, change it, take it away and bring it back."""

from collections.abc import Callable, Sequence

from dualspan_analytics.annotations import (
    MOST_KEPT,
    Annotation,
    annotation_changed,
    annotation_exists,
    annotation_not_found,
    check,
    too_many_annotations,
)
from dualspan_analytics.store import annotations as store
from dualspan_analytics.store.annotations import StoredAnnotation, Wanted
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection, Database


def annotation_name(tenant: str, annotation: str) -> str:
    """`tenants/{tenant}/annotations/{annotation}`."""
    return f"tenants/{tenant}/annotations/{annotation}"


class Annotations:
    """What people write.

    Args:
        database: The service's schema.
        audit: Writes down who did what.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def create(self, tenant: str, given: Annotation) -> StoredAnnotation:
        """Write one.

        Raises:
            InvalidArgument: It cannot be (`BAD_ANNOTATION`).
            AlreadyExists: There is one of its id.
            ResourceExhausted: There are too many.
        """
        check(given)
        async with self._database.transaction(tenant) as connection:
            await store.forget(connection, tenant)
            if await store.count(connection, tenant) >= MOST_KEPT:
                raise too_many_annotations()
            made = await store.insert(connection, tenant, given, current_principal().actor)
            if made is None:
                raise annotation_exists(given.id)
            await self._audit.write(connection, tenant, "annotation.create", annotation_name(tenant, given.id))
        return made

    async def get(self, tenant: str, annotation: str) -> StoredAnnotation:
        """One of them.

        Raises:
            NotFound: There is none.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.find(connection, tenant, annotation)
        if found is None:
            raise annotation_not_found(annotation)
        return found

    async def page(self, tenant: str, wanted: Wanted, after: tuple[int, str], most: int) -> Sequence[StoredAnnotation]:
        """Those of a span of time, behind a beginning and id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.page(connection, tenant, wanted, after, most)

    async def change(
        self, tenant: str, annotation: str, etag: str, changed: Callable[[Annotation], Annotation]
    ) -> StoredAnnotation:
        """Change one.

        Raises:
            InvalidArgument: It cannot be (`BAD_ANNOTATION`).
            NotFound: There is none.
            Aborted: The etag is of an earlier state (`ETAG_MISMATCH`).
        """
        async with self._database.transaction(tenant) as connection:
            found = await _locked(connection, tenant, annotation, etag)
            given = changed(found.annotation)
            check(given)
            stored = await store.replace(connection, tenant, given, current_principal().actor)
            await self._audit.write(connection, tenant, "annotation.update", annotation_name(tenant, annotation))
        return stored or found

    async def delete(self, tenant: str, annotation: str, etag: str) -> None:
        """Take one away.

        Raises:
            NotFound: There is none.
            Aborted: The etag is of an earlier state (`ETAG_MISMATCH`).
        """
        async with self._database.transaction(tenant) as connection:
            await _locked(connection, tenant, annotation, etag)
            await self._mark(connection, tenant, annotation, deleted=True)

    async def undelete(self, tenant: str, annotation: str) -> StoredAnnotation:
        """Bring one back.

        Raises:
            NotFound: None of that id was taken away in the last 30 days.
        """
        async with self._database.transaction(tenant) as connection:
            await self._mark(connection, tenant, annotation, deleted=False)
        return await self.get(tenant, annotation)

    async def _mark(self, connection: Connection, tenant: str, annotation: str, *, deleted: bool) -> None:
        if not await store.mark(connection, tenant, annotation, deleted=deleted):
            raise annotation_not_found(annotation)
        action = "annotation.delete" if deleted else "annotation.undelete"
        await self._audit.write(connection, tenant, action, annotation_name(tenant, annotation))


async def _locked(connection: Connection, tenant: str, annotation: str, etag: str) -> StoredAnnotation:
    found = await store.find(connection, tenant, annotation, lock=True)
    if found is None:
        raise annotation_not_found(annotation)
    if etag and etag != found.etag:
        raise annotation_changed(annotation)
    return found
