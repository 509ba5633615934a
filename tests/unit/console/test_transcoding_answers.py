"""Answers as JSON, files, problems and events."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from starlette.requests import Request
from starlette.responses import Response

from dualspan.analytics.v1 import reports_pb2
from dualspan.historian.v1 import chart_pb2, service_pb2
from dualspan.identity.v1 import resources_pb2 as identity
from dualspan.marketplace.v1 import subscriptions_pb2
from dualspan.runtime.v1.access_pb2 import File
from dualspan_console.transcoding import events as event_module
from dualspan_console.transcoding.contracts import read_routes
from dualspan_console.transcoding.endpoint import tagged
from dualspan_console.transcoding.events import events
from dualspan_console.transcoding.files import file_headers, file_stream
from dualspan_console.transcoding.problems import FieldProblem, Problem
from dualspan_console.transcoding.rendering import to_json
from dualspan_console.transcoding.upstream import problem_of
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, encode_frame

NUMBERS = Block(
    ValueKind.FLOAT64,
    np.array([1, 1, 2]),
    np.array([1_000_500, 2_000_000, -1]),
    np.array([0, 0x80000000, 0], np.uint32),
    np.array([0.5, np.nan, np.inf]),
)


def shown(message: Any) -> Any:
    return json.loads(to_json(message))


def test_answers_have_their_defaults_and_say_nothing_of_what_is_unset() -> None:
    assert shown(identity.User(name="tenants/a/users/b", roles=[identity.ROLE_ADMIN])) == {
        "name": "tenants/a/users/b",
        "email": "",
        "displayName": "",
        "roles": ["ROLE_ADMIN"],
        "disabled": False,
    }


def test_samples_come_as_columns() -> None:
    large = Block(
        ValueKind.INT64, np.array([7]), np.array([0]), np.zeros(1, np.uint32), np.array([2**53 + 1], np.int64)
    )
    text = Block(ValueKind.TEXT, np.array([8]), np.array([0]), np.zeros(1, np.uint32), BinaryColumn.from_list([b"<b>"]))
    answer = shown(service_pb2.ReadRawResponse(frame=encode_frame(Frame((NUMBERS, large, text))), next_page_token="x"))
    assert answer["nextPageToken"] == "x"
    assert answer["frame"] == [
        {
            "kind": "VALUE_KIND_FLOAT64",
            "tag": [1, 1, 2],
            "time": [1000.5, 2000.0, -0.001],
            "status": [0, 0x80000000, 0],
            "value": [0.5, None, None],
        },
        {"kind": "VALUE_KIND_INT64", "tag": [7], "time": [0.0], "status": [0], "value": ["9007199254740993"]},
        {"kind": "VALUE_KIND_TEXT", "tag": [8], "time": [0.0], "status": [0], "value": ["<b>"]},
    ]


def test_a_charts_samples_have_no_tags_of_their_own() -> None:
    block = encode_frame(Frame((NUMBERS,)), raw=True).blocks[0]
    (series,) = shown(chart_pb2.ReadChartResponse(series=[chart_pb2.ChartSeries(tag_id=1, samples=block)]))["series"]
    assert series["tagId"] == "1"
    assert series["samples"].keys() == {"kind", "time", "status", "value"}
    assert "before" not in series


def test_a_file_is_kept_by_its_name_and_runs_nothing() -> None:
    fields = next(each.file for each in read_routes() if each.method.name == "DownloadReport")
    assert fields is not None
    headers = file_headers(
        fields, reports_pb2.DownloadReportResponse(media_type="text/html", file_name='日报"\r\n.html')
    )
    assert headers["content-type"] == "text/html"
    assert headers["content-disposition"] == (
        "attachment; filename=\"-.html\"; filename*=UTF-8''%E6%97%A5%E6%8A%A5%22%0D%0A.html"
    )
    assert "sandbox" in headers["content-security-policy"]


def failure(code: grpc.StatusCode, *details: Any, message: str = "") -> grpc.aio.AioRpcError:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details=message)


def test_a_failed_call_is_a_problem() -> None:
    info = error_details_pb2.ErrorInfo(reason="TOO_MANY_ATTEMPTS", metadata={"retry_after_seconds": "12"})
    problem = problem_of(failure(grpc.StatusCode.RESOURCE_EXHAUSTED, info, message="Wait."))
    response = problem.response("r1")
    assert (response.status_code, response.headers["retry-after"]) == (429, "12")
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "urn:dualspan:problem:too-many-attempts",
        "title": "Too much at once",
        "status": 429,
        "detail": "Wait.",
        "instance": "urn:dualspan:request:r1",
        "reason": "TOO_MANY_ATTEMPTS",
        "metadata": {"retry_after_seconds": "12"},
        "retryAfter": 12,
    }


def test_a_problem_names_fields() -> None:
    info = error_details_pb2.ErrorInfo(reason="MALFORMED_FIELD", metadata={"field": "email"})
    problem = problem_of(failure(grpc.StatusCode.INVALID_ARGUMENT, info, message="email must be one."))
    assert problem.fields == [FieldProblem("email", "email must be one.")]


@pytest.mark.parametrize(
    ("code", "status"),
    [(grpc.StatusCode.UNAVAILABLE, 503), (grpc.StatusCode.UNKNOWN, 500), (grpc.StatusCode.ABORTED, 409)],
)
def test_what_the_way_to_a_service_says_is_not_passed_on(code: grpc.StatusCode, status: int) -> None:
    problem = problem_of(failure(code, message="connect ECONNREFUSED 10.0.0.7"))
    assert (problem.status, problem.reason) == (status, code.name)
    assert "10.0.0.7" not in problem.detail


@pytest.mark.parametrize(("known", "status"), [("", 200), ('"7"', 304), ('"6"', 200)])
def test_what_the_caller_has_already_is_not_sent_again(known: str, status: int) -> None:
    headers = [(b"if-none-match", known.encode())] if known else []
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers})
    answer = tagged(request, subscriptions_pb2.Subscription(etag="7"), Response(b"{}"))
    assert (answer.status_code, answer.headers["etag"]) == (status, '"7"')
    assert "etag" not in tagged(request, identity.User(), Response(b"{}")).headers


class Call:
    """A call that answers with what it is given, and then ends as it is told."""

    def __init__(
        self, messages: list[Any], error: grpc.aio.AioRpcError | None = None, *, endless: bool = False
    ) -> None:
        self._messages = messages
        self._error = error
        self._endless = endless
        self.cancelled = False

    async def read(self) -> Any:
        if self._messages:
            return self._messages.pop(0)
        if self._endless:
            await asyncio.Event().wait()
        return grpc.aio.EOF

    async def code(self) -> grpc.StatusCode:
        return self._error.code() if self._error else grpc.StatusCode.OK

    async def initial_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        return self._error.trailing_metadata() if self._error else grpc.aio.Metadata()

    async def details(self) -> str:
        return self._error.details() or "" if self._error else ""

    def cancel(self) -> None:
        self.cancelled = True


async def allowed() -> None:
    """Whoever reads may go on."""


async def taken(stream: AsyncGenerator[bytes]) -> list[str]:
    return [part.decode() async for part in stream]


async def test_messages_are_events_and_a_failure_is_the_last() -> None:
    info = error_details_pb2.ErrorInfo(reason="SERVER_STOPPING")
    call = Call(
        [service_pb2.SubscribeResponse(skipped_frames=3)], failure(grpc.StatusCode.UNAVAILABLE, info, message="x")
    )
    first, message, last = await taken(events(call, None, allowed, "r"))
    assert first == "retry: 2000\n\n"
    assert message == 'data: {"skippedFrames":"3"}\n\n'
    assert last.startswith("event: error\ndata: ")
    assert json.loads(last.partition("data: ")[2])["reason"] == "SERVER_STOPPING"
    assert call.cancelled


async def test_a_quiet_stream_is_heard_and_ends_with_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_module, "_HEARTBEAT_SECONDS", 0.01)
    beats = 0

    async def session() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            raise Problem(401, "TOKEN_INVALID", "Sign in again.")

    call = Call([], endless=True)
    _, *middle, last = await taken(events(call, None, session, "r"))
    assert middle == [": still here\n\n"] * 2
    assert "TOKEN_INVALID" in last
    assert call.cancelled


async def test_a_browser_that_leaves_ends_the_call() -> None:
    call = Call([], endless=True)
    stream = events(call, None, allowed, "r")
    await anext(stream)
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert call.cancelled


async def test_a_file_that_breaks_off_is_not_taken_for_whole() -> None:
    fields = File(content="content", media_type="media_type")
    part = reports_pb2.DownloadReportResponse(content=b"half", media_type="text/csv")
    response: Any = await file_stream(fields, Call([part], failure(grpc.StatusCode.INTERNAL)))
    body = response.body_iterator
    assert await anext(body) == b"half"
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(body)


async def test_a_file_that_does_not_begin_is_refused() -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await file_stream(File(content="content", media_type="media_type"), Call([], failure(grpc.StatusCode.INTERNAL)))
