"""Tickets and the secrets that they buy: 256 random bits that say whose they are, kept as digests only."""

import hashlib
import secrets
from dataclasses import dataclass

from dualspan_runtime.names import SLUG

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Names a ticket or an access without giving it away: whose it is, and its SHA-256."""

    tenant: str
    digest: bytes


def new_secret(tenant: str) -> tuple[str, AccessKey]:
    """A secret, and what is kept of it."""
    secret = f"{tenant}.{secrets.token_urlsafe(32)}"
    return secret, AccessKey(tenant, _digest(secret))


def key_of(secret: str) -> AccessKey | None:
    """What a secret is kept as; None for what can be no secret."""
    tenant, dot, rest = secret.partition(".")
    if not dot or not rest or len(secret) > _LONGEST or SLUG.fullmatch(tenant) is None:
        return None
    return AccessKey(tenant, _digest(secret))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
