"""What the pages' own scripts ask for: history as columns, live values as server-sent events."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from dualspan_console.columns import frame_columns, milliseconds, newest, series_values
from dualspan_console.sessions import Session
from dualspan_sdk import Aggregate, Client, DualSpanError, Frame

_TAG_ID = re.compile(r"[0-9]{1,18}")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,15}")
_MOST_TAGS = 200
_RAW_SPAN_MS = 2 * 3600 * 1000
_RAW_ROWS = 20_000
_POINTS = 720
_LONGEST_SPAN_MS = 400 * 24 * 3600 * 1000
_COALESCE_SECONDS = 0.4
_HEARTBEAT_SECONDS = 15.0


async def history(request: Request, session: Session) -> Response:
    """Samples of one tag between two times: as they came where they are few, else minimum, average and maximum.

    With those that came is the one that was in force before them.

    Query: `tag`; `from` and `to` in milliseconds since 1970.
    """
    tag_id, start, end = (_integer(request, name) for name in ("tag", "from", "to"))
    if not 0 < end - start <= _LONGEST_SPAN_MS:
        raise DualSpanError("INVALID_ARGUMENT", "EMPTY_INTERVAL", "Choose an end after the start.")
    columns = await _raw(session.client, tag_id, start * 1000, end * 1000) if end - start <= _RAW_SPAN_MS else None
    columns = columns or await _processed(session.client, tag_id, start * 1000, end * 1000)
    gaps = await session.gaps(tag_id, start * 1000, end * 1000)
    return JSONResponse(columns | {"gaps": [[first / 1000, last / 1000] for first, last in gaps]})


async def live(request: Request, session: Session) -> Response:
    """Samples as they are committed, as server-sent events of columns.

    Query: `tags`, ids joined by commas; `newest=1` sends the last sample of each tag a few times a second, which is
    all that a table can show.
    """
    words = request.query_params.get("tags", "").split(",")
    if not all(_TAG_ID.fullmatch(word) for word in words) or len(words) > _MOST_TAGS:
        raise DualSpanError("INVALID_ARGUMENT", "BAD_TAGS", f"Ask for 1 to {_MOST_TAGS} tag ids.")
    frames = session.client.subscribe([int(word) for word in words], include_latest=True)
    only_newest = request.query_params.get("newest") == "1"
    return StreamingResponse(_events(frames, only_newest=only_newest), media_type="text/event-stream")


async def _raw(client: Client, tag_id: int, start: int, end: int) -> dict[str, Any] | None:
    """The samples; None if there are more than a chart should be sent."""
    pages = client.read_raw_pages([tag_id], start, end, page_size=_RAW_ROWS)
    async with aclosing(pages):  # pyright: ignore[reportArgumentType] - an async generator, typed as an iterator
        frame = await anext(aiter(pages), Frame())
    if frame.sample_count >= _RAW_ROWS:
        return None
    columns = frame_columns(frame)
    found = {"form": "raw", "time": [], "value": [], "status": []} | (columns[0] if columns else {})
    return found | {"before": await _in_force(client, tag_id, start)}


async def _in_force(client: Client, tag_id: int, start: int) -> list[Any] | None:
    """The last sample before a time as [time, value, status]: what a tag that changed no more still is."""
    columns = frame_columns(await client.read_latest([tag_id], before=start))
    return [columns[0][name][0] for name in ("time", "value", "status")] if columns else None


async def _processed(client: Client, tag_id: int, start: int, end: int) -> dict[str, Any]:
    interval = timedelta(microseconds=max(1_000_000, (end - start) // _POINTS))
    aggregates = (Aggregate.MINIMUM, Aggregate.AVERAGE, Aggregate.MAXIMUM)
    low, mean, high = await client.read_processed([tag_id], start, end, interval=interval, aggregates=aggregates)
    return {
        "form": "processed",
        "time": milliseconds(mean.timestamp),
        "value": series_values(mean),
        "minimum": series_values(low),
        "maximum": series_values(high),
        "status": mean.status.tolist(),
    }


async def _events(updates: AsyncIterator[Any], *, only_newest: bool) -> AsyncIterator[str]:
    """Encodes updates; a comment now and then tells a browser, and every proxy, that the stream lives."""
    queue: asyncio.Queue[Frame | None] = asyncio.Queue(maxsize=64)

    async def pump() -> None:
        # The browser that is told of the end asks again, and learns from that answer what is wrong.
        with suppress(DualSpanError):
            async with aclosing(updates):  # pyright: ignore[reportArgumentType] - an async generator, typed as an iterator
                async for update in updates:
                    await queue.put(update.frame)
        await queue.put(None)

    task = asyncio.create_task(pump())
    try:
        yield "retry: 2000\n\n"
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    frame = await queue.get()
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if frame is None:
                return
            if only_newest:
                await asyncio.sleep(_COALESCE_SECONDS)
            frame = Frame.concat([frame, *_waiting(queue)])
            columns = frame_columns(newest(frame) if only_newest else frame)
            yield f"data: {json.dumps(columns, separators=(',', ':'))}\n\n"
    finally:
        # A browser that has gone away waits for nothing: what it subscribed to ends with it.
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _waiting(queue: asyncio.Queue[Frame | None]) -> list[Frame]:
    frames: list[Frame] = []
    while not queue.empty():
        frame = queue.get_nowait()
        if frame is None:
            queue.put_nowait(None)
            break
        frames.append(frame)
    return frames


def _integer(request: Request, name: str) -> int:
    word = request.query_params.get(name, "")
    if not _WHOLE_NUMBER.fullmatch(word):
        raise DualSpanError("INVALID_ARGUMENT", "BAD_NUMBER", f"{name!r} must be a whole number.")
    return int(word)
