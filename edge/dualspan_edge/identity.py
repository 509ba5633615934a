"""Who the gateway is towards the platform: its key, its certificate, and where the platform is."""

import datetime as dt
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from dualspan_edge.errors import NotEnrolledError
from dualspan_edge.files import write_private

# The certificate is renewed when this part of its life is over.
_RENEW_AT = 2 / 3


@dataclass(frozen=True, slots=True)
class Identity:
    """What enrolment gave, and the key that never left the gateway; all PEM.

    Attributes:
        gateway: `tenants/{tenant}/gateways/{gateway}`.
        onboarding_address: `host:port`.
        historian_address: `host:port`.
        ca_pem: What the platform's gateway ports are verified with.
        chain_pem: The gateway's certificate, leaf first.
        key_pem: Its key.
    """

    gateway: str
    onboarding_address: str
    historian_address: str
    ca_pem: str
    chain_pem: str
    key_pem: str

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The identity in a data folder.

        Raises:
            NotEnrolledError: There is none.
        """
        path = directory / "identity.json"
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError as error:
            raise NotEnrolledError(
                f"{directory} holds no identity: create a token on the platform and run `dualspan-gateway enroll TOKEN`"
            ) from error
        except (ValueError, TypeError) as error:
            raise NotEnrolledError(f"{path} is damaged; enrol again with a new token") from error

    def save(self, directory: Path) -> None:
        """Writes it, key and all, in one step, for the owner only."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        write_private(directory / "identity.json", json.dumps(fields).encode())

    def renewed(self, chain_pem: str, key_pem: str) -> Self:
        """The same gateway with a new certificate and its key."""
        return replace(self, chain_pem=chain_pem, key_pem=key_pem)

    @property
    def name(self) -> str:
        """The gateway's id: the last part of its name."""
        return self.gateway.rpartition("/")[2]

    def certificate(self) -> x509.Certificate:
        """The gateway's certificate."""
        return x509.load_pem_x509_certificate(self.chain_pem.encode())

    def renewal_time(self) -> dt.datetime:
        """When the certificate is to be renewed."""
        leaf = self.certificate()
        return leaf.not_valid_before_utc + (leaf.not_valid_after_utc - leaf.not_valid_before_utc) * _RENEW_AT

    def credentials(self) -> grpc.ChannelCredentials:
        """For mutual TLS with the platform."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca_pem.encode(),
            private_key=self.key_pem.encode(),
            certificate_chain=self.chain_pem.encode(),
        )


def enrolled_as(directory: Path) -> str | None:
    """The gateway whose data folder this is; None if it is nobody's yet."""
    try:
        return Identity.load(directory).gateway
    except NotEnrolledError:
        return None


def make_key_and_request(common_name: str) -> tuple[str, str]:
    """A new key and a certificate request for it (PKCS #10), both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key_pem.decode(), request.public_bytes(Encoding.PEM).decode()
