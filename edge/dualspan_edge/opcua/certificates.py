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


@dataclass(frozen=True, slots=True)
class ApplicationInstance:
    """Who the gateway is towards OPC UA servers."""

    application_uri: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def load_application_instance(directory: Path, name: str) -> ApplicationInstance:
    """The instance that is stored in `directory`; a new one if there is none.

    Args:
        directory: Holds `application.pem`: key and certificate, readable by the owner only.
        name: Unique among gateways: the last part of the application URI.

    Raises:
        GatewayError: The file is damaged.
    """
    path = directory / "application.pem"
    instance = load_stored_instance(path)
    if instance is None:
        instance = create_application_instance(name)
        store_instance(path, instance)
    return instance


def store_instance(path: Path, instance: ApplicationInstance) -> None:
    """Writes key and certificate, for their owner only."""
    key = instance.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(path, key + instance.certificate.public_bytes(Encoding.PEM))


def load_stored_instance(path: Path) -> ApplicationInstance | None:
    """The instance in a file; None if there is no file.

    Raises:
        GatewayError: The file is damaged.
    """
    damaged = f"{path} is damaged; remove it, and the gateway makes a new one that servers must trust anew"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        key = load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise GatewayError(damaged) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise GatewayError(damaged)
    return ApplicationInstance(uri, certificate, key)


def create_application_instance(
    name: str, *, application_uri: str = "", lifetime: dt.timedelta = _LIFETIME
) -> ApplicationInstance:
    """A new key with a certificate that it signs itself.

    Args:
        name: Unique among gateways.
        application_uri: Made of the host and the name if empty; a successor keeps its predecessor's.
        lifetime: How long the certificate is valid.
    """
    host = socket.gethostname()
    uri = application_uri or f"urn:{host}:dualspan:gateway:{name}"
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
        .not_valid_after(_now() + lifetime)
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
