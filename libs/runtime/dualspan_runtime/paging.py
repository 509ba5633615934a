"""Pages (AIP-158): sizes with a default and a maximum, tokens that only fit the list they were made for."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from dualspan_runtime.errors import InvalidArgument

_MAC_BYTES = 16

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PageRules:
    """How many items a page has.

    Attributes:
        default: When the request says 0.
        maximum: When the request says more.
    """

    default: int = 100
    maximum: int = 1000

    def size(self, requested: int) -> int:
        """Returns the page size to use.

        Raises:
            InvalidArgument: The request says less than 0 (`NEGATIVE_PAGE_SIZE`).
        """
        if requested < 0:
            raise InvalidArgument("NEGATIVE_PAGE_SIZE", "page_size must be 0 or more.")
        return min(requested, self.maximum) if requested else self.default


class PageTokens:
    """Writes and reads page tokens.

    A token holds the sort key of the last item, and a keyed hash over it and the query, so that a token can neither be
    made up nor be used with another query.

    Args:
        secret: Shared by all replicas of a service.
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"page-token\0" + secret.encode()).digest()

    def write(self, key: Sequence[str | int], query: object) -> str:
        """Returns the token of the page after the item with this sort key."""
        body = json.dumps(list(key), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(body, query) + body).decode().rstrip("=")

    def read(self, token: str, query: object) -> Key | None:
        """Returns the sort key to go on after, or None for the first page.

        Raises:
            InvalidArgument: The token was not made here for this query (`MALFORMED_PAGE_TOKEN`).
        """
        if not token:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _malformed() from error
        body = raw[_MAC_BYTES:]
        if not hmac.compare_digest(raw[:_MAC_BYTES], self._mac(body, query)):
            raise _malformed()
        return tuple(cast("list[str | int]", json.loads(body)))

    def _mac(self, body: bytes, query: object) -> bytes:
        message = body + b"\0" + json.dumps(query, separators=(",", ":"), default=str).encode()
        return hmac.new(self._key, message, hashlib.sha256).digest()[:_MAC_BYTES]


def _malformed() -> InvalidArgument:
    return InvalidArgument(
        "MALFORMED_PAGE_TOKEN",
        "The page token belongs to another query. Leave it empty to begin with the first page.",
    )
