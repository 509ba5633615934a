"""How a box becomes a gateway: token, certificate, renewal."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dualspan_onboarding.clients import Certificate, Identity
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.fleet import (
    csr_refused,
    gateway_revoked,
    revocation_unfinished,
    token_expired,
    token_superseded,
    token_unknown,
    token_used,
)
from dualspan_onboarding.model import Enrolled, EnrolmentToken
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.rules import check_text, secret_sha256
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.store import gateways
from dualspan_runtime.database import Database

MAX_TOKEN_LIFETIME = timedelta(hours=1)
_MAX_CSR_CHARACTERS = 16_384
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where gateways find the platform, each `host:port`."""

    enrolment: str
    onboarding: str
    historian: str


def token_text(address: str, ca_sha256: bytes, secret: str) -> str:
    """The text that a person carries to the box: where to enrol, which CA to trust, and the secret."""

    def encoded(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return f"dse1.{encoded(address.encode())}.{encoded(ca_sha256)}.{secret}"


def check_csr(csr_pem: str) -> None:
    """Refuse a signing request that cannot be signed, before anything is done about it.

    Raises:
        InvalidArgument: it is not PKCS #10, not signed by its own key, or its key is weak.
    """
    if len(csr_pem) > _MAX_CSR_CHARACTERS:
        raise csr_refused("it is too long")
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        key = request.public_key()
        genuine = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as err:
        raise csr_refused("it is not a PKCS #10 request in PEM with a key that is supported") from err
    if not genuine:
        raise csr_refused("its signature does not fit its key")
    strong = (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)) or (
        isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 8192
    )
    if not strong:
        raise csr_refused("its key must be EC P-256, or RSA of 2048 bits or more")


def _usable(token: EnrolmentToken | None) -> EnrolmentToken:
    """The token, if it can be used. Only who holds 256 random bits learns why it cannot."""
    if token is None:
        raise token_unknown()
    if token.used:
        raise token_used()
    if token.superseded:
        raise token_superseded()
    if token.expired:
        raise token_expired()
    return token


class Enrolment:
    """The use cases around a gateway's credentials.

    Args:
        database: Where tokens are.
        gateways: Finds them.
        identity: Signs.
        addresses: What a new gateway is told.
    """

    def __init__(self, database: Database, all_gateways: Gateways, identity: Identity, addresses: Addresses) -> None:
        self._database = database
        self._gateways = all_gateways
        self._identity = identity
        self._addresses = addresses

    async def check_reachable(self) -> None:
        """Raises Unavailable if a token could not be made now."""
        await self._identity.gateway_ca()

    async def create_token(self, name: GatewayName, lifetime: timedelta | None) -> tuple[str, datetime]:
        """Create a single-use token and return its text, shown once, with when it expires.

        Raises:
            InvalidArgument: the lifetime is not between a second and an hour.
            NotFound: there is no such gateway.
        """
        lifetime = MAX_TOKEN_LIFETIME if lifetime is None else lifetime
        if not timedelta(seconds=1) <= lifetime <= MAX_TOKEN_LIFETIME:
            raise malformed("LIFETIME_OUT_OF_RANGE", "lifetime", "lifetime must be between a second and an hour.")
        ca = await self._identity.gateway_ca()
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        async with self._database.transaction(name.tenant) as connection:
            await self._gateways.found(connection, name)
            expire_at = await gateways.insert_token(connection, name, secret_sha256(secret), lifetime)
            await audit(connection, name.tenant, "gateway.create_enrolment_token", name)
        return token_text(self._addresses.enrolment, ca.sha256, secret), expire_at

    async def enrol(self, secret: str, csr_pem: str, software_version: str) -> Enrolled:
        """Exchange a token's secret and a CSR for a certificate.

        The certificate is signed first and the token used up after, in one step that only one caller can win: nothing
        has to be undone when identity does not answer, and a certificate leaves this service once per token.

        Raises:
            Unauthenticated, FailedPrecondition: the token is unknown, used, expired or superseded.
            InvalidArgument: the CSR cannot be signed.
            Unavailable: identity does not answer; the token can be used again.
        """
        check_csr(csr_pem)
        version = check_text(software_version, "software_version")
        digest = secret_sha256(secret)
        async with self._database.platform_transaction(readonly=True) as connection:
            token = _usable(await gateways.find_token(connection, digest))
            gateway = await self._gateways.found(connection, token.gateway)
        if gateway.revoked_at is not None and gateway.revocation_confirmed_at is None:
            raise revocation_unfinished(gateway.name)
        ca = await self._identity.gateway_ca()
        certificate = await self._identity.sign(gateway.name, csr_pem)
        await self._finish(gateway.name, digest, certificate, version)
        return Enrolled(
            gateway=gateway.name,
            certificate_chain_pem=certificate.chain_pem,
            ca_pem=ca.pem,
            onboarding_address=self._addresses.onboarding,
            historian_address=self._addresses.historian,
        )

    async def _finish(self, name: GatewayName, digest: bytes, certificate: Certificate, version: str) -> None:
        async with self._database.transaction(name.tenant) as connection:
            if not await gateways.use_token(connection, name.tenant, digest):
                _usable(await gateways.find_token(connection, digest))
                raise token_used()
            if not await gateways.enrol(connection, name, certificate.expire_at, version):
                raise revocation_unfinished(name)
            actor = f"gateways/{name.gateway}"
            await audit(connection, name.tenant, "gateway.enrol", name, actor=actor, software_version=version)

    async def renew(self, name: GatewayName, csr_pem: str) -> Certificate:
        """A new certificate for a gateway that shows one in force.

        Raises:
            InvalidArgument: the CSR cannot be signed.
            PermissionDenied: the gateway is revoked.
        """
        check_csr(csr_pem)
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            gateway = await self._gateways.found(connection, name)
        if gateway.revoked_at is not None:
            raise gateway_revoked(name)
        certificate = await self._identity.sign(name, csr_pem)
        async with self._database.transaction(name.tenant) as connection:
            if not await gateways.set_certificate_expiry(connection, name, certificate.expire_at):
                raise gateway_revoked(name)
            await audit(connection, name.tenant, "gateway.renew_certificate", name)
        return certificate
