"""Asks identity providers: OpenID Connect Core 1.0, Discovery 1.0, PKCE (RFC 7636)."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import jwt

from dualspan_identity.errors import provider_refused, provider_unreachable, provider_wrong
from dualspan_runtime.errors import DomainError

# Signatures with a secret (HS256) and none at all are no proof of the provider.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LARGEST_ANSWER = 1 << 20
_SECONDS = 10.0
_LEEWAY_SECONDS = 60
_LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a provider says of itself."""

    issuer: str
    authorization: str
    token: str
    keys: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What makes a code of no use to anybody who has only the code."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def fresh(cls, tenant: str) -> "Challenge":
        """Random ones; the state says whose it is, so that it can be looked up."""
        return cls(f"{tenant}.{secrets.token_urlsafe(32)}", secrets.token_urlsafe(32), secrets.token_urlsafe(64))


@dataclass(frozen=True, slots=True)
class ProvenPerson:
    """Whom a provider has proven, by its own id; the address is "" unless the provider has verified it."""

    subject: str
    verified_email: str


class Issuers:
    """Asks providers over the network.

    Args:
        insecure: Providers without TLS are asked, too: for tests.
    """

    def __init__(self, *, insecure: bool) -> None:
        self._insecure = insecure

    async def discover(self, issuer: str) -> Endpoints:
        """Reads what a provider says of itself.

        Raises:
            InvalidArgument: It says nothing of the kind, or is another one (`OIDC_PROVIDER_WRONG`).
            Unavailable: It does not answer (`OIDC_PROVIDER_UNREACHABLE`).
        """
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        document = await self._json("GET", self._checked(address), provider_wrong)
        if document.get("issuer") != issuer:
            raise provider_wrong(f"it calls itself {str(document.get('issuer'))[:200]!r}")
        words = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        addresses = [self._checked(str(document.get(word, ""))) for word in words]
        return Endpoints(issuer, *addresses)

    async def redeem(
        self, endpoints: Endpoints, client: tuple[str, str], code: str, challenge: Challenge, redirect_uri: str
    ) -> ProvenPerson:
        """Exchanges a code for an ID token, and verifies that (Core, 3.1.3.7).

        Args:
            endpoints: Of the provider.
            client: Our id there and our secret.
            code: That the browser brought.
            challenge: That the code was asked for with.
            redirect_uri: That it was asked for with.

        Raises:
            Unauthenticated: The code or the token does not count (`OIDC_REFUSED`).
            Unavailable: The provider does not answer.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": challenge.verifier,
        }
        if not client[1]:
            form["client_id"] = client[0]
        headers = {"authorization": _basic(client)} if client[1] else {}
        answer = await self._json("POST", endpoints.token, provider_refused, data=form, headers=headers)
        keys = await self._json("GET", endpoints.keys, provider_refused)
        return _verified(str(answer.get("id_token", "")), keys, endpoints.issuer, client[0], challenge.nonce)

    async def _json(
        self, method: str, address: str, wrong: Callable[[str], DomainError], **more: Any
    ) -> Mapping[str, Any]:
        """Asks for a JSON object; whatever else comes is wrong in the caller's words."""
        # The service starts without it: most platforms have no provider.
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            # A redirect could lead anywhere; none of these answers is one.
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(method, address, allow_redirects=False, **more) as response,
            ):
                content = await response.content.read(_LARGEST_ANSWER)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise provider_unreachable() from error
        if status != 200:
            raise wrong(f"it answered with status {status}")
        try:
            document = json.loads(content)
        except ValueError as error:
            raise wrong("its answer is no JSON") from error
        if not isinstance(document, dict):
            raise wrong("its answer is no JSON object")
        return cast("dict[str, Any]", document)

    def _checked(self, address: str) -> str:
        return check_address(address, insecure=self._insecure)


def check_address(address: str, *, insecure: bool) -> str:
    """Returns an address of a provider.

    Raises:
        InvalidArgument: It is none that may be asked (`OIDC_PROVIDER_WRONG`).
    """
    schemes = {"https", "http"} if insecure else {"https"}
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise provider_wrong(f"{address[:200]!r} is no address") from error
    if parts.scheme not in schemes or not parts.hostname or parts.username or parts.fragment:
        raise provider_wrong(f"{address[:200]!r} is no https address")
    return address


def authorization_uri(endpoints: Endpoints, client_id: str, challenge: Challenge, redirect_uri: str) -> str:
    """Returns where a browser is sent to prove who somebody is."""
    digest = hashlib.sha256(challenge.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid email profile",
        "state": challenge.state,
        "nonce": challenge.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    separator = "&" if "?" in endpoints.authorization else "?"
    return f"{endpoints.authorization}{separator}{urlencode(asked)}"


def _verified(token: str, keys: Mapping[str, Any], issuer: str, client_id: str, nonce: str) -> ProvenPerson:
    try:
        header = jwt.get_unverified_header(token)
        known = jwt.PyJWKSet.from_dict(dict(keys)).keys
        key = next((each for each in known if each.key_id == header.get("kid")), known[0] if len(known) == 1 else None)
        if key is None:
            raise provider_refused("the ID token is signed with a key that the provider does not have")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=_ALGORITHMS,
            audience=client_id,
            issuer=issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["sub", "exp", "iat", "iss", "aud"]},
        )
    except jwt.PyJWTError as error:
        raise provider_refused("the ID token is not valid") from error
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise provider_refused("the ID token is of another sign-in")
    if claims.get("azp", client_id) != client_id:
        raise provider_refused("the ID token is for another client")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise provider_refused("the ID token names nobody")
    email = claims.get("email") if claims.get("email_verified") is True else ""
    return ProvenPerson(subject, email if isinstance(email, str) else "")


def _basic(client: tuple[str, str]) -> str:
    # Both are form-encoded first (RFC 6749, 2.3.1).
    words = ":".join(urlencode({"": word})[1:] for word in client)
    return f"Basic {base64.b64encode(words.encode()).decode()}"
