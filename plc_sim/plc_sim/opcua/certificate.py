"""The application instance certificate of a simulated server (Part 6, 6.2.2)."""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = timedelta(days=5 * 365)


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's key and certificate, PEM and DER.

    Attributes:
        key_pem: PKCS #8, not encrypted.
        certificate_der: The certificate.
    """

    key_pem: bytes
    certificate_der: bytes

    @property
    def sha256(self) -> str:
        """Fingerprint of the certificate, lower-case hexadecimal."""
        return hashlib.sha256(self.certificate_der).hexdigest()


def create(application_uri: str, common_name: str, hosts: tuple[str, ...]) -> Identity:
    """Make a self-signed certificate whose subject alternative names hold the application URI and the hosts."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "DualSpan"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(application_uri)]
    names += [_host_name(host) for host in hosts]
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(key_pem, certificate.public_bytes(serialization.Encoding.DER))


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def load_or_create(folder: Path, application_uri: str, common_name: str, hosts: tuple[str, ...]) -> Identity:
    """The identity kept in `folder`, made on first use."""
    key_path, certificate_path = folder / "server.key.pem", folder / "server.der"
    if key_path.exists() and certificate_path.exists():
        return Identity(key_path.read_bytes(), certificate_path.read_bytes())
    return renew(folder, application_uri, common_name, hosts)


def renew(folder: Path, application_uri: str, common_name: str, hosts: tuple[str, ...]) -> Identity:
    """Replace the identity kept in `folder` by a new one."""
    return keep(folder, create(application_uri, common_name, hosts))


def keep(folder: Path, identity: Identity) -> Identity:
    """Write an identity into `folder`, the key for its owner alone."""
    folder.mkdir(parents=True, exist_ok=True)
    key_path = folder / "server.key.pem"
    key_path.touch(mode=0o600)
    key_path.write_bytes(identity.key_pem)
    (folder / "server.der").write_bytes(identity.certificate_der)
    return identity
