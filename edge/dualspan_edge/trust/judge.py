"""The judgement about a server's certificate: every check of Part 4, 6.1.3, and what outweighs what."""

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from dualspan.onboarding.v1 import trust_pb2
from dualspan_edge.trust import chain
from dualspan_edge.trust.anchors import Authority, TrustAnchors
from dualspan_edge.trust.problems import ChainError, Check, Problem, day, shown

_WEAK_HASHES = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class Question:
    """Which server is to be who.

    Attributes:
        host: The host that was connected to.
        application_uri: What the server's endpoint or the configuration says; not checked if empty.
        approved_sha256: Of the certificate that a person approved for this server; empty if none.
    """

    host: str
    application_uri: str = ""
    approved_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought of a certificate.

    Attributes:
        verdict: Whether it is trusted, and because of what.
        leaf: The server's own certificate, DER, as far as one could be cut out.
        certificate: The same, parsed; None if it cannot be.
        problems: What is wrong with it; where it is trusted, what a person's approval outweighs.
    """

    verdict: trust_pb2.TrustVerdict.ValueType
    leaf: bytes
    certificate: x509.Certificate | None
    problems: tuple[Problem, ...]

    @property
    def trusted(self) -> bool:
        """Whether the server may be talked to."""
        return self.verdict != trust_pb2.TRUST_VERDICT_UNTRUSTED

    @property
    def approvable(self) -> bytes:
        """The certificate, DER, if a person's approval would make it trusted; else empty."""
        return self.leaf if all(problem.check.outweighed for problem in self.problems) else b""

    @property
    def reasons(self) -> str:
        """The same without that nobody has approved it, which its being untrusted says already."""
        return "; ".join(problem.words for problem in self.problems if problem.check is not Check.TRUST)

    @property
    def words(self) -> str:
        """What is wrong and what to do; empty if nothing is."""
        return "; ".join(problem.words for problem in self.problems)


def judge(presented: bytes, question: Question, anchors: TrustAnchors, now: dt.datetime) -> Judgement:
    """Judges the certificate, or chain of them, that a server shows.

    Args:
        presented: DER, leaf first (Part 6, 6.2.3).
        question: Who it should be.
        anchors: Whom the gateway trusts.
        now: The time.
    """
    if len(presented) > chain.MOST_BYTES:
        words = f"the server shows a certificate of {len(presented)} bytes, and at most {chain.MOST_BYTES} are taken"
        return _refused(presented[:64], Problem(Check.STRUCTURE, words + "; make a new one at the server"))
    shown_chain = list(chain.split(presented))
    leaf = shown_chain[0] if shown_chain else presented
    try:
        certificate = chain.read(leaf)
    except ChainError as error:
        return _refused(leaf, error.problem)
    sha256 = hashlib.sha256(leaf).hexdigest()
    if sha256 == question.approved_sha256.lower():
        return _explicit(trust_pb2.TRUST_VERDICT_APPROVED, leaf, certificate, question, anchors, now)
    if sha256 in anchors.servers:
        return _explicit(trust_pb2.TRUST_VERDICT_LISTED, leaf, certificate, question, anchors, now)
    return _issued(leaf, certificate, shown_chain[1:], question, anchors, now)


def _refused(leaf: bytes, problem: Problem) -> Judgement:
    return Judgement(trust_pb2.TRUST_VERDICT_UNTRUSTED, leaf, None, (problem,))


def _explicit(
    verdict: trust_pb2.TrustVerdict.ValueType,
    leaf: bytes,
    certificate: x509.Certificate,
    question: Question,
    anchors: TrustAnchors,
    now: dt.datetime,
) -> Judgement:
    """Somebody has approved this very certificate: only its revocation outweighs that."""
    issuers = (a for a in anchors.named(certificate.issuer) if chain.issued_by(certificate, a.certificate))
    revoked = next((problem for issuer in issuers if (problem := _revoked(certificate, issuer))), None)
    if revoked is not None:
        return Judgement(trust_pb2.TRUST_VERDICT_UNTRUSTED, leaf, certificate, (revoked,))
    return Judgement(verdict, leaf, certificate, tuple(_own_problems(certificate, question, now)))


