"""The console over HTTP, against the real services."""

import http.client
import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from harness.up import Running, dualspan


@dataclass
class Answer:
    """What the console said."""

    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def location(self) -> str:
        return self.headers["location"] or ""


@dataclass
class Visitor:
    """A browser without a screen: keeps cookies, sends forms."""

    host: str
    cookies: dict[str, str] = field(default_factory=dict)

    def request(
        self, method: str, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        sent = dict(headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = urllib.parse.urlencode(form) if form is not None else None
        if body is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
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

    def form_token(self, path: str = "/sign-in") -> str:
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', self.get(path).body)
        assert found
        return found[1]

    def sign_in(self, email: str, password: str) -> Answer:
        form = {"email": email, "password": password, "form_token": self.form_token()}
        return self.request("POST", "/sign-in", form)


@pytest.fixture
def visitor(running: Running) -> Visitor:
    ready = running.wait_for(event="running")
    return Visitor(ready["console"].removeprefix("http://"))


@pytest.fixture
def administrator(running: Running, visitor: Visitor) -> Iterator[Visitor]:
    first = running.sign_in()
    assert visitor.sign_in(first["email"], first["password"]).location == "/plants"
    yield visitor
    visitor.request("POST", "/sign-out", {"form_token": visitor.form_token()})


def test_pages_need_a_session(visitor: Visitor) -> None:
    for path in ("/plants", "/tags", "/tags/1", "/apps"):
        answer = visitor.get(path)
        assert (answer.status, answer.location) == (303, "/sign-in")
    assert visitor.get("/api/live?tags=1").status == 401


def test_a_forged_session_is_none(visitor: Visitor) -> None:
    visitor.cookies["dualspan-session"] = "dsr1.forged"
    assert visitor.get("/plants").location == "/sign-in"


def test_a_wrong_password_stays_on_the_page_without_saying_which_was_wrong(running: Running, visitor: Visitor) -> None:
    known = visitor.sign_in(running.sign_in()["email"], "not the password")
    unknown = visitor.sign_in("nobody@dualspan.local", "not the password")
    assert known.status == unknown.status == 401
    message = "This e-mail address and password do not belong together."
    assert message in known.body
    assert message in unknown.body
    assert "dualspan-session" not in visitor.cookies


def test_a_form_from_elsewhere_does_not_sign_in(running: Running, visitor: Visitor) -> None:
    first = running.sign_in()
    form = {"email": first["email"], "password": first["password"], "form_token": "0" * 64}
    assert visitor.request("POST", "/sign-in", form).status == 400
    form["form_token"] = visitor.form_token()
    foreign = visitor.request("POST", "/sign-in", form, {"sec-fetch-site": "cross-site"})
    assert foreign.status == 400
    assert "dualspan-session" not in visitor.cookies


def test_the_session_cookie_is_for_the_browser_alone(running: Running, visitor: Visitor) -> None:
    first = running.sign_in()
    answer = visitor.sign_in(first["email"], first["password"])
    (cookie,) = [one for one in answer.headers.get_all("set-cookie") or [] if one.startswith("dualspan-session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_every_page_says_what_the_browser_must_not_do(administrator: Visitor) -> None:
    for path in ("/plants", "/tags", "/nothing-here", "/healthz"):
        headers = administrator.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_apps_are_opened_by_a_form_of_this_page_only(running: Running, administrator: Visitor) -> None:
    page = administrator.get("/apps")
    assert page.status == 200
    assert "There is no app to open yet." in page.body
    policy = re.search(
        r"form-action 'self' (http://\*\.apps\.localhost:(\d+));", page.headers["content-security-policy"]
    )
    assert policy
    front = http.client.HTTPConnection("127.0.0.1", int(policy[2]), timeout=30)
    front.request("GET", "/", headers={"Host": f"oee--home.apps.localhost:{policy[2]}", "Accept": "text/html"})
    answer = front.getresponse()
    assert (answer.status, b"Signed out" in answer.read()) == (401, True)
    front.close()
    form = {"form_token": administrator.form_token("/apps")}
    assert administrator.request("POST", "/apps/nothing/open", form).status == 404
    assert administrator.request("POST", "/apps/nothing/open", {"form_token": "0" * 64}).location == "/apps"
    told = dualspan("subscriptions", "open", "nothing", "--json", folder=running.folder)
    assert json.loads(told.stdout)["error"]["reason"] == "SUBSCRIPTION_NOT_FOUND", "asked as a person, not as a service"


def test_static_files_may_be_kept_for_ever(administrator: Visitor) -> None:
    found = re.search(r'href="(/static/console\.css\?v=[0-9a-f]+)"', administrator.get("/plants").body)
    assert found
    assert "immutable" in administrator.get(found[1]).headers["cache-control"]
    assert administrator.get("/static/../settings.py").status == 404


def test_an_empty_platform_says_how_to_begin(administrator: Visitor) -> None:
    assert "dualspan gateways create" in administrator.get("/plants").body
    assert "No tag matches." in administrator.get("/tags").body


def test_a_tag_that_is_not_there_is_not_found(administrator: Visitor) -> None:
    assert administrator.get("/tags/999999").status == 404
    assert administrator.get("/api/history?tag=999999&from=0&to=1000").status in {403, 404}


@pytest.mark.parametrize(
    "query", ["tag=1", "tag=x&from=0&to=1", "tag=1&from=5&to=5", "tag=1&from=9&to=1", "tag=1&from=0&to=99999999999999"]
)
def test_a_history_that_makes_no_sense_is_refused(administrator: Visitor, query: str) -> None:
    assert administrator.get(f"/api/history?{query}").status == 400


@pytest.mark.parametrize("tags", ["", "x", "1,,2", ",".join(map(str, range(1, 500)))])
def test_a_live_stream_has_a_bounded_number_of_tags(administrator: Visitor, tags: str) -> None:
    assert administrator.get(f"/api/live?tags={tags}").status == 400


def test_signing_out_ends_the_session_everywhere(running: Running, visitor: Visitor) -> None:
    first = running.sign_in()
    visitor.sign_in(first["email"], first["password"])
    secret = visitor.cookies["dualspan-session"]
    visitor.request("POST", "/sign-out", {"form_token": visitor.form_token()})
    visitor.cookies["dualspan-session"] = secret
    assert visitor.get("/plants").location == "/sign-in"


def test_the_language_is_remembered(visitor: Visitor) -> None:
    form = {"language": "zh", "back": "/sign-in", "form_token": visitor.form_token()}
    assert visitor.request("POST", "/language", form).location == "/sign-in"
    assert "登录" in visitor.get("/sign-in").body


def test_the_way_back_stays_on_this_host(visitor: Visitor) -> None:
    form = {"language": "zh", "back": "//evil.example/", "form_token": visitor.form_token()}
    assert visitor.request("POST", "/language", form).location == "/"
