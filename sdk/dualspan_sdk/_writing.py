"""Results of an app, written back as new tags: once each, whatever dies in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import service_pb2
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, Values, encode_frame, value_dtype
from dualspan_sdk._client import Client
from dualspan_sdk._errors import DualSpanError
from dualspan_sdk._outbox import Outbox

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class OutputTag:
    """Where a result goes.

    Attributes:
        tag_id: The tag that was made for it when the app was subscribed to.
        kind: What its values are.
    """

    tag_id: int
    kind: ValueKind


class Results:
    """Writes the outputs that an app's manifest names. An async context manager.

    `write` returns when the values are on this machine's disk; they are sent in the background, again and again until
    the platform has committed them, and counted once there by (app, epoch, sequence).

    Args:
        client: Connected.
        outputs: By asset (empty for the subscription itself) and output.
        outbox: What is not committed yet.
        ask: Tells the outputs that there are now, asked for one that is not known; None: there are no others.
    """

    def __init__(
        self,
        client: Client,
        outputs: Mapping[tuple[str, str], OutputTag],
        outbox: Outbox,
        ask: Callable[[], Awaitable[Mapping[tuple[str, str], OutputTag]]] | None = None,
    ) -> None:
        self._client = client
        self._outputs = outputs
        self._outbox = outbox
        self._ask = ask
        self._using = asyncio.Lock()
        self._news = asyncio.Event()
        self._emptied = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused: list[str] = []
        self._trouble = ""

    @property
    def problem(self) -> str:
        """Why results do not reach the platform; empty if they do."""
        return self._trouble or (f"refused: {self._refused[-1]}" if self._refused else "")

    async def write(self, asset: str, output: str, timestamp: ArrayLike, value: ArrayLike, status: int = 0) -> int:
        """Keep values of one output; returns how many there are.

        Args:
            asset: Its id; empty for an output of the subscription.
            output: The output's id in the manifest.
            timestamp: datetime64 or int64 µs since 1970-01-01T00:00:00 UTC, shape (n,).
            value: Of the output's kind, shape (n,).
            status: OPC UA status code of all of them.

        Raises:
            DualSpanError: `OUTPUT_NOT_GRANTED`, `OUTBOX_FULL`.
            ValueError: The columns do not fit together, or the values are of another kind.
        """
        tag = self._outputs.get((asset, output))
        if tag is None and self._ask is not None:
            self._outputs = await self._ask()
            tag = self._outputs.get((asset, output))
        if tag is None:
            known = ", ".join(sorted(f"{a or '-'}/{o}" for a, o in self._outputs)[:8]) or "none"
            words = f"{asset}/{output} is no output of this app here. Outputs: {known}."
            raise DualSpanError("PERMISSION_DENIED", "OUTPUT_NOT_GRANTED", words)
        frame = _frame(tag, _times(timestamp), value, status)
        payload = encode_frame(frame).SerializeToString()
        async with self._using:
            await asyncio.to_thread(self._outbox.append, payload)
        self._emptied.clear()
        self._news.set()
        return frame.sample_count

    async def flush(self, seconds: float = 30.0) -> None:
        """Wait until the platform has committed everything; raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            await self._emptied.wait()

    async def __aenter__(self) -> Self:
        if not self._outbox.waiting:
            self._emptied.set()
        self._task = asyncio.create_task(self._keep_sending())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        async with self._using:
            self._outbox.close()

    async def _keep_sending(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._session()
                pause = _FIRST_PAUSE_SECONDS
            except DualSpanError as err:
                # Whatever it is, the results wait on disk, and health says so.
                self._trouble = f"{err.message} [{err.reason}]"
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _session(self) -> None:
        """One stream: what waits is sent behind what is committed, until the stream ends."""
        reached: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with aclosing(self._client.ingest(self._requests(reached))) as answers:
            async for answer in answers:
                self._trouble = ""
                if answer.WhichOneof("message") == "opened":
                    await self._drop(answer.opened.committed_sequence)
                    reached.set_result(answer.opened.committed_sequence)
                else:
                    self._refused += [f"{each.reason}: {each.detail}" for each in answer.ack.quarantined]
                    await self._drop(answer.ack.committed_sequence)

    async def _requests(self, reached: "asyncio.Future[int]") -> AsyncIterator[service_pb2.IngestRequest]:
        opening = service_pb2.IngestRequest.Open(epoch=self._outbox.epoch)
        yield service_pb2.IngestRequest(open=opening)
        sent = await reached
        while True:
            self._news.clear()
            async with self._using:
                waiting = await asyncio.to_thread(self._outbox.after, sent, _AT_ONCE)
            for each in waiting:
                frame = frame_pb2.Frame.FromString(each.payload)
                upload = service_pb2.IngestRequest.Upload(sequence=each.sequence, frame=frame)
                yield service_pb2.IngestRequest(upload=upload)
                sent = each.sequence
            if not waiting:
                await self._news.wait()

    async def _drop(self, sequence: int) -> None:
        async with self._using:
            await asyncio.to_thread(self._outbox.committed, sequence)
            if not self._outbox.waiting:
                self._emptied.set()


def _times(given: ArrayLike) -> NDArray[np.int64]:
    times = np.atleast_1d(np.asarray(given))
    if times.dtype.kind == "M":
        times = times.astype("datetime64[us]").view(np.int64)
    if times.dtype.kind != "i" or times.ndim != 1:
        raise ValueError("timestamp must be datetime64, or int64 microseconds, of one dimension")
    return times.astype(np.int64)


def _frame(tag: OutputTag, timestamp: NDArray[np.int64], value: ArrayLike, status: int) -> Frame:
    count = len(timestamp)
    ids, codes = np.full(count, tag.tag_id, np.int64), np.full(count, status, np.uint32)
    return Frame((Block(tag.kind, ids, timestamp, codes, _values(tag.kind, value)),))


def _values(kind: ValueKind, given: ArrayLike) -> Values:
    array = np.atleast_1d(np.asarray(given))
    dtype = value_dtype(kind)
    if dtype is None:
        return BinaryColumn.from_list([str(each) for each in array.tolist()])
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(f"value is {array.dtype}, the output is {kind.name}")
    return array.astype(dtype)
