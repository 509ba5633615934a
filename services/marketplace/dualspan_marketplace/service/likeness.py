"""Use case of the worker: hold what a new version writes against what the old one does."""

from collections.abc import Sequence
from datetime import UTC, datetime

from dualspan_manifest import Comparison
from dualspan_marketplace.bindings.outputs import OutputTag
from dualspan_marketplace.results import Results
from dualspan_marketplace.store import app_runtime
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.upgrades.comparison import Compared, compare
from dualspan_runtime.database import Database

# Pairs of tags that are read at once.
_AT_ONCE = 20
# The time that is compared is halved until it can be read, so many times at the most.
_HALVES = 10


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
        tags = [tag.tag_id for _, *both in pairs for tag in both]
        begin, end = span
        for _ in range(_HALVES):
            read = await self._results.read(tenant, tags, begin, end)
            if read is not None:
                return [
                    compare(read[before.tag_id], read[after.tag_id], rule, after.output.asset_id, (begin, end))
                    for rule, before, after in pairs
                ]
            begin += (end - begin) // 2
        # More than anybody can read in a moment: it counts as nothing that could be compared.
        return [Compared(rule.output, after.output.asset_id, 0, 0, 0, 0.0, rule.share) for rule, _, after in pairs]


def _microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)
