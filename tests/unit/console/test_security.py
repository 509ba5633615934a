import pytest
from starlette.requests import Request
from starlette.responses import Response

from dualspan_console.languages import choose_language
from dualspan_console.security import POLICY, Cookies

COOKIES = Cookies(https=False, key=b"k" * 32)


def request(headers: dict[str, str] | None = None, cookies: dict[str, str] | None = None) -> Request:
    fields = dict(headers or {})
    if cookies:
        fields["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw})


@pytest.mark.parametrize(
    ("header", "language"), [("", "en"), ("zh-CN,zh;q=0.9", "zh"), ("de-DE, zh;q=0.5, en;q=0.4", "zh"), ("fr", "en")]
)
def test_the_browser_says_the_language(header: str, language: str) -> None:
    assert choose_language(request({"accept-language": header})) == language


def test_a_chosen_language_wins() -> None:
    assert choose_language(request({"accept-language": "en"}, {"dualspan-language": "zh"})) == "zh"
    assert choose_language(request({"accept-language": "en"}, {"dualspan-language": "xx"})) == "en"


def test_a_call_shows_the_token_of_its_own_session() -> None:
    token = COOKIES.call_token("session-1")
    assert COOKIES.is_own_call("session-1", token)
    assert not COOKIES.is_own_call("session-2", token)
    assert not COOKIES.is_own_call("session-1", "")
    assert not Cookies(https=False, key=b"o" * 32).is_own_call("session-1", token)


def test_through_tls_no_neighbour_can_put_a_cookie_in_the_place_of_ours() -> None:
    secure = Cookies(https=True, key=b"k" * 32)
    planted = request(cookies={"dualspan-session": "planted", "__Host-dualspan-session": "own"})
    assert secure.session(planted) == "own"
    assert COOKIES.session(planted) == "planted"
    response = Response()
    secure.begin_session(response, "s")
    (header,) = response.headers.getlist("set-cookie")
    assert header.startswith("__Host-dualspan-")
    assert {"Secure", "Path=/", "HttpOnly"} <= set(header.split("; "))
    assert "domain" not in header.lower()


def test_nothing_inline_runs_and_nobody_else_is_asked() -> None:
    parts = (rule.strip().partition(" ") for rule in POLICY.split(";"))
    rules = {name: sources for name, _, sources in parts}
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
