"""Frames to segments, one transaction at a time: a crash leaves either the frames or the segments, never both."""

import asyncio
from collections.abc import Sequence
from itertools import accumulate

import structlog

from dualspan.frame.v1 import frame_pb2
from dualspan_frame import DecodeLimits, decode_frame
from dualspan_historian.frame_traces import sealing
from dualspan_historian.storage import frame_store, segment_store
from dualspan_historian.storage.frame_store import FrameKey
from dualspan_historian.storage.segment_store import Change
from dualspan_historian.storage.segments import Sealed, seal
from dualspan_runtime import tracing
from dualspan_runtime.database import Connection, Database

_log = structlog.stdlib.get_logger()
# What was accepted once is decoded again whatever the limits are by now.
_NO_LIMITS = DecodeLimits(max_samples=1 << 31, max_bytes=1 << 36)
_MOST_FRAMES = 20_000


class Sealer:
    """Seals gateways' frames.

    Args:
        database: Where they are.
        at_most: Most samples of one transaction, unless a single frame has more; bounds memory.
        at_most_bytes: Most decoded bytes of one transaction, likewise.
    """

    def __init__(self, database: Database, at_most: int, at_most_bytes: int = 256 << 20) -> None:
        self._database = database
        self._at_most = at_most
        self._at_most_bytes = at_most_bytes

    async def seal_all(self, tenant: str, gateway_id: str) -> int:
        """Seal everything that a gateway has waiting now; returns how many samples that was."""
        total = 0
        while taken := await self.seal(tenant, gateway_id):
            total += taken
        return total

    async def seal(self, tenant: str, gateway_id: str) -> int:
        """Seal a gateway's oldest frames; returns how many samples they held, 0 when nothing is left to take."""
        async with self._database.transaction(tenant) as connection:
            keys = await frame_store.lock_oldest(connection, tenant, gateway_id, _MOST_FRAMES)
            taken = self._first(keys)
            if not taken:
                return 0
            traces = await frame_store.traceparents(connection, tenant, taken) if tracing.is_on() else []
            with sealing(tenant, gateway_id, traces) as begun:
                payloads = await frame_store.payloads(connection, tenant, taken)
                ordered = [payloads[key.gateway_id, key.epoch, key.sequence] for key in taken]
                sealed = await asyncio.to_thread(_seal, ordered)
                await self._store(connection, tenant, gateway_id, taken, sealed)
                begun.set_attributes(
                    {
                        "dualspan.frames": len(taken),
                        "dualspan.samples": sealed.taken_samples,
                        "dualspan.segments": len(sealed.segments),
                    }
                )
        _log.info(
            "sealed",
            tenant=tenant,
            gateway=gateway_id,
            frames=len(taken),
            samples=sealed.taken_samples,
            segments=len(sealed.segments),
            bytes=sealed.byte_count,
        )
        return sealed.taken_samples

    def _first(self, keys: Sequence[FrameKey]) -> Sequence[FrameKey]:
        counts = accumulate(key.sample_count for key in keys)
        sizes = accumulate(key.decoded_bytes for key in keys)
        within = sum(
            1
            for count, size in zip(counts, sizes, strict=True)
            if count <= self._at_most and size <= self._at_most_bytes
        )
        return keys[: max(within, 1)]

    @staticmethod
    async def _store(
        connection: Connection, tenant: str, gateway_id: str, taken: Sequence[FrameKey], sealed: Sealed
    ) -> None:
        await segment_store.insert(connection, tenant, gateway_id, taken[0].arrival, sealed)
        await segment_store.upsert_latest(connection, tenant, sealed.latest)
        await frame_store.delete(connection, tenant, gateway_id, taken)
        change = Change(
            frames=len(taken),
            taken=sealed.taken_samples,
            repeated=sealed.repeated_samples,
            segments=len(sealed.segments),
            bytes=sealed.byte_count,
        )
        await segment_store.add_totals(connection, tenant, gateway_id, change)


def _seal(payloads: Sequence[bytes]) -> Sealed:
    return seal([decode_frame(frame_pb2.Frame.FromString(payload), _NO_LIMITS) for payload in payloads])
