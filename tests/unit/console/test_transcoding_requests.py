"""Paths, parameters and bodies as requests."""

import json
from typing import Any, cast

import pytest
from google.longrunning import operations_pb2
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from dualspan.analytics.v1 import alarms_pb2
from dualspan.historian.v1 import chart_pb2, service_pb2
from dualspan.identity.v1 import service_pb2 as identity
from dualspan_console.transcoding.contracts import Route, read_routes
from dualspan_console.transcoding.problems import Problem
from dualspan_console.transcoding.requests import build_request

ROUTES = read_routes()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def route(method: str, verb: str = "") -> Route:
    return next(each for each in ROUTES if each.method.name == method and verb in {"", each.verb})


def build(
    method: str,
    fields: dict[str, str] | None = None,
    query: list[tuple[str, str]] | None = None,
    body: Any = b"",
    verb: str = "",
) -> Message:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return build_request(route(method, verb), fields or {}, query or [], content)


def refused(*arguments: Any, **more: Any) -> Problem:
    with pytest.raises(Problem) as raised:
        build(*arguments, **more)
    assert raised.value.status == 400
    return raised.value


def test_path_query_and_body_fill_one_request() -> None:
    request = build(
        "ReadChart",
        {"parent": "tenants/a"},
        [("tagIds", "1"), ("tag_ids", "9007199254740993"), ("startTime", "2026-11-23T00:00:00Z"), ("points", "5")],
        verb="GET",
    )
    assert isinstance(request, chart_pb2.ReadChartRequest)
    assert (request.parent, list(request.tag_ids), request.points) == ("tenants/a", [1, 9007199254740993], 5)
    assert request.start_time.seconds == 1795392000


def test_parameters_reach_into_messages_and_enums() -> None:
    listed = build("ListAlarms", {"parent": "tenants/a"}, [("pageSize", "3")])
    assert isinstance(listed, alarms_pb2.ListAlarmsRequest)
    waited = build(
        "Subscribe", {"parent": "tenants/a"}, [("newestEvery", "0.5s"), ("includeLatest", "true")], verb="GET"
    )
    assert isinstance(waited, service_pb2.SubscribeRequest)
    assert (waited.newest_every.nanos, waited.include_latest) == (500_000_000, True)


def test_a_change_is_of_what_was_sent() -> None:
    name = "tenants/a/users/b"
    request = build("UpdateUser", {"user.name": name}, body={"displayName": "B", "name": "tenants/evil/users/x"})
    assert isinstance(request, identity.UpdateUserRequest)
    assert (request.user.name, request.user.display_name) == (name, "B")
    assert list(request.update_mask.paths) == ["display_name"]
    given_one = build("UpdateUser", {"user.name": name}, [("updateMask", "roles")], {"displayName": "B"})
    assert list(cast("identity.UpdateUserRequest", given_one).update_mask.paths) == ["roles"]


def test_an_operation_is_waited_for() -> None:
    request = build("WaitOperation", {"name": "tenants/a/operations/b"}, body={"timeout": "3s"})
    assert isinstance(request, operations_pb2.WaitOperationRequest)
    assert request.timeout.seconds == 3


def test_operations_are_listed_of_one_service() -> None:
    request = build("ListOperations", {"name": "tenants/a"}, [("filter", "marketplace"), ("pageSize", "50")])
    assert isinstance(request, operations_pb2.ListOperationsRequest)
    assert (request.name, request.filter, request.page_size) == ("tenants/a", "marketplace", 50)


@pytest.mark.parametrize(
    ("method", "query", "body", "reason", "field"),
    [
        ("ListUsers", [("bogus", "1")], b"", "UNKNOWN_FIELD", "bogus"),
        ("ListUsers", [("parent", "tenants/b")], b"", "UNKNOWN_FIELD", "parent"),
        ("ListUsers", [("pageSize.x", "1")], b"", "UNKNOWN_FIELD", "pageSize.x"),
        ("ListUsers", [("pageSize", "1"), ("page_size", "2")], b"", "REPEATED_PARAMETER", "page_size"),
        ("ListUsers", [("pageSize", "many")], b"", "MALFORMED_FIELD", "pageSize"),
        ("ListUsers", [("pageSize", "99999999999")], b"", "MALFORMED_FIELD", "pageSize"),
        ("ListUsers", [], {"pageSize": 1}, "BODY_NOT_EXPECTED", None),
        ("SignIn", [("email", "a@b")], {}, "UNKNOWN_FIELD", "email"),
        ("SignIn", [], {"mail": "a@b"}, "UNKNOWN_FIELD", "mail"),
        ("SignIn", [], {"email": 5}, "MALFORMED_FIELD", None),
        ("SignIn", [], [], "MALFORMED_JSON", None),
        ("SignIn", [], b"{", "MALFORMED_JSON", None),
        ("SignIn", [], b'{"email":"a","email":"b"}', "MALFORMED_JSON", None),
        ("SignIn", [], b'{"email":NaN}', "MALFORMED_JSON", None),
        ("SignIn", [], b'{"email":"\xff"}', "MALFORMED_JSON", None),
        ("SignIn", [], b"[" * 100_000, "MALFORMED_JSON", None),
        ("CreateAsset", [], {"level": "ASSET_LEVEL_KING"}, "MALFORMED_FIELD", None),
        ("CreateAsset", [], {"nested": {"x": 1}}, "UNKNOWN_FIELD", "asset.nested"),
        ("CreateAsset", [("asset", "x")], {}, "UNKNOWN_FIELD", "asset"),
    ],
)
def test_what_is_wrong_is_named(
    method: str, query: list[tuple[str, str]], body: Any, reason: str, field: str | None
) -> None:
    problem = refused(method, {"parent": "tenants/a"}, query, body)
    assert problem.reason == reason
    assert problem.detail
    if field:
        assert [each.field for each in problem.fields] == [field]


def outcome(chosen: Route, query: list[tuple[str, str]], body: bytes) -> int:
    """400 if it is refused, 200 if it is read; whatever else it raises is a fault."""
    try:
        build_request(chosen, {}, query, body)
    except Problem as problem:
        return problem.status
    return 200


@given(st.sampled_from([each for each in ROUTES if each.body]), JSON)
def test_any_body_is_read_or_refused(chosen: Route, document: Any) -> None:
    assert outcome(chosen, [], json.dumps(document).encode()) in {200, 400}


@given(st.sampled_from([each for each in ROUTES if not each.body]), st.data())
def test_any_parameters_are_read_or_refused(chosen: Route, data: st.DataObject) -> None:
    known = [field.name for field in chosen.method.input_type.fields] or ["x"]
    pairs = st.tuples(st.sampled_from(known) | st.text(max_size=6), st.text(max_size=6))
    assert outcome(chosen, data.draw(st.lists(pairs, max_size=4)), b"") in {200, 400}
