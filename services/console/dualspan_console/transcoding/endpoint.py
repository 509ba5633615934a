"""The HTTP/JSON form of all contracts, as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc.aio
import structlog
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from dualspan_console.transcoding.callers import Access, Callers
from dualspan_console.transcoding.conditions import apply_condition, judged
from dualspan_console.transcoding.contracts import Route, read_routes
from dualspan_console.transcoding.events import EVENT_STREAM, events, first_message
from dualspan_console.transcoding.files import file_response, file_stream
from dualspan_console.transcoding.intake import JSON, MEBIBYTE, read_body, read_path, read_query, read_timeout
from dualspan_console.transcoding.problems import Problem
from dualspan_console.transcoding.rendering import to_json
from dualspan_console.transcoding.requests import build_request
from dualspan_console.transcoding.router import Router
from dualspan_console.transcoding.upstream import Upstream, own_problem, problem_of
from dualspan_runtime.context import bind_request_id, request_id
from dualspan_runtime.errors import DomainError

REQUEST_ID_HEADER = "x-request-id"
_LARGEST_ANSWER = 64 * MEBIBYTE
_log = structlog.stdlib.get_logger()


class Endpoint:
    """Passes requests on to the services, and their answers back.

    Args:
        upstream: The services.
        callers: Finds out who calls.
    """

    def __init__(self, upstream: Upstream, callers: Callers) -> None:
        self._upstream = upstream
        self._callers = callers
        self.routes = read_routes()
        self._router = Router(self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        request = Request(scope, receive)
        response = await guarded(request, self._answer)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        found = self._router.find(_known_verb(request.method), read_path(request))
        if not found.allowed:
            raise Problem(404, "NO_SUCH_ADDRESS", "There is nothing at this address. See /v1/openapi.json.")
        if found.route is None:
            return refuse_method(request, found.allowed)
        access = await self._callers.of(request)
        message = build_request(found.route, found.fields, read_query(request), await read_body(request))
        apply_condition(request, found.route, message)
        if found.route.method.server_streaming:
            return await self._stream(request, found.route, message, access)
        answer = await self._upstream.call(found.route, message, access, read_timeout(request))
        if found.route.file is not None:
            return file_response(found.route.file, answer)
        return tagged(request, answer, _checked(Response(to_json(answer), media_type=JSON)))

    async def _stream(self, request: Request, route: Route, message: Message, access: Access) -> Response:
        call = self._upstream.stream(route, message, access)
        if request.method == "HEAD":
            call.cancel()
            return Response(media_type=EVENT_STREAM)
        # What is refused at once is refused with a status; the services say first that they let somebody in.
        await _opened(call)
        if route.file is not None:
            return await file_stream(route.file, call)
        again = partial(self._callers.of, request)
        reading = await first_message(call)
        return StreamingResponse(events(call, reading, again, request_id()), media_type=EVENT_STREAM)


class Under(BaseRoute):
    """Everything under a prefix, whatever is in the rest of the path; Starlette's own patterns leave out line breaks.

    Args:
        prefix: Of the path.
        app: Answers.
    """

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self._prefix = prefix
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for it."""
        own = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        return (Match.FULL if own else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        await self._app(scope, receive, send)


class Asked:
    """A handler for every method: a route of an application, and no function, is asked for all of them.

    Args:
        handle: Answers a request.
    """

    def __init__(self, handle: Callable[[Request], Awaitable[Response]]) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        response = await self._handle(Request(scope, receive))
        await response(scope, receive, send)


async def guarded(request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
    """Answers with what a handler says, or with the problem that it has; each answer tells the id of its request."""
    with bind_request_id() as identifier:
        try:
            response = await handle(request)
        except Problem as problem:
            response = _refused(request, problem)
        except grpc.aio.AioRpcError as error:
            response = _refused(request, judged(request, problem_of(error)))
        except DomainError as error:
            response = _refused(request, own_problem(error))
        except ClientDisconnect:
            response = Response(status_code=499)
        response.headers[REQUEST_ID_HEADER] = identifier
        return response


def _refused(request: Request, problem: Problem) -> Response:
    _log.info("request refused", path=request.url.path, status=problem.status, reason=problem.reason)
    return problem.response(request_id())


def _known_verb(verb: str) -> str:
    return "GET" if verb == "HEAD" else verb


def refuse_method(request: Request, verbs: tuple[str, ...]) -> Response:
    """Answers to another method than an address takes: OPTIONS is told which those are (RFC 9110, 9.3.7).

    Raises:
        Problem: It was no OPTIONS (`METHOD_NOT_ALLOWED`).
    """
    heads = ("HEAD",) if "GET" in verbs else ()
    headers = {"allow": ", ".join(sorted({*verbs, *heads, "OPTIONS"}))}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    words = f"This address does not take {request.method[:20]}, but {headers['allow']}."
    raise Problem(405, "METHOD_NOT_ALLOWED", words, headers=headers)


async def _opened(call: Any) -> None:
    """Waits until a stream was let in.

    Raises:
        grpc.aio.AioRpcError: It was not.
    """
    await call.wait_for_connection()


def tagged(request: Request, answer: Message, response: Response) -> Response:
    """An answer that says of which state it is, where that has a word; what is known already is not sent again."""
    if "etag" not in answer.DESCRIPTOR.fields_by_name:
        return response
    word = str(getattr(answer, "etag"))  # noqa: B009 - not every message has one
    if not word:
        return response
    response.headers["etag"] = f'"{word}"'
    if request.method in {"GET", "HEAD"} and request.headers.get("if-none-match") == response.headers["etag"]:
        return Response(status_code=304, headers={"etag": response.headers["etag"]})
    return response


def _checked(response: Response) -> Response:
    if len(response.body) > _LARGEST_ANSWER:
        raise Problem(
            413,
            "ANSWER_TOO_LARGE",
            f"The answer has more than {_LARGEST_ANSWER // MEBIBYTE} MiB. Ask for a smaller page or a shorter span.",
        )
    return response