def _issued(
    leaf: bytes,
    certificate: x509.Certificate,
    others: Sequence[bytes],
    question: Question,
    anchors: TrustAnchors,
    now: dt.datetime,
) -> Judgement:
    """Nobody has approved this very certificate: a trusted authority must have issued it, and all must be in order."""
    try:
        path = chain.build(certificate, others, anchors)
    except ChainError as error:
        return Judgement(trust_pb2.TRUST_VERDICT_UNTRUSTED, leaf, certificate, (error.problem,))
    if not any(authority.trusted for authority in path):
        return Judgement(trust_pb2.TRUST_VERDICT_UNTRUSTED, leaf, certificate, (_unapproved(leaf, path, question),))
    problems = [*_own_problems(certificate, question, now), *_path_problems(certificate, path, now)]
    verdict = trust_pb2.TRUST_VERDICT_UNTRUSTED if problems else trust_pb2.TRUST_VERDICT_ISSUED
    return Judgement(verdict, leaf, certificate, tuple(problems))


def _unapproved(leaf: bytes, path: Sequence[Authority], question: Question) -> Problem:
    sha256 = hashlib.sha256(leaf).hexdigest()
    why = "has another certificate than the approved one" if question.approved_sha256 else ""
    why = why or "shows a certificate nobody approved yet"
    by = f" (issued by {shown(path[-1].certificate.subject)}, which is not trusted either)" if path else ""
    return Problem(
        Check.TRUST,
        f"the server {why}{by}. Compare its SHA-256 {sha256} with the server's own display and approve it",
    )


def _own_problems(certificate: x509.Certificate, question: Question, now: dt.datetime) -> Iterator[Problem]:
    """What is wrong with the server's certificate itself."""
    yield from _validity(certificate, now, "the server's certificate", "renew it at the server")
    yield from _host(certificate, question.host)
    yield from _application_uri(certificate, question.application_uri)
    yield from _usage(certificate)
    if isinstance(certificate.signature_hash_algorithm, _WEAK_HASHES):
        words = "the server's certificate is signed with SHA-1 or MD5, which can be forged; make a new one with SHA-256"
        yield Problem(Check.USAGE, words)


def _validity(certificate: x509.Certificate, now: dt.datetime, what: str, remedy: str) -> Iterator[Problem]:
    if now > certificate.not_valid_after_utc:
        yield Problem(Check.VALIDITY, f"{what} ended on {day(certificate.not_valid_after_utc)}; {remedy}")
    if now < certificate.not_valid_before_utc:
        begins = f"{what} begins on {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC, which is in the future"
        yield Problem(Check.VALIDITY, f"{begins}; check the clocks of the server and of the gateway")


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _host(certificate: x509.Certificate, host: str) -> Iterator[Problem]:
    names = _alternative_names(certificate)
    dns = [name.lower().rstrip(".") for name in names.get_values_for_type(x509.DNSName)] if names else []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)] if names else []
    try:
        wanted, found = str(ipaddress.ip_address(host.strip("[]"))), addresses
    except ValueError:
        wanted, found = host.lower().rstrip("."), dns
    # Some servers write an address as a name.
    if wanted not in found and wanted not in dns:
        known = ", ".join([*dns, *addresses][:5]) or "no host at all"
        words = f"the server's certificate is made for {known}, and the gateway connects to {host}"
        yield Problem(Check.HOST, f"{words}; connect by a name that is in it, or make one with this name at the server")


