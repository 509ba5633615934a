"""The gateway CA: made on first start, kept sealed, asked to sign and to revoke."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dualspan_identity.certification import (
    LONGEST_LIFETIME,
    CertificateAuthority,
    IssuedCertificate,
    end_words,
    make_authority,
)
from dualspan_identity.errors import malformed
from dualspan_identity.sealing import CA_PURPOSE, Sealer
from dualspan_identity.service.audit import note
from dualspan_identity.store import accounts, keys
from dualspan_runtime.authentication import GATEWAY_URI_PREFIX
from dualspan_runtime.database import Database
from dualspan_runtime.names import GATEWAY
from dualspan_runtime.tokens import ACCESS_TOKEN_SECONDS, LEEWAY_SECONDS
from dualspan_runtime.trust import Revocations

_MOST_HOSTS = 50
_WATCH_SECONDS = 86_400.0
_log = structlog.stdlib.get_logger()


class GatewayAuthority:
    """Signs and revokes certificates.

    Args:
        database: Where the CA and the serials are.
        sealer: Opens the CA's key.
    """

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._ca: CertificateAuthority | None = None

    async def load(self) -> None:
        """Loads the CA, and makes it on the very first start; replicas that start together make one."""
        async with self._database.platform_transaction() as connection:
            await keys.lock_keys(connection)
            stored = await keys.find_ca(connection)
            if stored is None:
                made = make_authority()
                stored = (made.certificate_pem, self._sealer.seal(_private_bytes(made.key), CA_PURPOSE))
                await keys.insert_ca(connection, uuid.uuid4().hex, *stored)
        self._ca = self._open(*stored)
        self._look_at_end()

    async def watch(self) -> None:
        """Says again each day that the CA has ended or will end soon, for ever."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            self._look_at_end()

    def _look_at_end(self) -> None:
        words = end_words(self.ca.certificate.not_valid_after_utc, datetime.now(UTC))
        if words:
            _log.error(words, expire_time=self.ca.certificate.not_valid_after_utc.isoformat())

    @property
    def ca(self) -> CertificateAuthority:
        """The CA, once it is loaded."""
        assert self._ca is not None  # noqa: S101 - load() ran before the service listens
        return self._ca

    async def sign_gateway(self, gateway: str, csr_pem: str, lifetime: timedelta | None) -> IssuedCertificate:
        """Signs a gateway's request and writes the serial down.

        Args:
            gateway: `tenants/{tenant}/gateways/{gateway}`.
            csr_pem: PKCS #10, PEM.
            lifetime: 30 days if None, never more.

        Raises:
            InvalidArgument: The request cannot be signed (`BAD_CSR`).
        """
        names = GATEWAY.parse(gateway)
        if lifetime is not None and lifetime <= timedelta(0):
            raise malformed("lifetime", "must be more than 0")
        issued = await asyncio.to_thread(
            self.ca.sign_gateway,
            csr_pem,
            GATEWAY_URI_PREFIX + gateway,
            f"gateway {names['gateway']}",
            lifetime or LONGEST_LIFETIME,
        )
        async with self._database.transaction(names["tenant"]) as connection:
            await keys.insert_certificate(
                connection, names["tenant"], names["gateway"], issued.serial, issued.expires_at
            )
            await note(connection, names["tenant"], "gateway.certificate_issue", gateway, serial=issued.serial)
        return issued

    async def sign_server(self, csr_pem: str, hosts: list[str]) -> IssuedCertificate:
        """Signs the request of a service that gateways connect to.

        Raises:
            InvalidArgument: The request or a host cannot be used (`BAD_CSR`, `MALFORMED_FIELD`).
        """
        if not 1 <= len(hosts) <= _MOST_HOSTS:
            raise malformed("hosts", f"must have 1 to {_MOST_HOSTS} names or addresses")
        return await asyncio.to_thread(self.ca.sign_server, csr_pem, hosts)

    async def revoke(self, gateway: str, reason: str) -> None:
        """Revokes every certificate that a gateway holds."""
        names = GATEWAY.parse(gateway)
        async with self._database.transaction(names["tenant"]) as connection:
            count = await keys.revoke_certificates(connection, names["tenant"], names["gateway"])
            details = {"reason": reason[:500], "certificates": str(count)}
            await note(connection, names["tenant"], "gateway.certificates_revoke", gateway, **details)

    async def revocations(self) -> Revocations:
        """Returns what was revoked and has not expired."""
        async with self._database.platform_transaction(readonly=True) as connection:
            serials = await keys.revoked_serials(connection)
            actors = await accounts.disabled_actors(connection, ACCESS_TOKEN_SECONDS + LEEWAY_SECONDS)
        return Revocations(frozenset(serials), frozenset(actors))

    def _open(self, certificate_pem: str, sealed: bytes) -> CertificateAuthority:
        key = serialization.load_der_private_key(self._sealer.open(sealed, CA_PURPOSE), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we made it so
        return CertificateAuthority(x509.load_pem_x509_certificate(certificate_pem.encode()), key)


def _private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
