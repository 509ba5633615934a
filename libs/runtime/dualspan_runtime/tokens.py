"""Bearer tokens: what services mint for each other and what identity signs for people."""

import time
from collections.abc import Mapping
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dualspan_runtime.errors import Unauthenticated
from dualspan_runtime.principal import Principal, PrincipalKind

SERVICE_TOKEN_SECONDS = 60
ACCESS_TOKEN_SECONDS = 15 * 60
AUDIENCE = "dualspan"
# Of an app's token: the number of the credential that it was signed for.
CREDENTIAL_CLAIM = "credential"
# Of a person's token: the session that it was signed in, by the name that OpenID Connect gives it.
SESSION_CLAIM = "sid"
# Clocks of machines in one platform may differ by so much.
LEEWAY_SECONDS = 5
_SIGNED_KINDS = {kind.value: kind for kind in (PrincipalKind.USER, PrincipalKind.API_TOKEN, PrincipalKind.APP)}


class ServiceToken:
    """Mints the short token that a service shows to another one.

    Args:
        service: The calling service's name.
        secret: DUALSPAN_SERVICE_SECRET.
    """

    def __init__(self, service: str, secret: str) -> None:
        self._subject = f"services/{service}"
        self._secret = secret
        self._token = ""
        self._renew_at = 0.0

    def current(self) -> str:
        """Returns a token that is valid for half a minute or more."""
        now = time.time()
        if now >= self._renew_at:
            claims = {"sub": self._subject, "aud": AUDIENCE, "iat": int(now), "exp": int(now) + SERVICE_TOKEN_SECONDS}
            self._token = jwt.encode(claims, self._secret, algorithm="HS256")
            self._renew_at = now + SERVICE_TOKEN_SECONDS / 2
        return self._token


def read_service_token(token: str, secret: str) -> Principal:
    """Returns the service that a token was minted by.

    Raises:
        Unauthenticated: It is not valid (`TOKEN_INVALID`, `TOKEN_EXPIRED`).
    """
    claims = _decode(token, secret, "HS256")
    subject = str(claims["sub"])
    if not subject.startswith("services/"):
        raise _invalid()
    return Principal(PrincipalKind.SERVICE, subject, expires_at=float(claims["exp"]))


def read_access_token(token: str, key: Ed25519PublicKey) -> Principal:
    """Returns the person, program or app that identity signed a token for.

    Raises:
        Unauthenticated: It is not valid (`TOKEN_INVALID`, `TOKEN_EXPIRED`).
    """
    claims = _decode(token, key, "EdDSA")
    actor, tenant, roles = str(claims["sub"]), claims.get("tenant"), claims.get("roles")
    kind = _SIGNED_KINDS.get(actor.partition("/")[0])
    if kind is None or not isinstance(tenant, str) or not isinstance(roles, list):
        raise _invalid()
    words = frozenset(str(role) for role in cast("list[object]", roles))
    credential, session = claims.get(CREDENTIAL_CLAIM, 0), claims.get(SESSION_CLAIM, "")
    if not isinstance(credential, int) or not isinstance(session, str):
        raise _invalid()
    return Principal(kind, actor, tenant, words, float(claims["exp"]), credential=credential, session=session)


def token_header(token: str) -> Mapping[str, Any]:
    """Returns the header of a token that nobody has verified yet.

    Raises:
        Unauthenticated: It is no token (`TOKEN_INVALID`).
    """
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise _invalid() from error


def _decode(token: str, key: Any, algorithm: str) -> Mapping[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            leeway=LEEWAY_SECONDS,
            options={"require": ["sub", "exp", "aud"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("TOKEN_EXPIRED", "The access token has expired. Exchange your token again.") from error
    except jwt.PyJWTError as error:
        raise _invalid() from error


def _invalid() -> Unauthenticated:
    return Unauthenticated("TOKEN_INVALID", "The access token is not valid. Sign in again.")
