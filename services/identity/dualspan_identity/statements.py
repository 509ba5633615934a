"""Signed statements: DSSE's encoding, and certificates for the keys that sign. Pure."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID, ObjectIdentifier

from dualspan_identity.certification import CertificateAuthority
from dualspan_identity.errors import malformed

LARGEST_PAYLOAD = 48 << 20
CERTIFICATE_LIFETIME = timedelta(days=730)
# Two thirds of its life, as for every certificate here; a statement is valid if it was made within it.
RENEW_AFTER = timedelta(days=486)
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""RFC 9336, 3.1: the key signs documents, and neither gateways nor servers may show its certificate."""
_BACKDATE = timedelta(minutes=5)
_PAYLOAD_TYPE = re.compile(r"application/vnd\.dualspan\.[a-z0-9.-]{1,80}\+json")


@dataclass(frozen=True, slots=True)
class StatementKey:
    """A key of statements.

    Attributes:
        key_id: SHA-256 over the public key's DER form, lower-case hex.
        certificate_chain_pem: Its certificate and the CA's.
        sealed_private_key: Opened by `Sealer`.
        renew_at: From then on another one signs.
    """

    key_id: str
    certificate_chain_pem: str
    sealed_private_key: bytes
    renew_at: datetime


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and what vouches for its key."""

    key_id: str
    signature: bytes
    certificate_chain_pem: str


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: DSSE v1.0's PAE, which keeps type and payload apart."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def check_statement(payload_type: str, payload: bytes) -> None:
    """Check that this is something that the platform signs.

    Raises:
        InvalidArgument: It is not (`MALFORMED_FIELD`).
    """
    if _PAYLOAD_TYPE.fullmatch(payload_type) is None:
        raise malformed("payload_type", "must be application/vnd.dualspan.….v1+json")
    if not 1 <= len(payload) <= LARGEST_PAYLOAD:
        raise malformed("payload", f"must have 1 to {LARGEST_PAYLOAD} bytes")


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return the id of a public key."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def certify(authority: CertificateAuthority, key: Ed25519PublicKey) -> str:
    """Return a chain for a statement key: its certificate and the CA's, PEM, leaf first."""
    now = datetime.now(UTC).replace(microsecond=0)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DualSpan statements")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(min(now + CERTIFICATE_LIFETIME, authority.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode() + authority.certificate_pem


def sign(key: StatementKey, private: Ed25519PrivateKey, payload_type: str, payload: bytes) -> Signature:
    """Sign a statement."""
    signature = private.sign(pre_authentication_encoding(payload_type, payload))
    return Signature(key.key_id, signature, key.certificate_chain_pem)
