"""The console over HTTP, against the real services: the application's document and files, sessions, what is refused."""

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.up import Running, dualspan


@dataclass
class Answer:
    """What the console said."""

    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Visitor:
    """A browser without a screen: keeps cookies and the token of its session."""

    host: str
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def request(self, method: str, path: str, document: object = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        sent = {"x-csrf-token": self.csrf} | (headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None if document is None else json.dumps(document)
        if body is not None:
            sent["content-type"] = "application/json"
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        for cookie in response.headers.get_all("set-cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        answer = Answer(response.status, response.headers, response.read().decode())
        connection.close()
        return answer

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def sign_in(self, email: str, password: str, headers: dict[str, str] | None = None) -> Answer:
        answer = self.request("POST", "/v1/session", {"email": email, "password": password}, headers)
        if answer.status == 201:
            self.csrf = answer.document["csrf"]
        return answer


@pytest.fixture
def visitor(running: Running) -> Visitor:
    ready = running.wait_for(event="running")
    return Visitor(ready["console"].removeprefix("http://"))


@pytest.fixture
def administrator(running: Running, visitor: Visitor) -> Iterator[Visitor]:
    first = running.sign_in()
    assert visitor.sign_in(first["email"], first["password"]).document["signedIn"] is True
    yield visitor
    visitor.request("DELETE", "/v1/session")


def test_every_address_is_the_application_and_nothing_is_told_without_a_session(visitor: Visitor) -> None:
    for path in ("/", "/plants", "/explore?s=tag/1", "/nothing/here"):
        answer = visitor.get(path)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert '<div id="app"></div>' in answer.body
    assert visitor.get("/v1/session").document["signedIn"] is False
    assert visitor.get("/v1/tenants/home/tags").status == 401


def test_a_forged_session_is_none(visitor: Visitor) -> None:
    visitor.cookies["dualspan-session"] = "dsr1.forged"
    assert visitor.get("/v1/session").document["signedIn"] is False
    assert visitor.get("/v1/tenants/home/tags").status == 401


def test_a_wrong_password_does_not_say_which_was_wrong(running: Running, visitor: Visitor) -> None:
    known = visitor.sign_in(running.sign_in()["email"], "not the password")
    unknown = visitor.sign_in("nobody@dualspan.local", "not the password")
    assert known.status == unknown.status == 401
    assert known.document["detail"] == unknown.document["detail"]
    assert "dualspan-session" not in visitor.cookies


def test_another_site_does_not_sign_anybody_in(running: Running, visitor: Visitor) -> None:
    first = running.sign_in()
    for told in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert visitor.sign_in(first["email"], first["password"], told).status == 403
    assert "dualspan-session" not in visitor.cookies


def test_the_session_cookie_is_for_the_browser_alone(running: Running, visitor: Visitor) -> None:
    first = running.sign_in()
    answer = visitor.sign_in(first["email"], first["password"])
    (cookie,) = [one for one in answer.headers.get_all("set-cookie") or [] if one.startswith("dualspan-session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_every_answer_says_what_the_browser_must_not_do(administrator: Visitor) -> None:
    for path in ("/", "/nothing-here", "/healthz", "/v1/session"):
        headers = administrator.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_apps_are_opened_by_a_page_of_this_session_only(running: Running, administrator: Visitor) -> None:
    apps = administrator.get("/v1/session").document["appsUrl"]
    port = int(apps.rpartition(":")[2])
    front = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    front.request("GET", "/", headers={"Host": f"oee--home.apps.localhost:{port}", "Accept": "text/html"})
    answer = front.getresponse()
    assert (answer.status, b"Signed out" in answer.read()) == (401, True)
    front.close()
    path = "/v1/tenants/home/subscriptions/nothing:open"
    assert administrator.request("POST", path, {}).document["reason"] == "SUBSCRIPTION_NOT_FOUND"
    assert administrator.request("POST", path, {}, {"x-csrf-token": "0" * 64}).status == 403
    told = dualspan("subscriptions", "open", "nothing", "--json", folder=running.folder)
    assert json.loads(told.stdout)["error"]["reason"] == "SUBSCRIPTION_NOT_FOUND", "asked as a person, not as a service"


def test_files_may_be_kept_for_ever(visitor: Visitor) -> None:
    found = re.search(r'src="(/assets/[0-9a-f]{16}/main\.js)"', visitor.get("/").body)
    assert found
    assert "immutable" in visitor.get(found[1]).headers["cache-control"]
    base = found[1].rpartition("/")[0]
    assert visitor.get(f"{base}/../settings.py").status == 404
    assert visitor.get(f"{base}/%2e%2e/settings.py").status == 404


def test_signing_out_ends_the_session_everywhere(running: Running, visitor: Visitor) -> None:
    first = running.sign_in()
    visitor.sign_in(first["email"], first["password"])
    secret = visitor.cookies["dualspan-session"]
    assert visitor.request("DELETE", "/v1/session").status == 204
    visitor.cookies["dualspan-session"] = secret
    assert visitor.get("/v1/session").document["signedIn"] is False


def test_the_language_is_remembered(visitor: Visitor) -> None:
    assert 'lang="en"' in visitor.get("/").body
    assert visitor.request("PUT", "/v1/session/language", {"language": "zh"}).status == 204
    assert 'lang="zh-CN"' in visitor.get("/").body
