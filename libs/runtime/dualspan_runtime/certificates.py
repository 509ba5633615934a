"""Keys, signing requests, and the server certificate that a gateway-facing listener shows and renews."""

import asyncio
from datetime import UTC, datetime

import grpc
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import Gauge

from dualspan_runtime.errors import DomainError
from dualspan_runtime.trust import Trust

_RETRY_SECONDS = 2.0
_EXPIRY = Gauge("dualspan_certificate_expiry_timestamp_seconds", "When a certificate that gateways see ends", ["role"])
_log = structlog.stdlib.get_logger()


def make_key() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """Returns a new EC P-256 key, and the same as PKCS #8 PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key, pem


def make_csr(key: ec.EllipticCurvePrivateKey, common_name: str) -> str:
    """Returns a signing request for a key, PKCS #10 PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def renewal_delay(chain_pem: bytes, now: datetime) -> float:
    """Returns the seconds until two thirds of a certificate's life have passed."""
    certificate = x509.load_pem_x509_certificates(chain_pem)[0]
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (begin + (end - begin) * 2 / 3 - now).total_seconds()


class ServerCertificate:
    """The certificate of a server's gateway-facing listeners.

    Handshakes after a renewal show the new certificate; connections that are open go on.

    Args:
        trust: Who signs.
        hosts: DNS names and IP addresses for the certificate.
    """

    def __init__(self, trust: Trust, hosts: list[str]) -> None:
        self._trust = trust
        self._hosts = hosts
        self._chain = b""
        self._configuration: grpc.ServerCertificateConfiguration | None = None

    async def obtain(self) -> None:
        """Gets a certificate.

        Raises:
            grpc.aio.AioRpcError: Identity does not answer or does not sign.
        """
        key, key_pem = make_key()
        self._chain = (await self._trust.sign_server_certificate(make_csr(key, self._hosts[0]), self._hosts)).encode()
        ca = (await self._trust.gateway_ca()).encode()
        for role, pem in (("server", self._chain), ("ca", ca)):
            end = x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc
            _EXPIRY.labels(role).set(end.timestamp())
        self._configuration = grpc.ssl_server_certificate_configuration([(key_pem, self._chain)], ca)

    async def obtain_patiently(self) -> None:
        """Gets a certificate, and asks again until identity answers: services may start in any order."""
        while True:
            try:
                await self.obtain()
            except (grpc.aio.AioRpcError, DomainError) as error:
                _log.warning("waiting for identity to sign the server certificate", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    def credentials(self, *, require_client: bool) -> grpc.ServerCredentials:
        """Returns credentials of one listener, which show the newest certificate.

        Args:
            require_client: Demand a client certificate that the gateway CA has signed.
        """
        first = self.current()
        return grpc.dynamic_ssl_server_credentials(
            first,
            Replacement(self, first),  # pyright: ignore[reportArgumentType] - None is documented, its type is not
            require_client_authentication=require_client,
        )

    def current(self) -> grpc.ServerCertificateConfiguration:
        """Returns the newest certificate with its key, and the CA of clients.

        Raises:
            RuntimeError: None has been obtained yet.
        """
        if self._configuration is None:
            msg = "no certificate has been obtained yet"
            raise RuntimeError(msg)
        return self._configuration

    async def keep_fresh(self) -> None:
        """Renews the certificate at two thirds of its life, for ever."""
        while True:
            await asyncio.sleep(max(renewal_delay(self._chain, datetime.now(UTC)), _RETRY_SECONDS))
            await self.obtain_patiently()
            _log.info("server certificate renewed", hosts=self._hosts)


class Replacement:
    """What gRPC asks before each handshake of a listener, from threads of its own: the new certificate, if any.

    It is told once. Each one told makes gRPC build its TLS context anew, under the hands of handshakes that run beside
    it (grpcio 1.85): a server that was told the same again for every connection died of it within some thousand.

    Args:
        certificate: The server's.
        shown: What the listener shows now.
    """

    def __init__(self, certificate: ServerCertificate, shown: grpc.ServerCertificateConfiguration) -> None:
        self._certificate = certificate
        self._shown = shown

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns what the listener shall show from now on, or None: no change."""
        current = self._certificate.current()
        if current is self._shown:
            return None
        self._shown = current
        return current
