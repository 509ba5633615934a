"""Where an app may send a browser: within its own origin, and to what its manifest says that it needs. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

# Browsers take these out of an address before they read it (WHATWG URL, 4.4).
_IGNORED = re.compile(r"[\t\r\n]")
_LONGEST = 8000
_PORTS = {"http": 80, "https": 443}


class ForeignLocationError(Exception):
    """An app sends a browser elsewhere; the message is the host, for a person."""


def location(given: str, own: str, upstream: str, egress: Iterable[str]) -> str:
    """The address that a browser is sent to.

    Args:
        given: As the app has it: relative, or absolute with its own host by either name.
        own: host:port of the app's origin.
        upstream: host:port that the platform reaches the app by; apps that do not know their origin name it.
        egress: host:port of what the app has declared to need.

    Raises:
        ForeignLocationError: It leads elsewhere.
    """
    # A browser reads a backslash as a slash in addresses of the web.
    read = _IGNORED.sub("", given).strip("".join(map(chr, range(33)))).replace("\\", "/")
    if len(read) > _LONGEST or any(ord(character) < 0x20 or ord(character) > 0x7E for character in read):
        raise ForeignLocationError("…")
    try:
        parts = urlsplit(read)
        where = _where(parts)
    except ValueError:
        raise ForeignLocationError("…") from None
    if not parts.scheme and not parts.netloc:
        # Browsers pass over any number of slashes to a host.
        if read.startswith("//"):
            raise ForeignLocationError(read[:100])
        return read
    if parts.scheme not in {"", *_PORTS} or not parts.netloc or "@" in parts.netloc:
        raise ForeignLocationError(f"{parts.scheme}:{parts.netloc}"[:100])
    if parts.hostname == own.partition(":")[0].lower() or where == upstream.lower():
        return _within(parts)
    if parts.scheme == "https" and where in set(egress):
        return read
    raise ForeignLocationError(parts.netloc[:100])


def _within(parts: SplitResult) -> str:
    # Two slashes at the beginning would be a host.
    path = "/" + parts.path.lstrip("/")
    query = f"?{parts.query}" if parts.query else ""
    return f"{path}{query}" + (f"#{parts.fragment}" if parts.fragment else "")


def _where(parts: SplitResult) -> str:
    """host:port of an address, in lower case."""
    port = parts.port or _PORTS.get(parts.scheme, 0)
    return f"{parts.hostname or ''}:{port}" if port else parts.hostname or ""
