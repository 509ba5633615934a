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
from dualspan_analytics.service.removing import Kind, Removing
from dualspan_analytics.store import annotations as store
from dualspan_analytics.store.annotations import StoredAnnotation, Wanted
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database


def annotation_name(tenant: str, annotation: str) -> str:
    """`tenants/{tenant}/annotations/{annotation}`."""
    return f"tenants/{tenant}/annotations/{annotation}"


_KIND = Kind("annotation", store.ROWS, store.find, annotation_name, annotation_not_found, annotation_changed)


class Annotations(Removing[StoredAnnotation]):
    """What people write.

    Args:
        database: The service's schema.
        audit: Writes down who did what.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        super().__init__(_KIND, database, audit)

    async def create(self, tenant: str, given: Annotation) -> StoredAnnotation:
        """Write one.

        Raises:
            InvalidArgument: It cannot be (`BAD_ANNOTATION`).
            AlreadyExists: There is one of its id.
            ResourceExhausted: There are too many.
        """
        check(given)
        async with self._database.transaction(tenant) as connection:
            await store.ROWS.forget(connection, tenant)
            if await store.ROWS.count(connection, tenant) >= MOST_KEPT:
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
            found = await _KIND.locked(connection, tenant, annotation, etag)
            given = changed(found.annotation)
            check(given)
            stored = await store.replace(connection, tenant, given, current_principal().actor)
            await self._audit.write(connection, tenant, "annotation.update", annotation_name(tenant, annotation))
        return stored or found
