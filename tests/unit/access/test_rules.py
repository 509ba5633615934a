"""What passes between browsers and apps: headers, cookies, addresses, and who may ask at all."""

import string
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_access import cookies
from dualspan_access.headers import Visitor, confinement, to_app, to_browser
from dualspan_access.isolation import is_own, is_prefetch
from dualspan_access.limits import BusyError, Limits
from dualspan_access.locations import ForeignLocationError, location

ADA = Visitor("users/ada", ("engineer", "viewer"), "oee--acme.apps.test:8081", "http")
OWN = "oee--acme.apps.test:8081"
UPSTREAM = "127.0.0.1:40001"
TOLD = {"host", "remote-user", "remote-groups", "forwarded", "x-forwarded-host", "x-forwarded-proto"}

names = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=20)
values = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", min_codepoint=0x20), max_size=30)
identities = st.sampled_from(
    ["Remote-User", "remote_user", "REMOTE-GROUPS", "X-Remote-User", "Forwarded", "X-Forwarded-For", "X_Forwarded_Host",
     "X-Auth-Request-User", "X-Real-IP", "Authorization", "Proxy-Authorization", "X-DualSpan-Tenant", "Via", "Host"]
)  # fmt: skip


@given(st.lists(st.tuples(st.one_of(names, identities), values), max_size=20))
def test_nobody_but_the_platform_says_who_is_there(received: list[tuple[str, str]]) -> None:
    told = to_app(received, ADA)
    said = [(name, value) for name, value in told if name.lower() in TOLD]
    assert said == [
        ("Host", OWN),
        ("Remote-User", "users/ada"),
        ("Remote-Groups", "engineer,viewer"),
        ("Forwarded", f'host="{OWN}";proto=http'),
        ("X-Forwarded-Host", OWN),
        ("X-Forwarded-Proto", "http"),
    ]
    # A CGI server takes a hyphen and an underscore for the same: neither may carry what somebody else says.
    as_cgi = [name.upper().replace("-", "_") for name, _ in told]
    assert as_cgi.count("REMOTE_USER") == 1
    assert not {"AUTHORIZATION", "X_REMOTE_USER", "X_FORWARDED_FOR", "X_REAL_IP"} & set(as_cgi)


def test_headers_that_a_connection_names_are_its_own_and_take_nothing_else_with_them() -> None:
    told = dict(to_app([("Connection", "close, X-Mine, Remote-User"), ("X-Mine", "1"), ("X-Other", "2")], ADA))
    assert "X-Mine" not in told
    assert (told["X-Other"], told["Remote-User"]) == ("2", "users/ada")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=1", "a\nb", "a\0b", "\udcff"])
def test_a_value_that_would_split_a_message_passes_neither_way(value: str) -> None:
    assert all(name != "X-Bad" for name, _ in to_app([("X-Bad", value)], ADA))
    assert to_browser([("X-Bad", value)], https=False) == []


@pytest.mark.parametrize(
    "name",
    ["Clear-Site-Data", "Strict-Transport-Security", "Alt-Svc", "NEL", "Report-To", "WWW-Authenticate", "Server",
     "X-Accel-Redirect", "X-Sendfile", "Transfer-Encoding", "Connection", "Proxy-Authenticate", "Refresh",
     "Reporting-Endpoints", "Content-Security-Policy-Report-Only", "Cross-Origin-Opener-Policy-Report-Only",
     "X-XSS-Protection"],
)  # fmt: skip
def test_an_app_says_nothing_that_holds_for_more_than_itself(name: str) -> None:
    assert to_browser([(name, "x"), ("X-Own", "y")], https=True) == [("X-Own", "y")]


def test_an_apps_own_policy_stays_beside_ours() -> None:
    kept = to_browser([("Content-Security-Policy", "default-src 'none'")], https=True)
    assert ("Content-Security-Policy", "default-src 'none'") in kept
    policy = dict(confinement("https://console.test", ["api.test:443"]))["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://console.test" in policy
    assert "https://api.test:443 wss://api.test:443" in policy


@pytest.mark.parametrize(
    ("given_one", "kept"),
    [
        ("default-src 'self'; report-uri https://other.test/r; img-src 'self'", "default-src 'self'; img-src 'self'"),
        ("report-to other", ""),
        ("\tREPORT-URI //other.test;default-src 'none'", "default-src 'none'"),
        ("default-src 'none', script-src 'self';Report-To x", "default-src 'none', script-src 'self'"),
        ("img-src https://report-uri.test", "img-src https://report-uri.test"),
    ],
)
def test_a_policy_tells_nobody_else(given_one: str, kept: str) -> None:
    assert to_browser([("content-security-policy", given_one)], https=True) == [("content-security-policy", kept)]


cookie_names = st.one_of(
    st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12),
    st.sampled_from(["dualspan-access", "DualSpan-session", "__Host-dualspan-access", "__SECURE-dualspan-x"]),
)
cookie_values = st.text(string.ascii_letters + string.digits + "=/+", max_size=12)


@given(st.lists(st.tuples(cookie_names, cookie_values), max_size=10))
def test_an_app_is_sent_its_own_cookies_and_none_of_ours(pairs: list[tuple[str, str]]) -> None:
    sent = cookies.for_app(["; ".join(f"{name}={value}" for name, value in pairs)])
    own = [f"{name}={value}" for name, value in pairs if "dualspan" not in name.lower()]
    assert sent == "; ".join(own)


