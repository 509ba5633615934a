"""Whether a request comes from the app's own pages: those of its neighbours share its site, and a browser would let
them in with the person's cookie (Fetch Metadata, W3C; RFC 6454). Pure.
"""

from collections.abc import Mapping

_SAFE = frozenset({"GET", "HEAD"})
# Documents; what a frame may show is for `frame-ancestors` to say.
_DOCUMENTS = frozenset({"document", "iframe", "frame"})


def is_own(method: str, headers: Mapping[str, str], origin: str) -> bool:
    """Whether an app may be told of a request.

    Args:
        method: Of the request.
        headers: By lower-case name.
        origin: `scheme://host[:port]` of the app.
    """
    # The script of a service worker (Service Workers, W3C): it would go on in the browser when the app has long been
    # another one's, and see every address of this origin, one with a ticket too.
    if "service-worker" in headers:
        return False
    came_from = headers.get("origin")
    if came_from is not None and came_from != origin:
        return False
    site = headers.get("sec-fetch-site", "none")
    if site in {"none", "same-origin"}:
        return True
    return (
        method in _SAFE
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest", "document") in _DOCUMENTS
    )


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Whether a browser asks before its person does: that must not spend a ticket."""
    return "prefetch" in headers.get("sec-purpose", "") or headers.get("purpose") == "prefetch"
