"""The contracts over HTTP and JSON, against the real services."""

from collections.abc import Iterator

import pytest

from harness.up import Running
from harness.visitor import Visitor

SPECIAL = "<img src=x onerror=alert(1)>\u2028\"'&{{7*7}}"


def visitor_of(running: Running) -> Visitor:
    return Visitor(running.wait_for(event="running")["console"].removeprefix("http://"))


@pytest.fixture
def visitor(running: Running) -> Visitor:
    return visitor_of(running)


@pytest.fixture
def administrator(running: Running) -> Iterator[Visitor]:
    """Signed in as the first person of the tenant `home`."""
    first, visitor = running.sign_in(), visitor_of(running)
    assert visitor.sign_in(first["email"], first["password"]).status == 201
    yield visitor
    visitor.request("DELETE", "/v1/session")


@pytest.fixture
def program(running: Running) -> dict[str, str]:
    """The header of a program with an API token."""
    return {"authorization": f"Bearer {running.sign_in()['api_token']}"}


def test_a_program_asks_with_its_token_alone(visitor: Visitor, program: dict[str, str]) -> None:
    assert visitor.get("/v1/tenants", program).document["tenants"][0]["name"] == "tenants/home"
    made = visitor.request("POST", "/v1/tenants/home/gateways?gatewayId=box", {"displayName": SPECIAL}, program)
    assert made.document["displayName"] == SPECIAL
    assert made.headers["content-type"] == "application/json"
    assert made.headers["x-content-type-options"] == "nosniff"
    assert "<img" in visitor.get("/v1/tenants/home/gateways/box", program).body
    changed = visitor.request("PATCH", "/v1/tenants/home/gateways/box", {"displayName": "Box"}, program)
    assert (changed.status, changed.document["displayName"]) == (200, "Box")


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v1/tenants", 401, "TOKEN_MISSING"),
        ("GET", "/v1/nothing", 404, "NO_SUCH_ADDRESS"),
        ("GET", "/v1/", 404, "NO_SUCH_ADDRESS"),
        ("PUT", "/v1/tenants", 405, "METHOD_NOT_ALLOWED"),
        ("BREW", "/v1/tenants", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/tenants/%2e%2e%2fx", 400, "MALFORMED_PATH"),
        ("GET", "/v1/tenants/%00", 400, "MALFORMED_PATH"),
        ("GET", "/v1/nothing/%0A", 404, "NO_SUCH_ADDRESS"),
        ("GET", "/v1/openapi.json?x=1", 400, "UNKNOWN_FIELD"),
        ("POST", "/v1/openapi.json", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_cannot_be_done_is_a_problem(visitor: Visitor, method: str, path: str, status: int, reason: str) -> None:
    answer = visitor.request(method, path)
    assert (answer.status, answer.reason) == (status, reason)
    assert (answer.headers["allow"] is not None) == (status == 405)
    assert answer.document["instance"] == f"urn:dualspan:request:{answer.headers['x-request-id']}"


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/tenants/home/tags?bogus=1", 400, "UNKNOWN_FIELD"),
        ("/v1/tenants/home/tags?pageSize=many", 400, "MALFORMED_FIELD"),
        ("/v1/tenants/home/tags?pageToken=forged", 400, "MALFORMED_PAGE_TOKEN"),
        ("/v1/tenants/home/tags/..", 400, "MALFORMED_NAME"),
        ("/v1/tenants/..", 400, "MALFORMED_NAME"),
        ("/v1/tenants/home/tags/99999", 404, "TAG_NOT_FOUND"),
        ("/v1/tenants/stranger/tags", 403, "FOREIGN_TENANT"),
        ("/v1/tenants/home/operations/none", 404, "OPERATION_NOT_FOUND"),
        (f"/v1/tenants/home/tags?query={'x' * 70_000}", 413, "QUERY_TOO_LONG"),
    ],
)
def test_what_is_wrong_is_said(visitor: Visitor, program: dict[str, str], path: str, status: int, reason: str) -> None:
    answer = visitor.get(path, program)
    assert (answer.status, answer.reason) == (status, reason)


