"""The use cases of ingest: open a stream, verify an upload, commit a group."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
import structlog
from opentelemetry.trace import Span

from dualspan.historian.v1 import service_pb2
from dualspan_historian.frame_traces import committing, verifying
from dualspan_historian.ingest import metrics as ingest_metrics
from dualspan_historian.ingest.registry import TagRegistry
from dualspan_historian.ingest.touching import quarters_of, quarters_within
from dualspan_historian.ingest.verification import EARLIEST, Rules, Verified, accept, has_unknown_tags, verify
from dualspan_historian.model import Gap, QuarantineReason, Stream
from dualspan_historian.repair.known import KnownSamples, spans_of
from dualspan_historian.repair.model import Notes, Repair, RepairableGap, RepairQuery
from dualspan_historian.storage import coverage_store, frame_store, ledger_store, repair_store, touch_store
from dualspan_historian.storage.frame_store import Reached
from dualspan_historian.storage.ledger_store import Refusal
from dualspan_runtime import tracing
from dualspan_runtime.database import Connection, Database

_log = structlog.stdlib.get_logger()
_GAP_QUARANTINED = 8
_MOST_REPAIR_TAGS = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Committed:
    """What a group commit did.

    Attributes:
        sequence: Everything up to here is committed or in quarantine.
        refusals: What went into quarantine in this commit.
    """

    sequence: int
    refusals: tuple[Refusal, ...]


class CommitListener(Protocol):
    """Whoever wants to know what was committed. It must not wait, nor raise."""

    def committed(self, stream: Stream, uploads: Sequence[Verified]) -> None:
        """Hears of uploads with samples that were committed now, in order."""
        ...


class IngestService:
    """Verifies and commits uploads.

    Args:
        database: Where they go.
        registry: Which tags a gateway has.
        rules: What is accepted.
        known: Which samples of a repair are stored already.
        listeners: Who hears of commits.
    """

    def __init__(
        self,
        database: Database,
        registry: TagRegistry,
        rules: Rules,
        known: KnownSamples,
        listeners: Sequence[CommitListener],
    ) -> None:
        self._database = database
        self._registry = registry
        self._rules = rules
        self._known = known
        self._listeners = listeners

    async def repairable(self, tenant: str, wanted: RepairQuery) -> list[RepairableGap]:
        """Return a gateway's gaps that the history of one of its servers may fill, oldest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await repair_store.repairable(connection, tenant, wanted, _MOST_REPAIR_TAGS)

    async def open(self, stream: Stream) -> Reached:
        """Return how far the stream's epoch is committed."""
        async with self._database.transaction(stream.tenant) as connection:
            reached = await frame_store.open_position(connection, stream.tenant, stream.gateway_id, stream.epoch)
            complete = await coverage_store.complete_of_all(connection, stream.tenant, stream.gateway_id)
            return replace(reached, complete_time=complete)

    async def verify(self, stream: Stream, upload: service_pb2.IngestRequest.Upload, notes: Notes) -> Verified:
        """Check one upload, with the newest registrations if need be."""
        asked_at = time.monotonic()
        with verifying(stream, upload.sequence, notes.trace):
            table = await self._registry.table(stream.tenant, stream.gateway_id)
            verified = await asyncio.to_thread(verify, upload, notes, table, self._rules, _now_us())
            if has_unknown_tags(verified):
                table = await self._registry.table(stream.tenant, stream.gateway_id, newer_than=asked_at)
                verified = await asyncio.to_thread(verify, upload, notes, table, self._rules, _now_us())
        return verified

    async def commit(self, stream: Stream, uploads: Sequence[Verified]) -> Committed:
        """Commit a group; what was committed before is left out.

        Uploads that bring repairs are committed each by itself, after all before it: what they bring is compared with
        what is stored then.
        """
        position, refusals = 0, list[Refusal]()
        for part in _parts(uploads):
            compared = [await self._compared(stream, upload) for upload in part]
            traces = [upload.notes.trace for upload in part if upload.notes.trace is not None]
            started = time.perf_counter()
            with committing(stream, traces) as begun:
                committed = await self._commit(stream, compared, begun)
            ingest_metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)
            position = committed.sequence
            refusals += committed.refusals
        return Committed(position, tuple(refusals))

    async def _compared(self, stream: Stream, upload: Verified) -> Verified:
        """Return a repair without the samples that are stored, and with what it brings."""
        repairs = upload.notes.repairs
        if not repairs:
            return upload
        if upload.refusal is not None:
            why = f"the samples of its history were refused: {upload.refusal.detail}"
            return replace(upload, notes=replace(upload.notes, repairs=tuple(one.given_up(why) for one in repairs)))
        if upload.frame is None:
            return upload
        fresh = await self._known.without(stream.tenant, upload.frame)
        return replace(accept(upload.sequence, fresh, upload.notes), spans=tuple(spans_of(fresh, repairs)))

    async def _commit(self, stream: Stream, uploads: Sequence[Verified], begun: Span | None) -> Committed:
        """Commit uploads in one transaction.

        The position's row is locked first, so that two streams of one buffer, the old one not yet gone, wait for each
        other and each frame is stored once.
        """
        tenant, gateway_id, epoch = stream.tenant, stream.gateway_id, stream.epoch
        async with self._database.transaction(tenant) as connection:
            position = await frame_store.lock_position(connection, tenant, gateway_id, epoch)
            fresh = [upload for upload in uploads if upload.sequence > position]
            if not fresh:
                return Committed(position, ())
            stored = [upload.stored for upload in fresh if upload.stored is not None]
            refusals = tuple(upload.refusal for upload in fresh if upload.refusal is not None)
            if stored:
                traceparents = _traceparents(fresh, begun)
                await frame_store.insert(connection, tenant, gateway_id, epoch, stored, traceparents)
            if refusals:
                await ledger_store.insert_quarantined(connection, tenant, gateway_id, epoch, refusals)
                await ledger_store.trim_quarantined(connection, tenant, gateway_id, self._rules.quarantine_bytes)
            await self._note(connection, stream, fresh)
            position, lineage = fresh[-1].sequence, fresh[-1].notes.lineage
            added = (len(stored), sum(frame.sample_count for frame in stored), len(refusals))
            await frame_store.advance_position(
                connection, tenant, gateway_id, epoch, sequence=position, lineage=lineage, added=added
            )
        ingest_metrics.count(stored, refusals)
        _log_refusals(stream, refusals)
        self._tell(stream, fresh)
        return Committed(position, refusals)

    @staticmethod
    async def _note(connection: Connection, stream: Stream, uploads: Sequence[Verified]) -> None:
        """Write down what uploads have beside their samples."""
        tenant, gateway_id = stream.tenant, stream.gateway_id
        # Nobody waits for what an app could not say: the ledger is the plant's.
        gaps = [] if stream.is_app else _gaps(gateway_id, uploads)
        await ledger_store.insert_gaps(connection, tenant, gaps)
        coverage = [one for upload in uploads for one in upload.notes.coverage]
        if coverage:
            await coverage_store.apply(connection, tenant, gateway_id, coverage)
        repairs: list[Repair] = [one for upload in uploads for one in upload.notes.repairs]
        if repairs:
            spans = [span for upload in uploads for span in upload.spans]
            await repair_store.apply(connection, tenant, gateway_id, repairs, spans)
        await IngestService._touch(connection, stream, uploads, gaps)

    @staticmethod
    async def _touch(connection: Connection, stream: Stream, uploads: Sequence[Verified], gaps: Sequence[Gap]) -> None:
        """Write down which times this commit says something new about: samples, gaps, gaps that were filled."""
        quarters = quarters_of(uploads, gaps, _now_us())
        filled = sorted({repair.gap_id for upload in uploads for repair in upload.notes.repairs})
        if filled:
            spans = await touch_store.spans_of_gaps(connection, stream.tenant, filled)
            quarters = np.union1d(quarters, quarters_within(spans, _now_us()))
        if len(quarters):
            await touch_store.touch(connection, stream.tenant, stream.gateway_id, quarters)

    def _tell(self, stream: Stream, uploads: Sequence[Verified]) -> None:
        filled = [upload for upload in uploads if upload.stored is not None]
        if filled:
            for listener in self._listeners:
                listener.committed(stream, filled)


