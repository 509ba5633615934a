"""The use case: what of some tags' samples may have changed since somebody looked."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.storage import touch_store
from dualspan_historian.storage.touch_store import QUARTER_US, Touched


@dataclass(frozen=True, slots=True)
class DataVersions:
    """What was touched by gateway, and the gateway of each tag that was asked for, in the same order."""

    gateways: dict[str, Touched]
    gateway_of_tags: list[str]


async def data_versions(
    snapshots: Snapshots, tenant: str, tag_ids: Sequence[int], start: int, end: int
) -> DataVersions:
    """Return the versions of the data of some tags in [start, end), microseconds.

    Raises:
        NotFound: The tenant does not have one of the tags (`TAG_NOT_FOUND`).
    """
    async with snapshots.open(tenant) as snapshot:
        tags = {tag.tag_id: tag.gateway_id for tag in await snapshot.tags(sorted(set(tag_ids)))}
        found = await touch_store.touched(
            snapshot.connection, tenant, sorted(set(tags.values())), start // QUARTER_US, (end - 1) // QUARTER_US
        )
    return DataVersions(found, [tags[tag_id] for tag_id in tag_ids])
