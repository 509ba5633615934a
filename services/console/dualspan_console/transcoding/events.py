"""Streams of messages as server-sent events (HTML, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

import grpc.aio
import orjson
import structlog

from dualspan_console.transcoding.problems import Problem
from dualspan_console.transcoding.rendering import to_json
from dualspan_console.transcoding.upstream import problem_of, raise_if_failed

EVENT_STREAM: Final = "text/event-stream"
_HEARTBEAT_SECONDS = 15.0
_FIRST_SECONDS = 0.2
_RETRY = b"retry: 2000\n\n"
_STILL_HERE = b": still here\n\n"
_log = structlog.stdlib.get_logger()

Check = Callable[[], Awaitable[object]]
"""Fails if whoever reads the stream may no longer."""


async def first_message(call: Any) -> asyncio.Task[Any]:
    """Reads the first message of a call, or begins to: what is refused at once is refused with a status.

    Args:
        call: A running call that answers as a stream.

    Raises:
        grpc.aio.AioRpcError: It has failed.
    """
    reading = asyncio.create_task(call.read())
    done, _ = await asyncio.wait((reading,), timeout=_FIRST_SECONDS)
    if done and reading.result() is grpc.aio.EOF:
        await raise_if_failed(call)
    return reading


async def events(call: Any, reading: asyncio.Task[Any] | None, check: Check, request_id: str) -> AsyncGenerator[bytes]:
    """The messages of a call as events.

    Nothing is kept for a browser that reads slowly: the next message is taken once the last one has gone, and the
    service behind is held up by gRPC's own flow control, or says itself what it left out.

    Args:
        call: A running call that answers as a stream; it ends with the events.
        reading: Of its next message, where that has begun.
        check: Asked with each heartbeat.
        request_id: For the problem, if it fails.
    """
    try:
        yield _RETRY
        while True:
            reading = reading or asyncio.create_task(call.read())
            done, _ = await asyncio.wait((reading,), timeout=_HEARTBEAT_SECONDS)
            if not done:
                await check()
                yield _STILL_HERE
                continue
            message, reading = reading.result(), None
            if message is grpc.aio.EOF:
                await raise_if_failed(call)
                return
            yield b"data: " + to_json(message) + b"\n\n"
    except grpc.aio.AioRpcError as error:
        yield _error(problem_of(error), request_id)
    except Problem as problem:
        yield _error(problem, request_id)
    finally:
        call.cancel()
        if reading is not None:
            reading.cancel()


def _error(problem: Problem, request_id: str) -> bytes:
    _log.info("stream ended", reason=problem.reason)
    return b"event: error\ndata: " + orjson.dumps(problem.document(request_id)) + b"\n\n"
