"""Who calls: from the bearer token or the client certificate to a principal."""

import enum
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from cryptography import x509

from dualspan_runtime.errors import Unauthenticated
from dualspan_runtime.names import GATEWAY
from dualspan_runtime.principal import ANONYMOUS, Principal, PrincipalKind
from dualspan_runtime.tokens import LEEWAY_SECONDS, read_access_token, read_service_token, token_header
from dualspan_runtime.trust import KeyRing

Key = TypeVar("Key", str, bytes)
GATEWAY_URI_PREFIX = "dualspan:"
_CACHE_SIZE = 10_000


class ListenerKind(enum.Enum):
    """Whom a listener is for."""

    PEOPLE = "people"
    GATEWAYS = "gateways"
    ENROLMENT = "enrolment"


class Authenticator:
    """Turns credentials into principals, and remembers what it has verified.

    Args:
        keys: The keys of access tokens.
        service_secret: DUALSPAN_SERVICE_SECRET.
    """

    def __init__(self, keys: KeyRing, service_secret: str) -> None:
        self._keys = keys
        self._secret = service_secret
        self._tokens: OrderedDict[str, Principal] = OrderedDict()
        self._certificates: OrderedDict[bytes, Principal] = OrderedDict()

    async def from_token(self, authorization: str) -> Principal:
        """Returns the principal of an `authorization` header; anonymous if it is empty.

        Raises:
            Unauthenticated: The token does not count (`TOKEN_INVALID`, `TOKEN_EXPIRED`).
        """
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("TOKEN_INVALID", "The authorization metadata must be `Bearer <access token>`.")
        principal = self._tokens.get(token)
        if principal is None:
            principal = await self._verify(token)
            _remember(self._tokens, token, principal)
        elif principal.expires_at + LEEWAY_SECONDS <= time.time():
            self._tokens.pop(token, None)
            raise Unauthenticated("TOKEN_EXPIRED", "The access token has expired. Exchange your token again.")
        return principal

    async def _verify(self, token: str) -> Principal:
        header = token_header(token)
        if header.get("alg") == "HS256":
            return read_service_token(token, self._secret)
        key = await self._keys.find(str(header.get("kid", "")))
        if key is None:
            raise Unauthenticated("TOKEN_INVALID", "The access token was signed with an unknown key. Sign in again.")
        return read_access_token(token, key)

    def from_certificate(self, auth_context: Mapping[str, Iterable[bytes]]) -> Principal:
        """Returns the gateway that a verified client certificate belongs to.

        Raises:
            Unauthenticated: There is none, or it is not a gateway's (`CERTIFICATE_INVALID`).
        """
        pem = next(iter(auth_context.get("x509_pem_cert", ())), b"")
        principal = self._certificates.get(pem)
        if principal is None:
            principal = _read_certificate(pem)
            _remember(self._certificates, pem, principal)
        return principal


def _remember(cache: "OrderedDict[Key, Principal]", key: Key, principal: Principal) -> None:
    cache[key] = principal
    if len(cache) > _CACHE_SIZE:
        cache.popitem(last=False)


def _read_certificate(pem: bytes) -> Principal:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise _not_a_gateway() from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    name = uris[0].removeprefix(GATEWAY_URI_PREFIX) if len(uris) == 1 else ""
    if not name or name == uris[0] or not GATEWAY.matches(name):
        raise _not_a_gateway()
    segments = GATEWAY.parse(name)
    return Principal(
        PrincipalKind.GATEWAY,
        f"gateways/{segments['gateway']}",
        segments["tenant"],
        expires_at=certificate.not_valid_after_utc.timestamp(),
        serial=f"{certificate.serial_number:x}",
    )


def _not_a_gateway() -> Unauthenticated:
    return Unauthenticated("CERTIFICATE_INVALID", "The client certificate is not a gateway's. Enrol the gateway.")