def test_methods_are_told_and_heads_have_no_body(visitor: Visitor, program: dict[str, str]) -> None:
    told = visitor.request("OPTIONS", "/v1/tenants")
    assert (told.status, told.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert "access-control-allow-origin" not in told.headers
    head = visitor.request("HEAD", "/v1/tenants", headers=program)
    assert (head.status, head.body) == (200, "")
    assert int(head.headers["content-length"]) > 0


def test_bodies_are_json_and_not_too_large(visitor: Visitor, program: dict[str, str]) -> None:
    path = "/v1/tenants/home/gateways?gatewayId=x"
    form = visitor.request("POST", path, b"displayName=x", program | {"content-type": "text/plain"})
    assert (form.status, form.reason) == (415, "NOT_JSON")
    twice = visitor.request("POST", path, b'{"displayName":"a","displayName":"b"}', program)
    assert (twice.status, twice.reason) == (400, "MALFORMED_JSON")
    large = visitor.request("POST", path, b"{" + b" " * (25 << 20), program)
    assert (large.status, large.reason) == (413, "BODY_TOO_LARGE")


def test_a_deadline_is_bounded(visitor: Visitor, program: dict[str, str]) -> None:
    refused = visitor.get("/v1/tenants", program | {"request-timeout": "100000"})
    assert (refused.status, refused.reason) == (400, "BAD_TIMEOUT")
    assert visitor.get("/v1/tenants", program | {"request-timeout": "30.5"}).status == 200


def test_a_page_of_another_site_changes_nothing(administrator: Visitor) -> None:
    path, body = "/v1/tenants/home/gateways?gatewayId=planted", {"displayName": "x"}
    csrf, administrator.csrf = administrator.csrf, ""
    assert administrator.request("POST", path, body).reason == "CSRF_TOKEN_MISSING"
    administrator.csrf = csrf[:-1] + ("0" if csrf[-1] != "0" else "1")
    assert administrator.request("POST", path, body).reason == "CSRF_TOKEN_MISSING"
    administrator.csrf = csrf
    for foreign in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        answer = administrator.request("POST", path, body, foreign)
        assert (answer.status, answer.reason) == (403, "CROSS_SITE"), foreign
    assert administrator.get("/v1/tenants/home/gateways/planted").status == 404
    own = {"sec-fetch-site": "same-origin", "origin": f"http://{administrator.host}"}
    assert administrator.request("POST", path.replace("planted", "own"), body, own).status == 200


def test_a_token_in_the_header_counts_more_than_the_cookie(administrator: Visitor) -> None:
    assert administrator.get("/v1/tenants", {"authorization": "Bearer forged"}).status == 401
    assert administrator.get("/v1/tenants", {"authorization": "Basic YTpi"}).reason == "TOKEN_INVALID"


def test_who_signs_in_gets_a_session_of_their_own(running: Running, administrator: Visitor) -> None:
    first = running.sign_in()
    planted = dict(administrator.cookies)
    victim = Visitor(administrator.host, dict(planted))
    assert victim.sign_in(first["email"], first["password"]).status == 201
    assert victim.cookies["dualspan-session"] != planted["dualspan-session"]
    assert administrator.get("/v1/tenants").status == 401, "what was planted has ended"
    other = Visitor(administrator.host)
    assert other.sign_in(first["email"], first["password"]).status == 201
    crossed = Visitor(administrator.host, victim.cookies, other.csrf)
    answer = crossed.request("POST", "/v1/tenants/home/users/admin/sessions:endOthers", {})
    assert answer.reason == "CSRF_TOKEN_MISSING", "the token of one session is no other's"


def test_sessions_are_listed_and_ended(running: Running, administrator: Visitor) -> None:
    first, elsewhere = running.sign_in(), visitor_of(running)
    assert (
        elsewhere.sign_in(first["email"], first["password"], {"user-agent": SPECIAL.replace("\u2028", "")}).status
        == 201
    )
    mine = administrator.get("/v1/session").document
    sessions = administrator.get(f"/v1/{mine['actor']}/sessions").document["sessions"]
    assert [each["name"] for each in sessions if each["current"]] == [mine["session"]]
    theirs = next(each for each in sessions if each["userAgent"].startswith("<img"))
    assert theirs["address"] == "127.0.0.1"
    assert administrator.request("DELETE", f"/v1/{theirs['name']}").status == 200
    assert administrator.request("DELETE", f"/v1/{theirs['name']}").reason == "SESSION_NOT_FOUND"
    assert theirs["name"] not in administrator.get(f"/v1/{mine['actor']}/sessions").body
    administrator.request("POST", f"/v1/{mine['actor']}/sessions:endOthers", {})
    left = administrator.get(f"/v1/{mine['actor']}/sessions").document["sessions"]
    assert [each["current"] for each in left] == [True]


def test_a_stream_that_may_not_be_is_refused(administrator: Visitor) -> None:
    answer = administrator.get("/v1/tenants/home/samples:subscribe?tagIds=999")
    assert (answer.status, answer.reason) == (404, "TAG_NOT_FOUND")
    forged = Visitor(administrator.host).get("/v1/tenants/home/samples:subscribe?tagIds=1")
    assert (forged.status, forged.reason) == (401, "TOKEN_MISSING")


def test_files_are_files(visitor: Visitor, program: dict[str, str]) -> None:
    answer = visitor.request("POST", "/v1/tenants/home/tags:export", {}, program)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="tags.csv"' in answer.headers["content-disposition"]
    assert "sandbox" in answer.headers["content-security-policy"]


def test_the_document_is_asked_for_again_only_if_it_changed(visitor: Visitor) -> None:
    answer = visitor.get("/v1/openapi.json")
    assert answer.document["openapi"] == "3.1.0"
    assert visitor.get("/v1/openapi.json", {"if-none-match": answer.headers["etag"]}).status == 304


def test_every_service_says_how_it_is_and_what_its_data_show(
    administrator: Visitor, visitor: Visitor, program: dict[str, str]
) -> None:
    counts: dict[str, int] = {}
    for service in ("identity", "onboarding", "historian", "analytics", "marketplace"):
        status = administrator.get(f"/v1/services/{service}/status")
        assert status.status == 200, status.body
        assert status.document["version"]
        assert status.document["tables"]
        assert ("queue" in status.document) is (service in {"historian", "analytics", "marketplace"})
        evidence = administrator.get(f"/v1/services/{service}/evidence")
        counts |= {each["kind"]: int(each["count"]) for each in evidence.document["evidence"]}
    assert counts["tenants"] >= 1
    assert counts["users-active"] >= 1
    assert counts["asset-models"] > 0
    assert counts["companion-specifications"] > 0
    assert counts["devices"] == counts["apps"] == 0
    missing = administrator.get("/v1/services/nothing/status")
    assert (missing.status, missing.reason) == (404, "SERVICE_NOT_FOUND")
    # An administrator of one enterprise runs no platform.
    own = visitor.get("/v1/services/identity/status", program)
    assert (own.status, own.reason) == (403, "PERMISSION_MISSING")
