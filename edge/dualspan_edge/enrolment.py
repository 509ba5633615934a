"""Enrolment: a token becomes a certificate."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import socket
import ssl
import sys
from dataclasses import dataclass
from typing import Self

import grpc

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import gateway_service_pb2_grpc as gateway_grpc
from dualspan_edge.errors import EnrolmentError
from dualspan_edge.identity import Identity, make_key_and_request
from dualspan_edge.version import VERSION

_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """`dse1.{host:port, base64url}.{CA SHA-256, base64url}.{secret}`."""

    address: str
    ca_sha256: bytes
    secret: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The parts of a token.

        Raises:
            EnrolmentError: It is none.
        """
        parts = text.strip().split(".", 3)
        if len(parts) != 4 or parts[0] != "dse1":
            raise EnrolmentError("this is no enrolment token; copy all of it, from `dse1.` to its end")
        try:
            address, fingerprint = _decode(parts[1]).decode(), _decode(parts[2])
        except (binascii.Error, ValueError) as error:
            raise EnrolmentError("the enrolment token is damaged; copy it again, all of it") from error
        if len(fingerprint) != hashlib.sha256().digest_size or ":" not in address or not parts[3]:
            raise EnrolmentError("the enrolment token is damaged; copy it again, all of it")
        port = address.rpartition(":")[2]
        if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            raise EnrolmentError("the enrolment token names no port of the platform; create a new token there")
        return cls(address, fingerprint, parts[3])


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


async def enrol(token: EnrolmentToken) -> Identity:
    """Makes a key, and exchanges the token for a certificate.

    The platform is known by the CA's fingerprint in the token: its certificate chain is fetched first, and the CA in it
    is trusted only if it has that fingerprint.

    Raises:
        EnrolmentError: The platform cannot be reached, is not the one of the token, or refuses the token.
    """
    ca_pem = await asyncio.to_thread(fetch_ca, token.address, token.ca_sha256)
    key_pem, csr_pem = await asyncio.to_thread(make_key_and_request, socket.gethostname())
    request = gateway.EnrolRequest(token=token.secret, csr_pem=csr_pem, software_version=VERSION)
    credentials = grpc.ssl_channel_credentials(root_certificates=ca_pem.encode())
    async with grpc.aio.secure_channel(token.address, credentials) as channel:
        try:
            answer = await gateway_grpc.EnrolmentServiceStub(channel).Enrol(request, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            raise EnrolmentError(
                f"the platform refused the enrolment: {(error.details() or error.code().name).rstrip('.')}. "
                "A token works once and for an hour at most; a new one is made on the platform"
            ) from error
    if _fingerprint_of_pem(answer.ca_pem) != token.ca_sha256:
        raise EnrolmentError("the platform answered with another CA than the token's; create a new token")
    return Identity(
        gateway=answer.gateway,
        onboarding_address=answer.onboarding_address,
        historian_address=answer.historian_address,
        ca_pem=answer.ca_pem,
        chain_pem=answer.certificate_chain_pem,
        key_pem=key_pem,
    )


def fetch_ca(address: str, ca_sha256: bytes) -> str:
    """The certificate with this fingerprint from the chain that a TLS server shows, PEM.

    Raises:
        EnrolmentError: The server cannot be reached, or shows no such certificate.
    """
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nobody is trusted yet, and nothing is said on this connection: only the chain is looked at.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT) as raw,
            context.wrap_socket(raw, server_hostname=host.strip("[]")) as connection,
        ):
            chain = unverified_chain(connection)
    except (OSError, ValueError) as error:
        raise EnrolmentError(
            f"the platform at {address} cannot be reached ({error}); check the address and the network"
        ) from error
    for certificate in chain:
        if hmac.compare_digest(hashlib.sha256(certificate).digest(), ca_sha256):
            return ssl.DER_cert_to_PEM_cert(certificate)
    raise EnrolmentError(
        f"what answers at {address} is not the platform that made the token; check the address, and who is in between"
    )


def unverified_chain(connection: ssl.SSLSocket) -> list[bytes]:
    """The certificates that the other side showed, DER, leaf first.

    Public since Python 3.13; before that only on the private object beneath.
    """
    if sys.version_info >= (3, 13):
        return connection.get_unverified_chain()
    beneath = connection._sslobj  # noqa: SLF001  # pyright: ignore[reportAttributeAccessIssue]
    return [certificate.public_bytes(2) for certificate in beneath.get_unverified_chain()]  # 2: DER


def _fingerprint_of_pem(pem: str) -> bytes:
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).digest()
    except ValueError as error:
        raise EnrolmentError("the platform answered without its CA; create a new token and try again") from error
