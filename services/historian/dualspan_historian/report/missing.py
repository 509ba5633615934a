"""The use case: when samples of tags are missing."""

from collections.abc import Sequence

from dualspan_historian.errors import unknown_tags
from dualspan_historian.report.ledger import read_ledger
from dualspan_historian.report.model import MissingSpan, missing_spans
from dualspan_historian.report.spans import Span
from dualspan_historian.storage import tag_store
from dualspan_runtime.database import Database


class MissingSpans:
    """Tells when samples are missing.

    Args:
        database: Where the gap ledger is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, tenant: str, tag_ids: Sequence[int], period: Span) -> list[MissingSpan]:
        """Return spans in order of tag and time.

        Raises:
            NotFound: The tenant does not have one of the tags.
            ResourceExhausted: Too many gaps touch the period.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            tags = await tag_store.find(connection, tenant, tag_ids)
            unknown = set(tag_ids).difference(tag.tag_id for tag in tags)
            if unknown:
                raise unknown_tags(sorted(unknown))
            ledger = await read_ledger(connection, tenant, tags, period)
        found: list[MissingSpan] = []
        for tag in tags:
            record, gaps, repairs = ledger.of(tag.tag_id)
            if record is not None:
                found += missing_spans(record, gaps, repairs, period)
        return found