def _application_uri(certificate: x509.Certificate, wanted: str) -> Iterator[Problem]:
    names = _alternative_names(certificate)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    if not wanted or wanted in uris:
        return
    has = f"has the application URI {uris[0][:120]}" if uris else "has no application URI"
    words = f"the server's certificate {has}, and the server says that it is {wanted[:120]}"
    yield Problem(Check.APPLICATION_URI, f"{words}; make a new certificate at the server")


def _usage(certificate: x509.Certificate) -> Iterator[Problem]:
    """Part 6, 6.2.2: what the key may be used for."""
    missing: list[str] = []
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        wanted = {
            "digitalSignature": usage.digital_signature,
            "keyEncipherment": usage.key_encipherment,
            "dataEncipherment": usage.data_encipherment,
        }
        missing += [name for name, there in wanted.items() if not there]
    except x509.ExtensionNotFound:
        missing.append("keyUsage")
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.SERVER_AUTH not in extended:
            missing.append("serverAuth")
    except x509.ExtensionNotFound:
        missing.append("extendedKeyUsage")
    if missing:
        words = f"the server's certificate is not made for an OPC UA server: it lacks {', '.join(missing)}"
        yield Problem(Check.USAGE, f"{words}; make a new one at the server")


def _path_problems(leaf: x509.Certificate, path: Sequence[Authority], now: dt.datetime) -> Iterator[Problem]:
    """What is wrong with the issuers, and with what they say of what they have issued."""
    below = leaf
    for depth, authority in enumerate(path):
        what = f"the certificate of the authority {shown(authority.certificate.subject)}"
        yield from _validity(authority.certificate, now, what, "put its successor into the trust list")
        yield from _authority_usage(authority.certificate, depth)
        yield from _revocation(below, authority, now)
        below = authority.certificate


def _authority_usage(certificate: x509.Certificate, below: int) -> Iterator[Problem]:
    """RFC 5280, 6.1.4: an issuer must be a CA, and may bound how many CAs come below it."""
    who = shown(certificate.subject)
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = x509.BasicConstraints(ca=False, path_length=None)
    if not basic.ca:
        yield Problem(Check.ISSUER, f"{who} is no authority, and what it has issued is worth nothing; use a proper one")
    elif basic.path_length is not None and below > basic.path_length:
        yield Problem(Check.ISSUER, f"the authority {who} allows {basic.path_length} authorities below it, not {below}")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_cert_sign:
        yield Problem(Check.ISSUER, f"the key of {who} may not sign certificates (keyCertSign); use a proper authority")


def _revocation(below: x509.Certificate, authority: Authority, now: dt.datetime) -> Iterator[Problem]:
    who = shown(authority.certificate.subject)
    revoked = _revoked(below, authority)
    if revoked is not None:
        yield revoked
        return
    needed = authority.revocation_check != trust_pb2.REVOCATION_CHECK_IF_PRESENT
    if authority.revocation_list is None and needed:
        words = f"nobody knows which certificates {who} has revoked"
        yield Problem(Check.REVOCATION, f"{words}; add its revocation list (CRL) to the trust list")
    elif authority.stale(now) and authority.revocation_check in _FRESH:
        until = authority.revocation_list.next_update_utc if authority.revocation_list is not None else None
        words = f"the revocation list of {who} is out of date since {day(until)}" if until else ""
        yield Problem(Check.REVOCATION, f"{words}; add its next one to the trust list")


_FRESH = (trust_pb2.REVOCATION_CHECK_UNSPECIFIED, trust_pb2.REVOCATION_CHECK_REQUIRED)


def _revoked(below: x509.Certificate, authority: Authority) -> Problem | None:
    crl = authority.revocation_list
    entry = None if crl is None else crl.get_revoked_certificate_by_serial_number(below.serial_number)
    if entry is None:
        return None
    words = (
        f"the certificate {shown(below.subject)} was revoked by {shown(authority.certificate.subject)} on "
        f"{day(entry.revocation_date_utc)}; give the server a new one"
    )
    return Problem(Check.REVOKED, words)
