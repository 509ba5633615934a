"""What a read must know before it decodes anything, in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_historian.model import Tag
from dualspan_historian.storage import frame_store, segment_store, tag_store
from dualspan_historian.storage.frame_store import FrameKey
from dualspan_historian.storage.segment_store import SegmentInfo
from dualspan_runtime.database import Connection

_SCOPE = f"""
SELECT
    ARRAY(SELECT ROW(found.*) FROM (
        SELECT {tag_store.COLUMNS} FROM tag WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[]) ORDER BY tag_id
    ) AS found),
    ARRAY(SELECT ROW(found.*) FROM ({segment_store.REGION}) AS found),
    ARRAY(SELECT ROW(found.*) FROM (
        SELECT {frame_store.KEY} FROM frame
        WHERE tenant_id = $1 AND gateway_id = ANY(ARRAY(
            SELECT DISTINCT gateway_id FROM tag WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[])))
        ORDER BY arrival
    ) AS found)
"""


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
    """Find out where the samples of some tags in [start, end) are."""
    row = await connection.fetchrow(_SCOPE, tenant, tag_ids, start, end)
    if row is None:
        return Scope([], [], [])
    return Scope(
        [tag_store.read_tag(one) for one in row[0]],
        segment_store.read_infos(row[1]),
        [FrameKey(*one) for one in row[2]],
    )
