"""The console over HTTP, against the real services: the application's document and files, sessions, what is refused."""

import asyncio
import http.client
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dualspan_cli.local import DataFolder, accepts
from dualspan_cli.processes import ChildProcess
from dualspan_cli.settings import child_environment
from harness.up import Running, dualspan
from harness.visitor import Visitor


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


@pytest.fixture
def second_console(running: Running, free_port: Callable[[], int], tmp_path: Path) -> Iterator[str]:
    """Another replica of the console beside the platform's own; its host and port."""
    ready, address = running.wait_for(event="running"), f"127.0.0.1:{free_port()}"
    services = ("identity", "onboarding", "historian", "analytics", "marketplace")
    variables = {f"DUALSPAN_{name.upper()}_ADDRESS": ready[name] for name in services} | {
        "DUALSPAN_SERVICE_SECRET": DataFolder(running.folder).service_secret(),
        "DUALSPAN_CONSOLE_LISTEN": address,
        "DUALSPAN_CONSOLE_URL": ready["console"],
    }
    command = [sys.executable, "-m", "dualspan_console"]
    child = ChildProcess("console-2", command, tmp_path / "console-2.log", child_environment(variables))
    child.start()
    try:
        deadline = time.monotonic() + 30
        while not asyncio.run(accepts(address)):
            assert time.monotonic() < deadline, child.log_tail()
            time.sleep(0.1)
        yield address
    finally:
        child.stop()


def test_a_session_is_of_all_replicas(running: Running, administrator: Visitor, second_console: str) -> None:
    """One that ends is over where it ended; others ask again within half a minute, or when they first see it."""
    other = Visitor(second_console, dict(administrator.cookies))
    first, second = administrator.get("/v1/session").document, other.get("/v1/session").document
    assert second["signedIn"] is True
    own = {"appsUrl": "as each was told"}
    assert second | own == first | own, "the proof of calls too: a page of one may call the other"
    assert other.get("/v1/tenants/home/tags").status == 200
    passing, known = Visitor(administrator.host), running.sign_in()
    assert passing.sign_in(known["email"], known["password"]).document["signedIn"] is True
    kept = dict(passing.cookies)
    assert passing.request("DELETE", "/v1/session").status == 204
    assert Visitor(second_console, kept).get("/v1/tenants/home/tags").status == 401


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


@pytest.mark.parametrize(
    "up", ["..", "%2e%2e", "..%2f", "%2e%2e%2f", "..%5c", "%252e%252e", "....//", "..;", "%c0%ae%c0%ae", "..%00"]
)
@pytest.mark.parametrize("file", ["client_files.py", "settings.py", "app.py", "etc/passwd"])
def test_no_way_leads_out_of_the_files_of_the_application(visitor: Visitor, up: str, file: str) -> None:
    found = re.search(r'src="(/assets/[0-9a-f]{16})/main\.js"', visitor.get("/").body)
    assert found
    for base in (found[1], f"{found[1]}/core", f"{found[1]}/words", "/assets"):
        for depth in (1, 2, 8):
            answer = visitor.get(f"{base}/{'/'.join([up] * depth)}/{file}")
            assert answer.status == 404 or '<div id="app"></div>' in answer.body
            assert "import " not in answer.body
            assert "root:" not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "tenants/home/../rival/users",
        "tenants/home/%2e%2e/rival/users",
        "tenants/home%2f..%2frival/users",
        "tenants/home%2Fusers",
        "tenants/home/gateways/..%2f..%2fusers",
        "tenants/home/gateways/%2e%2e",
        "tenants/home/gateways/..",
        "tenants/home/gateways/a%5c..%5cb",
        "tenants/home/gateways/%00",
        "tenants/home/listings/x:picture?path=../../../etc/passwd",
        "tenants/home/listings/..%2f..:picture?path=/etc/passwd",
        "services/../identity/status",
        "services/identity%2f..%2fhistorian/status",
    ],
)
def test_no_address_of_a_thing_leads_to_another(administrator: Visitor, path: str) -> None:
    answer = administrator.get(f"/v1/{path}")
    assert answer.status in {400, 404}, answer.body
    assert answer.reason in {
        "MALFORMED_PATH",
        "NO_SUCH_ADDRESS",
        "MALFORMED_NAME",
        "APP_NOT_FOUND",
        "GATEWAY_NOT_FOUND",
    }


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
