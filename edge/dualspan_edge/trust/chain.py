"""From a server's certificate to its root, within bounds that a hostile server cannot stretch."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning

from dualspan.onboarding.v1 import trust_pb2
from dualspan_edge.trust.anchors import Authority, TrustAnchors
from dualspan_edge.trust.problems import ChainError, Check, Problem, shown

MOST_BYTES = 65_536
_MOST_CERTIFICATES = 10
_LONGEST_PATH = 8
_MOST_SIGNATURE_CHECKS = 64
_REQUIRED = trust_pb2.REVOCATION_CHECK_REQUIRED
_LEAST_KEY_BITS = 2048
_MOST_KEY_BITS = 8192  # a larger one costs seconds per signature check


def first_certificate(presented: bytes) -> bytes:
    """The first certificate of a chain in DER, one after the other; what is no DER comes back as it is."""
    return next(iter(split(presented)), presented)


def split(presented: bytes) -> Iterator[bytes]:
    """The certificates of a chain in DER (Part 6, 6.2.3), one after the other; ends at what is no DER."""
    start = 0
    for _ in range(_MOST_CERTIFICATES):
        rest = presented[start : start + 6]
        if len(rest) < 4 or rest[0] != 0x30:
            return
        length, header = rest[1], 2
        if length & 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4:
                return
            length, header = int.from_bytes(rest[2 : 2 + octets], "big"), 2 + octets
        end = start + header + length
        if end > len(presented):
            return
        yield presented[start:end]
        start = end


def read(der: bytes) -> x509.Certificate:
    """A certificate whose parts that matter here can be read, with a key that may be used.

    Raises:
        ChainError: It is damaged, or its key is none that OPC UA's policies take.
    """
    try:
        # Some PLCs have a serial number that is not positive. Whether they are who they were stays to be told.
        with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):
            certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.signature_hash_algorithm
        _ = certificate.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as error:
        words = "the server's certificate cannot be read: it is damaged; make a new one at the server"
        raise ChainError(Problem(Check.STRUCTURE, words)) from error
    if not isinstance(key, rsa.RSAPublicKey) or not _LEAST_KEY_BITS <= key.key_size <= _MOST_KEY_BITS:
        bits = f"{_LEAST_KEY_BITS} to {_MOST_KEY_BITS}"
        words = (
            f"the certificate {shown(certificate.subject)} has no RSA key of {bits} bits; make a new one at the server"
        )
        raise ChainError(Problem(Check.KEY, words))
    return certificate


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name is in the certificate and its key has signed it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def build(leaf: x509.Certificate, presented: Sequence[bytes], anchors: TrustAnchors) -> list[Authority]:
    """The issuers of a certificate, from its own up to a root; empty if it has signed itself.

    Args:
        leaf: The server's certificate.
        presented: The other certificates that the server showed, DER.
        anchors: The trust list; its certificates go before those that the server showed.

    Raises:
        ChainError: An issuer is missing, a signature is wrong, the chain goes in a circle or is too long.
    """
    return _Search(presented, anchors).issuers(leaf)


class _Search:
    """Depth first, each certificate once per path, and so many signature checks in all."""

    def __init__(self, presented: Sequence[bytes], anchors: TrustAnchors) -> None:
        self._anchors = anchors
        listed = {authority.sha256 for authority in anchors.authorities}
        read = (authority for der in presented if (authority := _shown_authority(der)) is not None)
        shown_only = {authority.sha256: authority for authority in read if authority.sha256 not in listed}
        self._presented = list(shown_only.values())
        self._checks = 0
        self._problem: Problem | None = None

    def issuers(self, leaf: x509.Certificate) -> list[Authority]:
        path = self._up(leaf, [], {_sha256(leaf)})
        if path is None:
            raise ChainError(self._problem or _incomplete(leaf))
        return path

    def _up(self, certificate: x509.Certificate, path: list[Authority], seen: set[str]) -> list[Authority] | None:
        if certificate.issuer == certificate.subject and self._signed(certificate, certificate):
            return path
        if len(path) >= _LONGEST_PATH:
            words = f"the certificate chain has more than {_LONGEST_PATH} issuers; use a shorter one at the server"
            return self._fail(Problem(Check.CHAIN, words))
        for authority in self._named(certificate.issuer):
            if authority.sha256 in seen:
                words = (
                    f"the certificate chain goes in a circle at {shown(authority.certificate.subject)} and never comes "
                    "to a root; give the server a certificate of a proper authority"
                )
                self._fail(Problem(Check.CHAIN, words))
                continue
            if not self._signed(certificate, authority.certificate):
                continue
            found = self._up(authority.certificate, [*path, authority], seen | {authority.sha256})
            if found is not None:
                return found
        return self._fail(_incomplete(certificate))

    def _named(self, subject: x509.Name) -> Iterator[Authority]:
        yield from self._anchors.named(subject)
        yield from (authority for authority in self._presented if authority.certificate.subject == subject)

    def _signed(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        self._checks += 1
        if self._checks > _MOST_SIGNATURE_CHECKS:
            words = "the certificate chain branches without end; give the server a certificate of a proper authority"
            raise ChainError(Problem(Check.CHAIN, words))
        if issued_by(certificate, issuer):
            return True
        words = f"the signature on the certificate {shown(certificate.subject)} is not of {shown(issuer.subject)}"
        self._fail(Problem(Check.CHAIN, words + "; give the server a new certificate"))
        return False

    def _fail(self, problem: Problem) -> None:
        """Keeps the first problem: it is the nearest to the leaf's own branch."""
        self._problem = self._problem or problem


def _shown_authority(der: bytes) -> Authority | None:
    try:
        return Authority(
            read(der), hashlib.sha256(der).hexdigest(), trusted=False, revocation_check=_REQUIRED, revocation_list=None
        )
    except ChainError:
        return None


def _sha256(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _incomplete(certificate: x509.Certificate) -> Problem:
    words = (
        f"the certificate {shown(certificate.subject)} was issued by {shown(certificate.issuer)}, whose certificate is "
        "in no trust list and was not shown; add that authority to the trust list, or approve this certificate"
    )
    return Problem(Check.ISSUER, words)
