"""The gateway's own application instance certificate (OPC UA Part 6, 6.2.2)."""

import datetime as dt
import socket
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dualspan_edge.errors import GatewayError
from dualspan_edge.files import write_private

_KEY_BITS = 2048
_LIFETIME = dt.timedelta(days=5 * 365)
# A certificate that ends sooner than this is made anew at start: people have to trust the new one at each server.
_RENEW_BEFORE = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ApplicationInstance:
    """Who the gateway is towards OPC UA servers."""

    application_uri: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def load_application_instance(directory: Path, name: str) -> ApplicationInstance:
    """The instance that is stored in `directory`; a new one if there is none or it ends soon.

    Args:
        directory: Holds `application.pem`: key and certificate, readable by the owner only.
        name: Unique among gateways: the last part of the application URI.
    """
    path = directory / "application.pem"
    if path.exists():
        instance = _load(path)
        if instance.certificate.not_valid_after_utc - _now() > _RENEW_BEFORE:
            return instance
    instance = _create(name)
    key = instance.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(path, key + instance.certificate.public_bytes(Encoding.PEM))
    return instance


def _load(path: Path) -> ApplicationInstance:
    content = path.read_bytes()
    key = load_pem_private_key(content, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise GatewayError(f"{path} holds no RSA key; remove it, and the gateway makes a new one")
    certificate = x509.load_pem_x509_certificate(content)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    return ApplicationInstance(uri, certificate, key)


def _create(name: str) -> ApplicationInstance:
    host = socket.gethostname()
    uri = f"urn:{host}:dualspan:gateway:{name}"
    key = rsa.generate_private_key(65537, _KEY_BITS)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"DualSpan gateway {name}"[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "DualSpan"),
        ]
    )
    alternatives = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName(host)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - dt.timedelta(days=1))
        .not_valid_after(_now() + _LIFETIME)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return ApplicationInstance(uri, builder.sign(key, hashes.SHA256()), key)


def _key_usage() -> x509.KeyUsage:
    """What Part 6, 6.2.2 asks of an application instance certificate that signs itself."""
    return x509.KeyUsage(
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


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
