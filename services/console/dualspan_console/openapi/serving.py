"""`/v1/openapi.json`."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from dualspan_console.transcoding.endpoint import guarded, refuse_method
from dualspan_console.transcoding.intake import JSON
from dualspan_console.transcoding.requests import check_no_query


class Document:
    """The document, written once.

    Args:
        document: As JSON has it.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._plain = orjson.dumps(document)
        self._packed = gzip.compress(self._plain, mtime=0)
        self._etag = f'"{hashlib.sha256(self._plain).hexdigest()[:32]}"'

    async def document(self, request: Request) -> Response:
        """Answers with the document."""
        return await guarded(request, self._answer)

    async def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return refuse_method(request, ("GET",))
        check_no_query(request)
        headers = {"etag": self._etag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == self._etag:
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self._plain, headers=headers, media_type=JSON)
        return Response(self._packed, headers=headers | {"content-encoding": "gzip"}, media_type=JSON)
