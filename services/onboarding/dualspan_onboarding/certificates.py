"""What certificates and revocation lists say, read within bounds; the model of trust lists. No I/O."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan_onboarding.errors import malformed
from dualspan_onboarding.names import TrustedCertificateName
from dualspan_runtime.errors import InvalidArgument

MAX_CERTIFICATE_BYTES = 16_384
MAX_REVOCATION_LIST_BYTES = 2 * 1024 * 1024
_LEAST_KEY_BITS, _MOST_KEY_BITS = 2048, 8192
_MAX_NAME = 500
_PEM = b"-----BEGIN "


class TrustUse(IntEnum):
    """What an entry of a trust list is trusted for; the numbers of the contract."""

    SERVER = 1
    AUTHORITY = 2
    ISSUER = 3


class RevocationCheck(IntEnum):
    """How revocation is checked; the numbers of the contract."""

    REQUIRED = 1
    STALE_ALLOWED = 2
    IF_PRESENT = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says of itself. Empty and None where it cannot be read."""

    sha256: str
    subject: str = ""
    issuer: str = ""
    self_signed: bool = False
    not_before: datetime | None = None
    not_after: datetime | None = None
    application_uri: str = ""
    hosts: tuple[str, ...] = ()
    key_bits: int = 0
    signature_hash: str = ""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A revocation list (CRL), DER, and what it says."""

    der: bytes
    number: int | None
    updated_at: datetime
    next_at: datetime | None
    revoked: int


@dataclass(frozen=True, slots=True)
class NewTrust:
    """What a person wants to trust, checked. `gateway` is an id; None: every gateway of the tenant."""

    gateway: str | None
    use: TrustUse
    certificate: bytes
    facts: Facts
    revocation_check: RevocationCheck
    revocation_list: RevocationList | None
    note: str


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """An entry of a trust list as it is stored, without the revocation list itself."""

    name: TrustedCertificateName
    gateway: str | None
    use: TrustUse
    certificate: bytes
    revocation_check: RevocationCheck
    note: str
    added_by: str
    created_at: datetime
    crl_number: int | None
    crl_updated_at: datetime | None
    crl_next_at: datetime | None
    crl_revoked: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """An entry of a trust list as a gateway is told of it; `revocation_list` is empty if there is none."""

    entry_id: uuid.UUID
    use: TrustUse
    certificate: bytes
    sha256: str
    revocation_check: RevocationCheck
    revocation_list: bytes


def _refused(field: str, why: str) -> InvalidArgument:
    return malformed("CERTIFICATE_REFUSED", field, f"The {field.replace('_', ' ')} is refused: {why}.")


def _bounded(data: bytes, field: str, most: int) -> bytes:
    if not data:
        raise _refused(field, "there is none")
    if len(data) > most:
        raise _refused(field, f"it has {len(data)} bytes, and at most {most} are taken")
    return data


def sha256_of(der: bytes) -> str:
    """SHA-256, lower-case hex."""
    return hashlib.sha256(der).hexdigest()


def read_certificate(data: bytes) -> x509.Certificate:
    """One certificate, DER or PEM.

    Raises:
        InvalidArgument: it is too large, damaged, several, or its key is none that OPC UA's policies take.
    """
    _bounded(data, "certificate", MAX_CERTIFICATE_BYTES)
    try:
        if data.lstrip().startswith(_PEM):
            found = x509.load_pem_x509_certificates(data)
            if len(found) != 1:
                raise _refused("certificate", f"the file holds {len(found)}; add them one after the other")
            certificate = found[0]
        else:
            certificate = x509.load_der_x509_certificate(data)
        key = certificate.public_key()
        _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.signature_hash_algorithm
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as err:
        raise _refused(
            "certificate", "it is no X.509 certificate in DER or PEM, or is damaged; export it again"
        ) from err
    usable = isinstance(key, ec.EllipticCurvePublicKey) or (
        isinstance(key, rsa.RSAPublicKey) and _LEAST_KEY_BITS <= key.key_size <= _MOST_KEY_BITS
    )
    if not usable:
        raise _refused("certificate", f"its key must be RSA of {_LEAST_KEY_BITS} to {_MOST_KEY_BITS} bits, or EC")
    return certificate


def check_use(certificate: x509.Certificate, use: TrustUse) -> None:
    """Refuse an authority that is none; raises InvalidArgument."""
    if use is TrustUse.SERVER:
        return
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = None
    if basic is None or not basic.ca:
        raise _refused("certificate", "it is no authority (CA); add it as a server's certificate instead")
    try:
        signs = certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        signs = True
    if not signs:
        raise _refused("certificate", "its key may not sign certificates (keyCertSign); use the authority's own")


def read_revocation_list(data: bytes, authority: x509.Certificate) -> RevocationList:
    """A revocation list of an authority, DER or PEM.

    Raises:
        InvalidArgument: it is too large, damaged, a delta, of another authority, or not signed by this one.
    """
    _bounded(data, "revocation_list", MAX_REVOCATION_LIST_BYTES)
    try:
        load = x509.load_pem_x509_crl if data.lstrip().startswith(_PEM) else x509.load_der_x509_crl
        crl = load(data)
        extensions, revoked = crl.extensions, len(crl)
        updated_at, next_at = crl.last_update_utc, crl.next_update_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as err:
        raise _refused("revocation_list", "it is no CRL in DER or PEM, or is damaged; export it again") from err
    subject, issuer = _name(authority.subject), _name(crl.issuer)
    if crl.issuer != authority.subject:
        raise _refused("revocation_list", f"it was issued by {issuer}, and this authority is {subject}")
    key = authority.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not crl.is_signature_valid(key):
        raise _refused("revocation_list", f"it is not signed by the key of this authority, {subject}")
    odd = [one for one in extensions if one.critical and not isinstance(one.value, x509.CRLNumber)]
    if odd:
        raise _refused("revocation_list", "it is a delta or covers only a part; export the complete list")
    numbers = [one.value.crl_number for one in extensions if isinstance(one.value, x509.CRLNumber)]
    return RevocationList(crl.public_bytes(Encoding.DER), numbers[0] if numbers else None, updated_at, next_at, revoked)


def check_newer(new: RevocationList, entry: TrustEntry) -> None:
    """Refuse to go back to an older list, on which a revoked certificate may be missing; raises InvalidArgument."""
    older = entry.crl_updated_at is not None and new.updated_at < entry.crl_updated_at
    if None not in (entry.crl_number, new.number):
        older = older or (new.number or 0) < (entry.crl_number or 0)
    if older:
        raise _refused("revocation_list", "it is older than the one that is there; export the newest")


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()[:_MAX_NAME].replace("\x00", "�")


def facts_of(certificate: x509.Certificate) -> Facts:
    """What a certificate says."""
    key, hosts, uri = certificate.public_key(), [], ""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
        uri = next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), "")
    except x509.ExtensionNotFound:
        pass
    algorithm = certificate.signature_hash_algorithm
    return Facts(
        sha256=sha256_of(certificate.public_bytes(Encoding.DER)),
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        self_signed=certificate.subject == certificate.issuer,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        application_uri=uri[:_MAX_NAME],
        hosts=tuple(host[:255] for host in hosts[:20]),
        key_bits=key.key_size if isinstance(key, rsa.RSAPublicKey) else 0,
        signature_hash=algorithm.name if algorithm else "",
    )


def facts_of_der(der: bytes) -> Facts:
    """What a certificate of whatever origin says; only its fingerprint where it cannot be read."""
    try:
        return facts_of(x509.load_der_x509_certificate(der[:MAX_CERTIFICATE_BYTES]))
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension):
        return Facts(sha256_of(der))


def first_of_chain(chain: bytes) -> bytes:
    """The first certificate of a chain in DER, one after the other; what is no DER comes back as it is."""
    if len(chain) < 4 or chain[0] != 0x30:
        return chain
    length, header = chain[1], 2
    if length & 0x80:
        octets = length & 0x7F
        length, header = int.from_bytes(chain[2 : 2 + octets], "big"), 2 + octets
    return chain[: header + length]
