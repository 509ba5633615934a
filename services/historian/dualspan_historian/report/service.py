"""The use case: count, hold against the ledger, have it signed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dualspan_historian.errors import period_too_old, too_many_gaps
from dualspan_historian.read.snapshot import Snapshot, Snapshots
from dualspan_historian.report.counting import count_stored
from dualspan_historian.report.document import PAYLOAD_TYPE, Signature, document, envelope
from dualspan_historian.report.model import Counted, LedgerGap, ReportQuery, TagFigures, TagRecord, figures
from dualspan_historian.storage import report_store

_MOST_GAPS = 20_000
_DAY_US = 86_400_000_000


class Signer(Protocol):
    """Signs in the platform's name."""

    async def sign(self, tenant: str, payload_type: str, payload: bytes) -> Signature:
        """Return a signature over a payload and its type."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it is handed on, and its lines."""

    envelope: bytes
    lines: Sequence[TagFigures]


class CompletenessReports:
    """Makes reports.

    Args:
        snapshots: Reads.
        signer: Signs.
        ledger_days: The gap ledger reaches so far back.
    """

    def __init__(self, snapshots: Snapshots, signer: Signer, ledger_days: int) -> None:
        self._snapshots = snapshots
        self._signer = signer
        self._ledger_days = ledger_days

    async def create(self, tenant: str, query: ReportQuery) -> Report:
        """Make a report.

        Raises:
            NotFound: The tenant does not have one of the tags.
            FailedPrecondition: The ledger does not reach back to the period (`PERIOD_TOO_OLD`).
            ResourceExhausted: Too much would have to be decoded (`TOO_MANY_SAMPLES`, `TOO_MANY_GAPS`).
            Unavailable: identity cannot be asked to sign.
        """
        created = time.time_ns() // 1000
        if query.start_us < created - self._ledger_days * _DAY_US:
            raise period_too_old(self._ledger_days)
        async with self._snapshots.open(tenant) as snapshot:
            lines, gaps = await _lines(snapshot, query)
        payload = document(tenant, query, lines, gaps, created)
        signature = await self._signer.sign(tenant, PAYLOAD_TYPE, payload)
        return Report(envelope(payload, signature), lines)


async def _lines(snapshot: Snapshot, query: ReportQuery) -> tuple[list[TagFigures], list[LedgerGap]]:
    period = (query.start_us, query.end_us)
    ids = [tag.tag_id for tag in query.tags]
    tags = await snapshot.tags(ids)
    connection, tenant = snapshot.connection, snapshot.tenant
    records = await report_store.records(connection, tenant, ids)
    gateways = sorted({tag.gateway_id for tag in tags})
    found = await report_store.gaps(connection, tenant, gateways, ids, period, _MOST_GAPS + 1)
    if len(found) > _MOST_GAPS:
        raise too_many_gaps(_MOST_GAPS)
    servers = {(record.gateway_id, record.server_id) for record in records.values()}
    gaps = [gap for gap in found if not gap.server_id or (gap.gateway_id, gap.server_id) in servers]
    repairs = await report_store.repairs(connection, tenant, [gap.gap_id for gap in gaps], ids)
    stored = await count_stored(snapshot, tags, period)
    repaired = await report_store.repaired_counts(connection, tenant, ids, period)
    by_scope = _by_scope(gaps)
    lines: list[TagFigures] = []
    for tag in query.tags:
        record = records.get(tag.tag_id)
        counted = Counted(stored.get(tag.tag_id, 0), repaired.get(tag.tag_id, 0))
        of_tag = _gaps_of(record, by_scope)
        lines.append(figures(tag, record, of_tag, repairs.get(tag.tag_id, {}), counted, period))
    return lines, gaps


_Scope = tuple[str, str, int]


def _by_scope(gaps: Sequence[LedgerGap]) -> dict[_Scope, list[LedgerGap]]:
    """Return gaps by what they are gaps of: (gateway, server, tag), empty or 0 for all."""
    found: dict[_Scope, list[LedgerGap]] = {}
    for gap in gaps:
        scope = (gap.gateway_id, "" if gap.tag_id else gap.server_id, gap.tag_id)
        found.setdefault(scope, []).append(gap)
    return found


def _gaps_of(record: TagRecord | None, by_scope: dict[_Scope, list[LedgerGap]]) -> list[LedgerGap]:
    if record is None:
        return []
    scopes = {
        (record.gateway_id, "", 0),
        (record.gateway_id, record.server_id, 0),
        (record.gateway_id, "", record.tag_id),
    }
    return [gap for scope in sorted(scopes) for gap in by_scope.get(scope, [])]
