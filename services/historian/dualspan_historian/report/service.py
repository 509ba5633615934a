"""The use case: count, hold against the ledger, have it signed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dualspan_historian.errors import period_too_old
from dualspan_historian.read.snapshot import Snapshot, Snapshots
from dualspan_historian.report.counting import count_stored
from dualspan_historian.report.document import PAYLOAD_TYPE, Signature, document, envelope
from dualspan_historian.report.ledger import read_ledger
from dualspan_historian.report.model import Counted, LedgerGap, ReportQuery, TagFigures, figures
from dualspan_historian.storage import report_store

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


async def _lines(snapshot: Snapshot, query: ReportQuery) -> tuple[list[TagFigures], Sequence[LedgerGap]]:
    period = (query.start_us, query.end_us)
    ids = [tag.tag_id for tag in query.tags]
    tags = await snapshot.tags(ids)
    connection, tenant = snapshot.connection, snapshot.tenant
    ledger = await read_ledger(connection, tenant, tags, period)
    stored = await count_stored(snapshot, tags, period)
    repaired = await report_store.repaired_counts(connection, tenant, ids, period)
    lines: list[TagFigures] = []
    for tag in query.tags:
        counted = Counted(stored.get(tag.tag_id, 0), repaired.get(tag.tag_id, 0))
        record, of_tag, repairs = ledger.of(tag.tag_id)
        lines.append(figures(tag, record, of_tag, repairs, counted, period))
    return lines, ledger.gaps
