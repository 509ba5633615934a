"""What a read must know before it decodes anything, in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dualspan_historian.model import Tag
from dualspan_historian.storage import segment_store, tag_store
from dualspan_historian.storage.frame_store import FrameKey
from dualspan_historian.storage.segment_store import SegmentInfo
from dualspan_runtime.database import Connection, Database

# The function is in migrations/0006_read_scope.sql, because only a function can bind the tenant before it reads. Its
# records have the columns of tag_store.COLUMNS, segment_store.INFO and frame_store.KEY.
_SCOPE = "SELECT * FROM read_scope($1, $2, $3, $4) AS found (tags record[], segments record[], frames record[])"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the samples of some tags are.

    Attributes:
        tags: Those of the tags that the tenant has, in order of id.
        segments: With anything in [start, end), and the nearest around it: any, and with good samples.
        frames: The unsealed frames of the tags' gateways, in order of arrival.
    """

    tags: list[Tag]
    segments: list[SegmentInfo]
    frames: list[FrameKey]


async def scope(connection: Connection, tenant: str, tag_ids: Sequence[int], start: int, end: int) -> Scope:
    """Find out where the samples of some tags in [start, end) are, in a transaction of the tenant."""
    return _read(await connection.fetchrow(_SCOPE, tenant, tag_ids, start, end))


async def look(database: Database, tenant: str, tag_ids: Sequence[int], start: int, end: int) -> Scope:
    """Find out the same without a transaction: for who needs nothing else of this moment."""
    return _read(await database.look(tenant, _SCOPE, tag_ids, start, end))


def _read(row: Any) -> Scope:
    tags, segments, frames = row
    return Scope(
        [tag_store.read_tag(one) for one in tags],
        segment_store.read_infos(segments),
        [FrameKey(*one) for one in frames],
    )
