"""Which headers pass between a browser and an app, and which never do. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dualspan_access import cookies

Headers = list[tuple[str, str]]

# Of one connection, not of the message (RFC 9110, 7.6.1).
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"}
)
# What says who somebody is, or where they come from: the platform says it, nobody else does.
_SAID_BY_PLATFORM = re.compile(r"(x-)?(remote|forwarded|auth|authenticated|webauth|dualspan)(-|$)|x-real-ip$|via$")
_REQUEST_DROPPED = frozenset({"host", "authorization", "proxy-authorization", "cookie", "expect", "content-length"})
_RESPONSE_DROPPED = frozenset(
    {
        # They hold for more than this origin, or outlive the app: the sign-in of neighbours, TLS of the whole host.
        "clear-site-data",
        "strict-transport-security",
        "public-key-pins",
        "alt-svc",
        # They would have browsers tell others which pages people open.
        "nel",
        "report-to",
        "reporting-endpoints",
        "expect-ct",
        "x-xss-protection",
        # Asks for a password that the app would never be sent.
        "www-authenticate",
        "proxy-authenticate",
        # Commands to a proxy in front of this one.
        "x-sendfile",
        "x-lighttpd-send-file",
        "server",
        "set-cookie",
        "location",
        "refresh",
    }
)
_REPORT_ONLY = "-report-only"
_REPORTS = frozenset({"report-uri", "report-to"})
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110, 5.5: no controls but the tab.
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is there, as apps are told.

    Attributes:
        user: `users/{user}` or `apiTokens/{api_token}`.
        roles: Words such as `viewer`.
        host: The host and port that the browser asked.
        scheme: That it asked with.
    """

    user: str
    roles: tuple[str, ...]
    host: str
    scheme: str


def to_app(received: Sequence[tuple[str, str]], visitor: Visitor) -> Headers:
    """What an app is sent of a browser's headers, and who the browser's person is.

    A name with an underscore passes nowhere: servers after the CGI take it for the one with a hyphen.
    """
    nominated = _nominated(received)
    kept = [
        (name, value)
        for name, value in received
        if _passes(name, value, nominated)
        and name.lower() not in _REQUEST_DROPPED
        and _SAID_BY_PLATFORM.match(name.lower()) is None
        and "_" not in name
    ]
    own = cookies.for_app(value for name, value in received if name.lower() == "cookie")
    if own and _VALUE.fullmatch(own):
        kept.append(("Cookie", own))
    return [*kept, *_assertion(visitor)]


def to_browser(received: Sequence[tuple[str, str]], *, https: bool) -> Headers:
    """What a browser is sent of an app's headers, without those that are about addresses (`locations`)."""
    nominated = _nominated(received)
    kept = [
        (name, _without_reports(value) if name.lower() == "content-security-policy" else value)
        for name, value in received
        if _passes(name, value, nominated) and not _is_dropped(name.lower())
    ]
    given = [value for name, value in received if name.lower() == "set-cookie"]
    return [*kept, *(("Set-Cookie", each) for each in cookies.from_app(given, https=https))]


def confinement(console: str, egress: Iterable[str]) -> Headers:
    """What a browser is told about pages of an app, besides what the app itself says of them.

    A policy of the app's own stays: browsers hold to both.

    Args:
        console: Origin of the console, which may show the app in a frame.
        egress: host:port of what the app has declared to need.
    """
    outside = "".join(f" https://{each} wss://{each}" for each in egress)
    policy = (
        f"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:{outside}; object-src 'none'; base-uri 'self'; "
        f"form-action 'self'{outside}; frame-ancestors 'self' {console}"
    )
    return [
        ("Content-Security-Policy", policy),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        # A page cannot widen its origin to that of its neighbours (document.domain).
        ("Origin-Agent-Cluster", "?1"),
    ]


def defaults() -> Headers:
    """What holds where the app says nothing else."""
    return [("Cross-Origin-Opener-Policy", "same-origin"), ("Referrer-Policy", "same-origin")]


def _assertion(visitor: Visitor) -> Headers:
    """REMOTE_USER of RFC 3875, 4.1.11, as a header, as proxies that authenticate do; Forwarded is RFC 7239.

    Where somebody comes from is not the app's business: Forwarded has no `for`.
    """
    return [
        ("Host", visitor.host),
        ("Remote-User", visitor.user),
        ("Remote-Groups", ",".join(visitor.roles)),
        ("Forwarded", f'host="{visitor.host}";proto={visitor.scheme}'),
        ("X-Forwarded-Host", visitor.host),
        ("X-Forwarded-Proto", visitor.scheme),
    ]


def _nominated(received: Iterable[tuple[str, str]]) -> frozenset[str]:
    listed = ",".join(value for name, value in received if name.lower() == "connection")
    return _HOP_BY_HOP | {word.strip().lower() for word in listed.split(",")}


def _passes(name: str, value: str, nominated: frozenset[str]) -> bool:
    return (
        name.lower() not in nominated
        and not name.lower().startswith("proxy-")
        and _NAME.fullmatch(name) is not None
        and _VALUE.fullmatch(value) is not None
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )


def _is_dropped(name: str) -> bool:
    is_command = name.startswith("x-accel-") and name != "x-accel-buffering"
    return is_command or name in _RESPONSE_DROPPED or name.endswith(_REPORT_ONLY)


def _without_reports(policies: str) -> str:
    """Policies of content without the directives that name who is told of what they forbid."""
    return ",".join(
        ";".join(each for each in policy.split(";") if not _REPORTS & set(each.lower().split()[:1]))
        for policy in policies.split(",")
    )
