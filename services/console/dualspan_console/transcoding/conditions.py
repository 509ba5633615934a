"""If-Match: what changes something does so only in the state that the caller saw (RFC 9110, 13.1.1)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from starlette.requests import Request

from dualspan_console.transcoding.contracts import Route
from dualspan_console.transcoding.problems import FieldProblem, Problem

IF_MATCH: Final = "if-match"
FIELD: Final = "etag"
_MISMATCH = "ETAG_MISMATCH"
_STRONG = re.compile(r'"([\x21\x23-\x7e]+)"')
_CHANGED = "What is there is not what If-Match names. Get it again, and then change it with its new ETag."
_STATELESS = "What this changes has no ETag, so that it cannot be the state that If-Match names. Leave If-Match out."


def etag_holder(route: Route) -> Descriptor | None:
    """The message of a request that says which state is meant: the request itself or its body; None if none does."""
    if route.verb == "GET":
        return None
    whole = route.method.input_type
    if FIELD in whole.fields_by_name:
        return whole
    # The body of a POST is what does not exist yet.
    body = whole.fields_by_name.get(route.body) if route.verb == "PATCH" else None
    inner = body.message_type if body is not None else None
    return inner if inner is not None and FIELD in inner.fields_by_name else None


def apply_condition(request: Request, route: Route, message: Message) -> None:
    """Puts the state that If-Match names into the request, for the service to compare.

    Raises:
        Problem: It is none (`MALFORMED_IF_MATCH`), cannot be the one that is there (412, `ETAG_MISMATCH`), the body
            names another (`ETAG_TWICE`), or there are no states to name (412, `IF_MATCH_NOT_KNOWN`).
    """
    given = request.headers.get(IF_MATCH)
    if given is None or request.method in {"GET", "HEAD"} or given.strip() == "*":
        return
    holder = etag_holder(route)
    found = _STRONG.fullmatch(given.strip())
    if holder is None:
        raise Problem(412, "IF_MATCH_NOT_KNOWN", _STATELESS)
    if found is None and given.lstrip().startswith("W/"):
        # What is only much like the one that was named is not it.
        raise Problem(412, _MISMATCH, _CHANGED)
    if found is None:
        raise Problem(400, "MALFORMED_IF_MATCH", 'If-Match must be one ETag as it was given, such as "7", or *.')
    place = message if holder is message.DESCRIPTOR else cast("Message", getattr(message, route.body))
    if (known := str(getattr(place, FIELD))) and known != found[1]:
        words = "If-Match and the body name different states. Name it once."
        raise Problem(400, "ETAG_TWICE", words, fields=[FieldProblem(FIELD, words)])
    setattr(place, FIELD, found[1])


def judged(request: Request, problem: Problem) -> Problem:
    """The problem as HTTP has it: a state that If-Match named and that is over is a condition that failed."""
    if problem.reason == _MISMATCH and IF_MATCH in request.headers:
        return replace(problem, status=412)
    return problem
