"""Is this frame one that may be stored? Pure and columnar."""

from dataclasses import dataclass

import numpy as np

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import service_pb2
from dualspan_frame import BinaryColumn, Block, DecodeLimits, Frame, FrameError, decode_frame, encode_frame
from dualspan_historian.ingest.registry import TagTable
from dualspan_historian.model import QuarantineReason
from dualspan_historian.repair.model import Notes, RepairedSpan
from dualspan_historian.storage.frame_store import NewFrame
from dualspan_historian.storage.ledger_store import Refusal
from dualspan_historian.storage.segments import weigh

EARLIEST = 631_152_000_000_000
"""1990-01-01, in microseconds: nothing that we store is older."""
_NO_NOTES = Notes()


@dataclass(frozen=True, slots=True)
class Rules:
    """What is accepted.

    Attributes:
        limits: The most that a frame may decode to.
        max_upload_bytes: The largest encoded frame.
        max_value_bytes: The largest text or byte string.
        quarantine_bytes: The most that is kept of a gateway's refused frames.
        max_future_us: Timestamps may lie so many microseconds ahead of our clock.
    """

    limits: DecodeLimits
    max_upload_bytes: int
    max_value_bytes: int
    quarantine_bytes: int
    max_future_us: int


@dataclass(frozen=True, slots=True)
class Verified:
    """An upload that can be committed: its frame, or why there is none.

    Attributes:
        sequence: The upload's.
        frame: The samples that are accepted; None without any.
        stored: How the frame is stored; None without samples.
        refusal: Why it goes into quarantine instead.
        span: First and last timestamp of a refused frame, in microseconds, where they make sense.
        refused_samples: Samples of a refused frame, as far as is known.
        notes: What came beside the samples.
        spans: Which of the samples were brought by repairs.
    """

    sequence: int
    frame: Frame | None = None
    stored: NewFrame | None = None
    refusal: Refusal | None = None
    span: tuple[int, int] | None = None
    refused_samples: int = 0
    notes: Notes = _NO_NOTES
    spans: tuple[RepairedSpan, ...] = ()

    @property
    def weight(self) -> int:
        """About how many bytes it takes in memory."""
        decoded = 0 if self.stored is None else self.stored.decoded_bytes
        payload = self.refusal.payload if self.refusal else self.stored.payload if self.stored else b""
        return 1024 + decoded + len(payload)


class _RefusedError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def has_unknown_tags(upload: Verified) -> bool:
    """Tell whether a newer tag table might accept what this one did not."""
    return upload.refusal is not None and upload.refusal.reason in {
        QuarantineReason.FOREIGN_TAG,
        QuarantineReason.WRONG_KIND,
    }


def verify(
    upload: service_pb2.IngestRequest.Upload, notes: Notes, table: TagTable, rules: Rules, now_us: int
) -> Verified:
    """Check one upload; never raises for what is in it."""
    frame: Frame | None = None
    try:
        frame = _decode(upload, rules)
        _check_values(frame, rules.max_value_bytes)
        _check_tags(frame, table)
        _check_times(frame, now_us + rules.max_future_us)
        accepted = _without_retired(frame, table)
    except _RefusedError as refused:
        refusal = Refusal(upload.sequence, refused.reason, refused.detail, upload.frame.SerializeToString())
        span = frame.time_range() if frame is not None else None
        count = frame.sample_count if frame is not None else 0
        return Verified(upload.sequence, refusal=refusal, span=span, refused_samples=count, notes=notes)
    return accept(upload.sequence, accepted, notes, upload.frame if accepted is frame else None)


def accept(sequence: int, frame: Frame, notes: Notes, message: frame_pb2.Frame | None = None) -> Verified:
    """Return the upload of a frame that may be stored; `message` is its encoded form, where there is one."""
    span = frame.time_range()
    if span is None:
        return Verified(sequence, notes=notes)
    encoded = message if message is not None else encode_frame(frame)
    decoded = sum(weigh(block.value, len(block)) for block in frame.blocks)
    stored = NewFrame(sequence, *span, frame.sample_count, decoded, encoded.SerializeToString())
    return Verified(sequence, frame, stored, notes=notes)


def _decode(upload: service_pb2.IngestRequest.Upload, rules: Rules) -> Frame:
    size = upload.frame.ByteSize()
    if size > rules.max_upload_bytes:
        raise _RefusedError(
            QuarantineReason.TOO_LARGE,
            f"The frame has {size} bytes, {rules.max_upload_bytes} are allowed. Send fewer samples per frame.",
        )
    try:
        return decode_frame(upload.frame, rules.limits)
    except FrameError as err:
        raise _RefusedError(err.reason, f"The frame cannot be decoded: {err.detail}.") from err


def _check_values(frame: Frame, most: int) -> None:
    for block in frame.blocks:
        if not isinstance(block.value, BinaryColumn) or not len(block):
            continue
        row = int(block.value.lengths.argmax())
        size = int(block.value.lengths[row])
        if size > most:
            raise _RefusedError(
                QuarantineReason.TOO_LARGE,
                f"{_block(block)}, row {row}: the value of tag {block.tag[row]} has {size} bytes, {most} are allowed. "
                "Leave the tag out, or have it hold less.",
            )


def _check_tags(frame: Frame, table: TagTable) -> None:
    for block in frame.blocks:
        kinds, _ = table.look_up(block.tag)
        unknown = np.flatnonzero(kinds == 0)
        if len(unknown):
            raise _RefusedError(
                QuarantineReason.FOREIGN_TAG,
                f"{_block(block)}, row {unknown[0]}: tag {block.tag[unknown[0]]} is not one of this sender's. "
                "Register the tag, or correct what sends it.",
            )
        wrong = np.flatnonzero(kinds != block.kind)
        if len(wrong):
            raise _RefusedError(
                QuarantineReason.WRONG_KIND,
                f"{_block(block)}, row {wrong[0]}: tag {block.tag[wrong[0]]} has kind {kinds[wrong[0]]}. "
                "A tag's kind never changes: make a new tag.",
            )


def _check_times(frame: Frame, latest: int) -> None:
    for block in frame.blocks:
        if not len(block):
            continue
        low, high = int(block.timestamp.min()), int(block.timestamp.max())
        if low < EARLIEST or high > latest:
            row = int(block.timestamp.argmin() if low < EARLIEST else block.timestamp.argmax())
            raise _RefusedError(
                QuarantineReason.TIMESTAMP_OUT_OF_RANGE,
                f"{_block(block)}, row {row}: tag {block.tag[row]} has the timestamp {block.timestamp[row]} µs, "
                f"outside of {EARLIEST} to {latest}. Set the clock of the OPC UA server.",
            )


def _without_retired(frame: Frame, table: TagTable) -> Frame:
    masks = [table.look_up(block.tag)[1] for block in frame.blocks]
    if not any(mask.any() for mask in masks):
        return frame
    return Frame(tuple(block.take(~mask) for block, mask in zip(frame.blocks, masks, strict=True)))


def _block(block: Block) -> str:
    return f"{block.kind.name} block"
