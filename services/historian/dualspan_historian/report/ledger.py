"""What the gap ledger has of some tags in a period: their own gaps, and those of their servers and gateways."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dualspan_historian.errors import too_many_gaps
from dualspan_historian.model import Tag
from dualspan_historian.report.model import LedgerGap, TagRecord, TagRepair
from dualspan_historian.report.spans import Span
from dualspan_historian.storage import report_store
from dualspan_runtime.database import Connection

_MOST_GAPS = 20_000
_Scope = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known of tags' recording, of gaps that touch a period, and of repairs.

    Attributes:
        records: By tag.
        gaps: Of any of the tags.
        repairs: By tag and gap.
    """

    records: Mapping[int, TagRecord]
    gaps: Sequence[LedgerGap]
    repairs: Mapping[int, Mapping[int, TagRepair]]
    _by_scope: Mapping[_Scope, Sequence[LedgerGap]]

    def of(self, tag_id: int) -> tuple[TagRecord | None, list[LedgerGap], Mapping[int, TagRepair]]:
        """Return what is known of one tag, with the gaps of its server and its gateway."""
        record = self.records.get(tag_id)
        return record, [] if record is None else self._gaps_of(record), self.repairs.get(tag_id, {})

    def _gaps_of(self, record: TagRecord) -> list[LedgerGap]:
        scopes = {
            (record.gateway_id, "", 0),
            (record.gateway_id, record.server_id, 0),
            (record.gateway_id, "", record.tag_id),
        }
        return [gap for scope in sorted(scopes) for gap in self._by_scope.get(scope, [])]


async def read_ledger(connection: Connection, tenant: str, tags: Sequence[Tag], period: Span) -> Ledger:
    """Read what there is about tags in a period.

    Raises:
        ResourceExhausted: More gaps touch the period than can be looked at (`TOO_MANY_GAPS`).
    """
    ids = [tag.tag_id for tag in tags]
    records = await report_store.records(connection, tenant, ids)
    gateways = sorted({tag.gateway_id for tag in tags})
    found = await report_store.gaps(connection, tenant, gateways, ids, period, _MOST_GAPS + 1)
    if len(found) > _MOST_GAPS:
        raise too_many_gaps(_MOST_GAPS)
    servers = {(record.gateway_id, record.server_id) for record in records.values()}
    gaps = [gap for gap in found if not gap.server_id or (gap.gateway_id, gap.server_id) in servers]
    repairs = await report_store.repairs(connection, tenant, [gap.gap_id for gap in gaps], ids)
    return Ledger(records, gaps, repairs, _by_scope(gaps))


def _by_scope(gaps: Sequence[LedgerGap]) -> dict[_Scope, list[LedgerGap]]:
    """Return gaps by what they are gaps of: (gateway, server, tag), empty or 0 for all."""
    found: dict[_Scope, list[LedgerGap]] = {}
    for gap in gaps:
        scope = (gap.gateway_id, "" if gap.tag_id else gap.server_id, gap.tag_id)
        found.setdefault(scope, []).append(gap)
    return found
