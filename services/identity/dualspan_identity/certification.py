"""X.509 for gateways (RFC 5280). Pure: keys and requests in, certificates out."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from dualspan_identity.errors import bad_csr, malformed

CA_LIFETIME = timedelta(days=3650)
LONGEST_LIFETIME = timedelta(days=30)
SHORTEST_LIFETIME = timedelta(seconds=1)
# Every gateway has to enrol anew with the next CA, which takes a fleet's people some time.
ENDS_SOON = timedelta(days=180)
# Clocks in plants are late at times; a certificate that is not valid yet helps nobody.
_BACKDATE = timedelta(minutes=5)
_LARGEST_CSR = 16 * 1024
_RSA_BITS = range(2048, 8193)
_HOST = re.compile(r"(?=.{1,253}$)(\*\.)?[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62})(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62}))*")


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate just signed.

    Attributes:
        chain_pem: It and the CA's, leaf first.
        serial: Lower-case hex.
        expires_at: When it stops being valid.
    """

    chain_pem: str
    serial: str
    expires_at: datetime


def end_words(end: datetime, now: datetime) -> str:
    """What is to be said of a gateway CA that ends at a time, and what to do; empty while there is nothing to say."""
    if end - now > ENDS_SOON:
        return ""
    what = "has expired: no gateway can connect" if end <= now else f"ends in {(end - now).days} days"
    return (
        f"the gateway CA {what}. Make a new one with `dualspan platform replace-authority`, start identity again, "
        "and have every gateway enrol anew"
    )


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        """The certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint_sha256(self) -> str:
        """SHA-256 over the DER form, lower-case hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def sign_gateway(self, csr_pem: str, uri: str, common_name: str, lifetime: timedelta) -> IssuedCertificate:
        """Signs a gateway's request; what the request says about its subject is not used.

        Args:
            csr_pem: PKCS #10.
            uri: Becomes the only subject alternative name.
            common_name: For people who look at it.
            lifetime: At most `LONGEST_LIFETIME`.
        """
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        return self._sign(read_csr(csr_pem), common_name, names, ExtendedKeyUsageOID.CLIENT_AUTH, lifetime)

    def sign_server(self, csr_pem: str, hosts: list[str]) -> IssuedCertificate:
        """Signs the request of a server that gateways reach by these DNS names and IP addresses."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._sign(read_csr(csr_pem), hosts[0][:64], names, ExtendedKeyUsageOID.SERVER_AUTH, LONGEST_LIFETIME)

    def _sign(
        self,
        public_key: CertificatePublicKeyTypes,
        common_name: str,
        names: x509.SubjectAlternativeName,
        usage: ObjectIdentifier,
        lifetime: timedelta,
    ) -> IssuedCertificate:
        now = datetime.now(UTC).replace(microsecond=0)
        serial = x509.random_serial_number()
        lifetime = min(max(lifetime, SHORTEST_LIFETIME), LONGEST_LIFETIME)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(now - _BACKDATE)
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(names, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        leaf = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return IssuedCertificate(leaf + self.certificate_pem, f"{serial:x}", certificate.not_valid_after_utc)


def make_authority() -> CertificateAuthority:
    """Returns a new CA: EC P-256, self-signed, ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DualSpan gateway CA")])
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return CertificateAuthority(certificate, key)


def read_csr(csr_pem: str) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """Returns the public key of a signing request that proves that its maker has the private one.

    Raises:
        InvalidArgument: It is no such request, or the key is too weak (`BAD_CSR`).
    """
    if len(csr_pem) > _LARGEST_CSR:
        raise bad_csr(f"is larger than {_LARGEST_CSR} bytes")
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        public_key = request.public_key()
        is_proven = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise bad_csr("cannot be read; send PKCS #10 in PEM form") from error
    if not is_proven:
        raise bad_csr("is not signed with its own key")
    if isinstance(public_key, ec.EllipticCurvePublicKey) and isinstance(public_key.curve, ec.SECP256R1):
        return public_key
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size in _RSA_BITS:
        return public_key
    raise bad_csr("has a key that is not accepted; use EC P-256, or RSA of 2048 bits and more")


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if _HOST.fullmatch(host) is None:
        raise malformed("hosts", f"has {host[:60]!r}, which is neither a DNS name nor an IP address")
    return x509.DNSName(host)
