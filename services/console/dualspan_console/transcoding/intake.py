"""What comes with a request, within its bounds."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request

from dualspan_console.transcoding.problems import Problem
from dualspan_console.transcoding.templates import Path, PathError, parse_path

JSON: Final = "application/json"
MEBIBYTE: Final = 1 << 20
TIMEOUT_HEADER: Final = "request-timeout"
# What people import and publish comes in one request, as base64: three bytes take four.
_LARGEST_BODY = 24 * MEBIBYTE
_LONGEST_QUERY = 64 << 10
LONGEST_SECONDS: Final = 120.0
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?")


def read_path(request: Request) -> Path:
    """The path, taken apart.

    Raises:
        Problem: It cannot be read (`MALFORMED_PATH`).
    """
    try:
        return parse_path(request.scope["raw_path"])
    except PathError as error:
        raise Problem(400, "MALFORMED_PATH", str(error)) from error


def read_query(request: Request) -> list[tuple[str, str]]:
    """The parameters, in their order.

    Raises:
        Problem: There are too many (`QUERY_TOO_LONG`).
    """
    if len(request.scope["query_string"]) > _LONGEST_QUERY:
        raise Problem(413, "QUERY_TOO_LONG", f"The query may have {_LONGEST_QUERY} bytes. Ask for less at once.")
    return request.query_params.multi_items()


async def read_body(request: Request) -> bytes:
    """The body; empty if there is none.

    Raises:
        Problem: It is larger than it may be (`BODY_TOO_LARGE`), or does not say that it is JSON (`NOT_JSON`).
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise Problem(413, "BODY_TOO_LARGE", f"A body may have {_LARGEST_BODY // MEBIBYTE} MiB.")
        parts.append(part)
    if size and request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Problem(415, "NOT_JSON", f"A body must be JSON and say so: `Content-Type: {JSON}`.")
    return b"".join(parts)


def read_timeout(request: Request) -> float | None:
    """How many seconds the caller wants to wait; None for the service's own rule.

    Raises:
        Problem: It cannot be read (`BAD_TIMEOUT`).
    """
    word = request.headers.get(TIMEOUT_HEADER, "")
    if not word:
        return None
    if not _SECONDS.fullmatch(word) or not 0 < float(word) <= LONGEST_SECONDS:
        raise Problem(
            400,
            "BAD_TIMEOUT",
            f"{TIMEOUT_HEADER} must be a number of seconds, more than 0 and {LONGEST_SECONDS:g} at most.",
        )
    return float(word)
