"""Use case of the worker: hold what a new version writes against what the old one does."""

from collections.abc import Sequence
from datetime import UTC, datetime

from dualspan_manifest import Comparison
from dualspan_marketplace.bindings.outputs import OutputTag
from dualspan_marketplace.results import Results
from dualspan_marketplace.store import app_runtime
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.upgrades.comparison import Compared, Series, compare
from dualspan_runtime.database import Database

# Pairs of tags that are read at once.
_AT_ONCE = 20
# The time that is compared is halved until it can be read, so many times at the most.
_HALVES = 16
# An app that begins may write results of times so long ago, in microseconds: 31 days.
_BEFORE = 31 * 86_400 * 1_000_000


class Likeness:
    """Reads results of both versions and compares them.

    Args:
        database: Knows the tags.
        results: Has the samples.
    """

    def __init__(self, database: Database, results: Results) -> None:
        self._database = database
        self._results = results

    async def compare(
        self, old: SubscriptionName, new: SubscriptionName, rules: Sequence[Comparison], since: datetime
    ) -> list[Compared]:
        """Every declared output of every asset that both versions have, of the same kind and in the same unit.

        Args:
            old: The subscription whose version runs.
            new: The one that the new version runs as.
            rules: Of the new manifest.
            since: Both have run since then.

        Raises:
            Unavailable: The historian does not answer (`UPSTREAM_UNREACHABLE`).
        """
        async with self._database.transaction(old.tenant, readonly=True) as connection:
            had = {each.output: each for each in await app_runtime.outputs(connection, old)}
            has = await app_runtime.outputs(connection, new)
        by_output = {each.output: each for each in rules}
        # An output that is new, or now another one, has nothing to be compared with.
        pairs = [
            (by_output[each.output.output], had[each.output], each)
            for each in has
            if each.output in had and each.output.output in by_output
        ]
        span = (_microseconds(since), _microseconds(datetime.now(UTC)))
        found: list[Compared] = []
        for at in range(0, len(pairs), _AT_ONCE):
            found += await self._pairs(old.tenant, pairs[at : at + _AT_ONCE], span)
        return found

    async def _pairs(
        self, tenant: str, pairs: Sequence[tuple[Comparison, OutputTag, OutputTag]], span: tuple[int, int]
    ) -> list[Compared]:
        since, end = span
        after = await self._latest(tenant, [each.tag_id for _, _, each in pairs], since - _BEFORE, end)
        if after is not None:
            # What the new version wrote of, be it of hours that had gone when it began, the old one has written of too.
            first = min([int(each.time[0]) for each in after.values() if len(each.time)], default=since)
            before = await self._latest(tenant, [each.tag_id for _, each, _ in pairs], min(first, since), end)
            if before is not None:
                return [
                    compare(before[old.tag_id], after[new.tag_id], rule, new.output.asset_id, span)
                    for rule, old, new in pairs
                ]
        # More than anybody can read in a moment: it counts as nothing that could be compared.
        return [Compared(rule.output, new.output.asset_id, 0, 0, 0, 0.0, rule.share) for rule, _, new in pairs]

    async def _latest(self, tenant: str, tags: Sequence[int], begin: int, end: int) -> dict[int, Series] | None:
        """What was written in a time, or in so much of its end as can be read at once."""
        for _ in range(_HALVES):
            read = await self._results.read(tenant, tags, begin, end)
            if read is not None:
                return read
            begin += (end - begin) // 2
        return None


def _microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)
