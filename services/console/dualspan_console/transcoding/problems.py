"""What went wrong, as RFC 9457 has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.responses import Response

PROBLEM_TYPE: Final = "application/problem+json"
TYPES: Final = "urn:dualspan:problem:"
RETRY_AFTER = "retry_after_seconds"

# The mapping of google/rpc/code.proto; 499 has no name in any RFC, and nobody is there to read it.
STATUS: Final[Mapping[str, int]] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 409,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
TITLES: Final[Mapping[int, str]] = {
    400: "The request is wrong",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Not with this method",
    409: "The state does not allow it",
    412: "It has changed meanwhile",
    413: "Too large",
    415: "Not in this form",
    429: "Too much at once",
    499: "Cancelled",
    500: "Something went wrong on our side",
    501: "Not available",
    503: "Not available now",
    504: "It took too long",
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field: its path in the request, and what to do."""

    field: str
    description: str


@dataclass(eq=False)
class Problem(Exception):
    """An answer that says what went wrong.

    Attributes:
        status: Of HTTP.
        reason: UPPER_SNAKE_CASE and stable: programs compare it.
        detail: What happened and what to do next, for people.
        metadata: Further facts for programs.
        fields: What is wrong with which field.
        headers: That belong to it, such as Allow.
    """

    status: int
    reason: str
    detail: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Sequence[FieldProblem] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem as JSON has it.

        Args:
            request_id: As in the services' logs.
        """
        told: dict[str, Any] = {
            "type": TYPES + self.reason.lower().replace("_", "-"),
            "title": TITLES.get(self.status, "Something went wrong"),
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:dualspan:request:{request_id}",
            "reason": self.reason,
            "metadata": dict(self.metadata),
        }
        if self.fields:
            told["fields"] = [{"field": each.field, "description": each.description} for each in self.fields]
        if (wait := self._retry_after) is not None:
            told["retryAfter"] = wait
        return told

    def response(self, request_id: str) -> Response:
        """The problem as an answer."""
        headers = dict(self.headers)
        if (wait := self._retry_after) is not None:
            headers["retry-after"] = str(wait)
        if self.status == 401:
            headers.setdefault("www-authenticate", 'Bearer realm="dualspan"')
        content = orjson.dumps(self.document(request_id))
        return Response(content, self.status, headers, PROBLEM_TYPE)

    @property
    def _retry_after(self) -> int | None:
        word = self.metadata.get(RETRY_AFTER, "")
        return int(word) if word.isdecimal() else None
