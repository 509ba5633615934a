"""SQL about annotations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_analytics.annotations import Annotation
from dualspan_analytics.store.removable import Removable
from dualspan_runtime.database import Connection

ROWS = Removable("annotation", "annotation_id")
_COLUMNS = """annotation_id, start_us, end_us, assets, tag_ids, content,
author, coalesce(editor, author) AS editor, version, create_time, update_time"""
_INSERT = f"""
INSERT INTO annotation (tenant_id, annotation_id, start_us, end_us, assets, tag_ids, content, author)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""
_REPLACE = f"""
UPDATE annotation SET start_us = $3, end_us = $4, assets = $5, tag_ids = $6, content = $7, editor = $8,
  version = version + 1, update_time = now()
WHERE tenant_id = $1 AND annotation_id = $2 AND delete_time IS NULL RETURNING {_COLUMNS}
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM annotation
WHERE tenant_id = $1 AND delete_time IS NULL AND start_us < $3 AND end_us >= $2
  AND (cardinality($4::text[]) + cardinality($5::bigint[]) = 0 OR assets && $4 OR tag_ids && $5
       OR cardinality(assets) + cardinality(tag_ids) = 0)
  AND (start_us, annotation_id) > ($6, $7)
ORDER BY start_us, annotation_id LIMIT $8
"""


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """An annotation, who wrote it and changed it last, which of its states it is, and when."""

    annotation: Annotation
    author: str
    editor: str
    version: int
    create_time: datetime
    update_time: datetime

    @property
    def etag(self) -> str:
        """Of this state."""
        return f"{self.version:x}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which annotations are asked for: of [start, end) in µs, about any of these; about all if there are none."""

    start_us: int
    end_us: int
    assets: tuple[str, ...]
    tag_ids: tuple[int, ...]


async def insert(connection: Connection, tenant: str, given: Annotation, author: str) -> StoredAnnotation | None:
    """Add one; None if there is one of its id."""
    row = await connection.fetchrow(
        _INSERT, tenant, given.id, given.start_us, given.end_us, given.assets, given.tag_ids, given.text, author
    )
    return None if row is None else _stored(row)


async def replace(connection: Connection, tenant: str, given: Annotation, editor: str) -> StoredAnnotation | None:
    """Change one; None if there is none."""
    row = await connection.fetchrow(
        _REPLACE, tenant, given.id, given.start_us, given.end_us, given.assets, given.tag_ids, given.text, editor
    )
    return None if row is None else _stored(row)


async def find(connection: Connection, tenant: str, annotation: str, *, lock: bool = False) -> StoredAnnotation | None:
    """One of them, on request locked until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM annotation WHERE tenant_id = $1 AND annotation_id = $2 AND delete_time IS NULL"
        f"{' FOR UPDATE' if lock else ''}",
        tenant,
        annotation,
    )
    return None if row is None else _stored(row)


async def page(
    connection: Connection, tenant: str, wanted: Wanted, after: tuple[int, str], most: int
) -> Sequence[StoredAnnotation]:
    """Those that are asked for, behind a beginning and id."""
    rows = await connection.fetch(
        _PAGE, tenant, wanted.start_us, wanted.end_us, wanted.assets, wanted.tag_ids, *after, most
    )
    return [_stored(row) for row in rows]


def _stored(row: Record) -> StoredAnnotation:
    annotation = Annotation(
        row["annotation_id"],
        row["start_us"],
        row["end_us"],
        tuple(row["assets"]),
        tuple(row["tag_ids"]),
        row["content"],
    )
    known = (row[name] for name in ("author", "editor", "version", "create_time", "update_time"))
    return StoredAnnotation(annotation, *known)
