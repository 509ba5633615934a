"""If-Match: what the caller saw is what is changed, or nothing is."""

import pytest
from google.protobuf.message import Message
from starlette.requests import Request

from dualspan.analytics.v1 import dashboards_pb2 as dashboards
from dualspan.marketplace.v1 import subscriptions_pb2 as subscriptions
from dualspan_console.openapi.comments import Comments
from dualspan_console.openapi.document import make_document
from dualspan_console.transcoding.conditions import apply_condition, judged
from dualspan_console.transcoding.contracts import Route, read_routes
from dualspan_console.transcoding.problems import Problem

ROUTES = {route.method.name: route for route in read_routes()}


def sent(if_match: str | None, verb: str = "PATCH") -> Request:
    headers = [] if if_match is None else [(b"if-match", if_match.encode())]
    return Request({"type": "http", "method": verb, "path": "/", "query_string": b"", "headers": headers})


def change(etag: str = "") -> dashboards.UpdateDashboardRequest:
    return dashboards.UpdateDashboardRequest(dashboard=dashboards.Dashboard(etag=etag))


def refused(request: Request, route: Route, message: Message) -> tuple[int, str]:
    with pytest.raises(Problem) as raised:
        apply_condition(request, route, message)
    return raised.value.status, raised.value.reason


@pytest.mark.parametrize(("given", "etag"), [(None, ""), ("*", ""), ('"7"', "7")])
def test_the_state_is_put_where_the_service_compares_it(given: str | None, etag: str) -> None:
    message = change()
    apply_condition(sent(given), ROUTES["UpdateDashboard"], message)
    assert message.dashboard.etag == etag


def test_a_method_of_ones_own_has_it_in_the_request() -> None:
    message = subscriptions.AcceptBindingRequest()
    apply_condition(sent('"r3"', "POST"), ROUTES["AcceptBinding"], message)
    assert message.etag == "r3"
    deletion = dashboards.DeleteDashboardRequest()
    apply_condition(sent('"7"', "DELETE"), ROUTES["DeleteDashboard"], deletion)
    assert deletion.etag == "7"


@pytest.mark.parametrize(
    ("given", "method", "answer"),
    [
        ("7", "UpdateDashboard", (400, "MALFORMED_IF_MATCH")),
        ('"7", "8"', "UpdateDashboard", (400, "MALFORMED_IF_MATCH")),
        ('"a b"', "UpdateDashboard", (400, "MALFORMED_IF_MATCH")),
        ('""', "UpdateDashboard", (400, "MALFORMED_IF_MATCH")),
        ('W/"7"', "UpdateDashboard", (412, "ETAG_MISMATCH")),
        ('"7"', "CreateDashboard", (412, "IF_MATCH_NOT_KNOWN")),
        ('"7"', "UndeleteAnnotation", (412, "IF_MATCH_NOT_KNOWN")),
    ],
)
def test_what_cannot_hold_is_refused(given: str, method: str, answer: tuple[int, str]) -> None:
    route = ROUTES[method]
    assert refused(sent(given, route.verb), route, route.new_request()) == answer


def test_two_states_are_one_too_many() -> None:
    assert refused(sent('"8"'), ROUTES["UpdateDashboard"], change("7")) == (400, "ETAG_TWICE")
    apply_condition(sent('"7"'), ROUTES["UpdateDashboard"], change("7"))


def test_reading_has_no_condition_to_fail() -> None:
    apply_condition(sent('"7"', "GET"), ROUTES["GetDashboard"], dashboards.GetDashboardRequest())


@pytest.mark.parametrize(("given", "status"), [('"7"', 412), (None, 409)])
def test_a_state_that_is_over_is_a_failed_condition(given: str | None, status: int) -> None:
    assert judged(sent(given), Problem(409, "ETAG_MISMATCH", "Look again.")).status == status
    assert judged(sent(given), Problem(409, "DASHBOARD_EXISTS", "Choose another.")).status == 409


def test_the_document_says_who_takes_it() -> None:
    document = make_document(ROUTES.values(), Comments.load())
    taking = {
        f"{verb} {path}"
        for path, item in document["paths"].items()
        for verb, operation in item.items()
        if {"$ref": "#/components/parameters/IfMatch"} in operation.get("parameters", [])
    }
    assert "patch /v1/tenants/{tenant}/dashboards/{dashboard}" in taking
    assert "post /v1/tenants/{tenant}/dashboards" not in taking
    assert not any(each.startswith("get ") for each in taking)
