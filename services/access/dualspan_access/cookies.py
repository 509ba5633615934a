"""Cookies: the one of an access, which apps never see, and those of the apps, which stay with their own host."""

import re
from collections.abc import Iterable, Iterator, Sequence

# "__Host-" binds a cookie to exactly one host: no page of a neighbour can put another one in its place (RFC 6265bis,
# 4.1.3.2). Browsers take it through TLS only.
_PLAIN = "dualspan-access"
_BOUND = "__Host-dualspan-access"
# What begins so is the platform's, whoever says it.
_RESERVED = re.compile(r"(__(host|secure)-)?dualspan", re.IGNORECASE)

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 6265, 4.1.1, and what browsers take besides: no controls, no semicolon.
_VALUE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_LONGEST = 4096
_MOST = 50


def access_cookie(*, https: bool) -> str:
    """The name of the cookie that an access is kept in."""
    return _BOUND if https else _PLAIN


def secrets_in(headers: Iterable[str], *, https: bool) -> list[str]:
    """All values that a browser sends under that name: a page may have put others beside the right one."""
    wanted = access_cookie(https=https)
    found = [value for name, value in _pairs(headers) if name == wanted]
    return list(dict.fromkeys(found))[:_MOST]


def for_app(headers: Iterable[str]) -> str:
    """What of a browser's cookies the app is sent: a `Cookie` header without those of the platform; or ""."""
    return "; ".join(f"{name}={value}" for name, value in _pairs(headers) if _RESERVED.match(name) is None)


def access_header(secret: str, *, https: bool, seconds: int) -> str:
    """`Set-Cookie` of an access; 0 seconds forget it."""
    # Lax and not Strict: the first request after the ticket comes out of a redirect from another site.
    secure = "; Secure" if https else ""
    return f"{access_cookie(https=https)}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def from_app(headers: Sequence[str], *, https: bool) -> list[str]:
    """The `Set-Cookie` headers of an app that a browser is sent: of this host only, and none of the platform's."""
    kept = (_own(header, https=https) for header in headers[:_MOST])
    return [header for header in kept if header]


def _own(header: str, *, https: bool) -> str:
    first, *attributes = header.split(";")
    name, sign, value = first.partition("=")
    name, value = name.strip(), value.strip()
    if not sign or _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None or _RESERVED.match(name):
        return ""
    kept = [f"{name}={value}"]
    for attribute in attributes:
        key = attribute.partition("=")[0].strip().lower()
        # Without Domain it is a cookie of the host that set it, and of no other.
        if key not in {"domain", "secure"} and _VALUE.fullmatch(attribute.strip()) and attribute.strip():
            kept.append(attribute.strip())
    if https:
        kept.append("Secure")
    written = "; ".join(kept)
    return written if len(written) <= _LONGEST else ""


def _pairs(headers: Iterable[str]) -> Iterator[tuple[str, str]]:
    for header in headers:
        for part in header.split(";"):
            name, sign, value = part.strip().partition("=")
            if sign and name:
                yield name.strip(), value.strip()