def _parts(uploads: Sequence[Verified]) -> list[list[Verified]]:
    """Return the uploads in groups for one transaction each; one that brings repairs stands alone."""
    parts: list[list[Verified]] = []
    for upload in uploads:
        alone = bool(upload.notes.repairs)
        if not parts or alone or parts[-1][-1].notes.repairs:
            parts.append([])
        parts[-1].append(upload)
    return parts


def _traceparents(uploads: Sequence[Verified], begun: Span | None) -> list[str | None]:
    """Return what frames that are stored are sealed in, of each; nothing where none is traced.

    What was committed in a span is sealed in the trace of that span, the other traced frames in their own.
    """
    if begun is None:
        return []
    own = begun.get_span_context()
    told = [upload.notes.trace for upload in uploads if upload.stored is not None]
    return [
        None
        if trace is None
        else tracing.write_traceparent(own if trace.context.trace_id == own.trace_id else trace.context)
        for trace in told
    ]


def _log_refusals(stream: Stream, refusals: Sequence[Refusal]) -> None:
    for refusal in refusals:
        _log.warning(
            "frame quarantined",
            tenant=stream.tenant,
            gateway=stream.gateway_id,
            sequence=refusal.sequence,
            reason=refusal.reason,
            detail=refusal.detail,
        )


def _gaps(gateway_id: str, uploads: Sequence[Verified]) -> list[Gap]:
    """Return what is written down with a group: the gateway's own gaps, and one for each refused frame."""
    gaps = [replace(gap, gateway_id=gateway_id) for upload in uploads for gap in upload.notes.gaps]
    for upload in uploads:
        # A refused repair leaves the gap that it was to fill; another row would be repaired, and refused, for ever.
        if upload.refusal is None or upload.notes.repairs:
            continue
        start, end = (None, None) if upload.span is None else map(_datetime, upload.span)
        if upload.refusal.reason == QuarantineReason.TIMESTAMP_OUT_OF_RANGE:
            start = end = None  # they are what is wrong
        gaps.append(
            Gap(
                gap_id=0,
                tag_id=0,
                gateway_id=gateway_id,
                server_id="",
                start_time=start,
                end_time=end,
                cause=_GAP_QUARANTINED,
                lost_samples=upload.refused_samples,
                detail=f"{upload.refusal.reason}: {upload.refusal.detail}",
            )
        )
    return gaps


def _datetime(microseconds: int) -> datetime | None:
    if not EARLIEST <= microseconds < EARLIEST * 10:
        return None
    return _EPOCH + timedelta(microseconds=microseconds)


def _now_us() -> int:
    return time.time_ns() // 1000
