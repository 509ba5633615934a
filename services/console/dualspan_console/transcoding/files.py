"""Answers that are files."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import grpc.aio
from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse

from dualspan.runtime.v1 import access_pb2
from dualspan_console.transcoding.upstream import raise_if_failed

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
# Reports and pictures are what others made: shown for themselves they run nothing and reach nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def file_response(fields: access_pb2.File, message: Message) -> Response:
    """A message as the file that it is."""
    return Response(_content(fields, message), headers=file_headers(fields, message))


async def file_stream(fields: access_pb2.File, call: Any) -> Response:
    """A stream of messages as one file; refused with a status if the first message does not come.

    Args:
        fields: Of each message.
        call: Running.

    Raises:
        grpc.aio.AioRpcError: It failed before it began.
    """
    first = await call.read()
    if first is grpc.aio.EOF:
        await raise_if_failed(call)
        return Response(status_code=204)
    return StreamingResponse(_pieces(fields, first, call), headers=file_headers(fields, first))


def file_headers(fields: access_pb2.File, message: Message) -> dict[str, str]:
    """What a browser must know of a file, and must not do with it."""
    headers = {"content-type": str(getattr(message, fields.media_type)), "content-security-policy": _POLICY}
    name = str(getattr(message, fields.file_name)) if fields.file_name else ""
    if name:
        # RFC 6266: for browsers of any age, and in any language.
        plain = _NOT_PLAIN.sub("-", name)
        headers["content-disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return headers


async def _pieces(fields: access_pb2.File, first: Message, call: Any) -> AsyncGenerator[bytes]:
    try:
        yield _content(fields, first)
        while (message := await call.read()) is not grpc.aio.EOF:
            yield _content(fields, message)
        # What ends early must not pass for the whole: the connection breaks off, and whoever keeps the file is told.
        await raise_if_failed(call)
    finally:
        call.cancel()


def _content(fields: access_pb2.File, message: Message) -> bytes:
    return getattr(message, fields.content)
