"""The trust list as it is held in the gateway: parsed once, asked often."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dualspan.onboarding.v1 import trust_pb2

_SIGNERS = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that has issued others."""

    certificate: x509.Certificate
    sha256: str
    trusted: bool
    revocation_check: trust_pb2.RevocationCheck.ValueType
    revocation_list: x509.CertificateRevocationList | None

    def stale(self, now: dt.datetime) -> bool:
        """Whether its revocation list is out of date."""
        until = None if self.revocation_list is None else self.revocation_list.next_update_utc
        return until is not None and until < now


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Whom a gateway trusts beside the approved certificate of each server.

    Attributes:
        servers: SHA-256 of server certificates that are trusted by themselves.
        authorities: Those that are trusted, and those that only complete chains.
    """

    servers: frozenset[str] = frozenset()
    authorities: tuple[Authority, ...] = ()
    _by_subject: dict[bytes, list[Authority]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, message: trust_pb2.TrustList) -> Self:
        """The list that the platform sent; an entry that cannot be read is left out and logged."""
        read = [authority for one in message.authorities if (authority := _authority(one)) is not None]
        by_subject: dict[bytes, list[Authority]] = {}
        for authority in read:
            by_subject.setdefault(authority.certificate.subject.public_bytes(), []).append(authority)
        return cls(frozenset(one.lower() for one in message.server_sha256), tuple(read), by_subject)

    def named(self, subject: x509.Name) -> Sequence[Authority]:
        """The authorities with this name; there may be several, with different keys."""
        return self._by_subject.get(subject.public_bytes(), ())


def _authority(message: trust_pb2.TrustList.Authority) -> Authority | None:
    try:
        certificate = x509.load_der_x509_certificate(message.certificate)
        revoked = _revocation_list(message.revocation_list, certificate)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        _log.warning("trust_list_entry_unreadable", error=str(error))
        return None
    sha256 = hashlib.sha256(message.certificate).hexdigest()
    check = message.revocation_check or trust_pb2.REVOCATION_CHECK_REQUIRED
    return Authority(certificate, sha256, message.trusted, check, revoked)


def _revocation_list(der: bytes, issuer: x509.Certificate) -> x509.CertificateRevocationList | None:
    """The list, if this authority has signed it: what somebody else has signed says nothing."""
    if not der:
        return None
    crl = x509.load_der_x509_crl(der)
    key = issuer.public_key()
    if crl.issuer == issuer.subject and isinstance(key, _SIGNERS) and crl.is_signature_valid(key):
        return crl
    _log.warning("revocation_list_of_somebody_else", authority=issuer.subject.rfc4514_string())
    return None