@given(
    cookie_names,
    cookie_values,
    st.lists(
        st.sampled_from(
            ["Domain=apps.test", "domain=.test", "DOMAIN = apps.test", "Path=/x", "Secure", "HttpOnly", "Max-Age=1",
             "SameSite=None", "", " ", "Domain"]
        ),
        max_size=6,
    ),
    st.booleans(),
)  # fmt: skip
def test_an_apps_cookie_is_of_its_own_host_only(name: str, value: str, attributes: list[str], https: bool) -> None:
    given_one = "; ".join([f"{name}={value}", *attributes])
    kept = cookies.from_app([given_one], https=https)
    if "dualspan" in name.lower():
        assert kept == []
        return
    (header,) = kept
    assert header.startswith(f"{name}={value}")
    assert "domain" not in header.lower()
    assert ("Secure" in header.split("; ")) is https


@pytest.mark.parametrize("header", ["", "=x", "no-sign", "a b=c", "a=b\r\nX: y", "a=b\x00", "a=" + "x" * 5000])
def test_what_is_no_cookie_is_none(header: str) -> None:
    assert cookies.from_app([header], https=False) == []


def test_every_value_under_our_name_is_looked_at() -> None:
    sent = ["dualspan-access=planted; a=b; dualspan-access=real"]
    assert cookies.secrets_in(sent, https=False) == ["planted", "real"]
    assert cookies.secrets_in(["dualspan-access=plain; __Host-dualspan-access=bound"], https=True) == ["bound"]


def test_the_cookie_of_an_access() -> None:
    assert cookies.access_header("s", https=True, seconds=60) == (
        "__Host-dualspan-access=s; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
    )
    assert cookies.access_header("s", https=False, seconds=60) == (
        "dualspan-access=s; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
    )


@pytest.mark.parametrize(
    ("given_one", "leads"),
    [
        ("/a/b?c=d#e", "/a/b?c=d#e"),
        ("next", "next"),
        ("?page=2", "?page=2"),
        ("", ""),
        (f"http://{OWN}/x?y", "/x?y"),
        ("https://OEE--acme.apps.test/x", "/x"),
        (f"http://{UPSTREAM}/x", "/x"),
        (f"http://{UPSTREAM}//evil.test", "/evil.test"),
        ("https://api.test/sign-in", "https://api.test/sign-in"),
    ],
)
def test_an_app_leads_within_itself_and_to_what_it_declares(given_one: str, leads: str) -> None:
    assert location(given_one, OWN, UPSTREAM, ["api.test:443"]) == leads


@pytest.mark.parametrize(
    "given_one",
    ["https://evil.test/", "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test",
     " //evil.test", "http:/evil.test", "https:evil.test", "javascript:alert(1)", "java\nscript:x", "data:text/html,x",
     f"http://{OWN}@evil.test/", f"http://evil.test:80@{OWN}/", "http://api.test/", "https://api.test:8443/",
     "http://other--acme.apps.test:8081/", "http://[::1", "http://127.0.0.1:40002/", "/é"],
)  # fmt: skip
def test_an_app_leads_nowhere_else(given_one: str) -> None:
    with pytest.raises(ForeignLocationError):
        location(given_one, OWN, UPSTREAM, ["api.test:443"])


@given(st.text(st.sampled_from("/\\:@.?#ahtps evil\t\n[]%"), max_size=24))
def test_whatever_an_app_writes_leads_no_browser_away(given_one: str) -> None:
    try:
        leads = location(given_one, OWN, UPSTREAM, [])
    except ForeignLocationError:
        return
    assert not leads.startswith(("//", "/\\", "\\"))
    assert not any(ord(character) < 0x20 for character in leads)
    parts = urlsplit(leads)
    assert (parts.scheme, parts.netloc) == ("", "")


ORIGIN = f"http://{OWN}"


@pytest.mark.parametrize(
    ("method", "sent", "own"),
    [
        ("GET", {}, True),
        ("POST", {"origin": ORIGIN}, True),
        ("POST", {"origin": "http://neighbour--acme.apps.test:8081"}, False),
        ("POST", {"origin": "null"}, False),
        ("GET", {"origin": "https://console.test"}, False),
        ("GET", {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, True),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, False),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, False),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, True),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "object"}, False),
        ("POST", {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, False),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "websocket"}, False),
        ("GET", {"sec-fetch-site": "same-origin", "service-worker": "script"}, False),
    ],
)
def test_only_an_apps_own_pages_ask_it(method: str, sent: dict[str, str], own: bool) -> None:
    assert is_own(method, sent, ORIGIN) is own


def test_a_browser_that_looks_ahead_is_known() -> None:
    assert is_prefetch({"sec-purpose": "prefetch;prerender"})
    assert is_prefetch({"purpose": "prefetch"})
    assert not is_prefetch({})


def test_places_are_counted_by_app_and_by_person() -> None:
    limits = Limits(3, 2)
    with limits.one("a", b"ada"), limits.one("a", b"ada"):
        with pytest.raises(BusyError), limits.one("a", b"ada"):
            pass
        with limits.one("a", b"bob"):
            with pytest.raises(BusyError), limits.one("a", b"eve"):
                pass
            with limits.one("b", b"eve"):
                assert (limits.running("a"), limits.running("b")) == (3, 1)
    assert limits.running("a") == 0
    with pytest.raises(KeyError), limits.one("a", b"ada"):
        raise KeyError
    assert limits.running("a") == 0
