import datetime as dt
import hashlib
import time

import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dualspan.onboarding.v1 import trust_pb2
from dualspan_edge.trust import Judgement, Question, TrustAnchors, first_certificate, judge
from dualspan_edge.trust.problems import Check
from harness.certificates import DAY, HOST, NOW, URI, Authority, Wanted, certificate, der, key

UNTRUSTED, APPROVED = trust_pb2.TRUST_VERDICT_UNTRUSTED, trust_pb2.TRUST_VERDICT_APPROVED
LISTED, ISSUED = trust_pb2.TRUST_VERDICT_LISTED, trust_pb2.TRUST_VERDICT_ISSUED
ROOT = Authority.root()


def listed(
    *authorities: Authority,
    crls: dict[str, bytes] | None = None,
    check: trust_pb2.RevocationCheck.ValueType = trust_pb2.REVOCATION_CHECK_REQUIRED,
    issuers: tuple[Authority, ...] = (),
    servers: tuple[str, ...] = (),
) -> TrustAnchors:
    """A trust list; every authority has an empty revocation list unless `crls` says otherwise."""
    stated = crls or {}
    entries = [
        trust_pb2.TrustList.Authority(
            certificate=der(one.certificate),
            revocation_list=stated.get(one.subject, one.revocation_list()),
            trusted=one not in issuers,
            revocation_check=check,
        )
        for one in (*authorities, *issuers)
    ]
    return TrustAnchors.of(trust_pb2.TrustList(authorities=entries, server_sha256=servers))


def asked(
    presented: bytes,
    anchors: TrustAnchors | None = None,
    *,
    host: str = HOST,
    uri: str = URI,
    approved: str = "",
    now: dt.datetime = NOW,
) -> Judgement:
    return judge(presented, Question(host, uri, approved), anchors or TrustAnchors(), now)


def checks(judgement: Judgement) -> set[Check]:
    return {problem.check for problem in judgement.problems}


def sha256(one: x509.Certificate) -> str:
    return hashlib.sha256(der(one)).hexdigest()


def test_a_certificate_that_a_trusted_authority_has_issued_is_trusted() -> None:
    judgement = asked(der(ROOT.issue(Wanted())), listed(ROOT))
    assert (judgement.verdict, judgement.problems) == (ISSUED, ())


def test_a_certificate_that_nobody_vouches_for_waits() -> None:
    one = certificate(Wanted())
    judgement = asked(der(one), listed(ROOT))
    assert (judgement.verdict, judgement.approvable) == (UNTRUSTED, der(one))
    assert "nobody approved yet" in judgement.words
    assert sha256(one) in judgement.words
    assert asked(der(one), approved=sha256(one)).verdict == APPROVED
    assert asked(der(one), listed(servers=(sha256(one),))).verdict == LISTED
    assert "another certificate than the approved one" in asked(der(one), approved="0" * 64).words


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"end": NOW - DAY, "begin": NOW - 2 * DAY}, Check.VALIDITY, "ended on"),
        ({"begin": NOW + DAY}, Check.VALIDITY, "check the clocks"),
        ({"host": "press-2.plant"}, Check.HOST, "made for press-2.plant"),
        ({"uri": "urn:plant:press-2"}, Check.APPLICATION_URI, "urn:plant:press-2"),
        ({"usage": False}, Check.USAGE, "lacks digitalSignature"),
    ],
)
def test_what_is_wrong_with_a_certificate_outweighs_its_authority_and_not_a_persons_approval(
    changes: dict[str, object], check: Check, words: str
) -> None:
    one = ROOT.issue(Wanted(**changes))  # pyright: ignore[reportArgumentType]
    judgement = asked(der(one), listed(ROOT))
    assert (judgement.verdict, checks(judgement), judgement.approvable) == (UNTRUSTED, {check}, der(one))
    assert words in judgement.words
    approved = asked(der(one), listed(ROOT), approved=sha256(one))
    assert (approved.verdict, approved.words) == (APPROVED, judgement.words)


def test_a_revoked_certificate_is_not_trusted_whoever_approved_it() -> None:
    one = ROOT.issue(Wanted())
    anchors = listed(ROOT, crls={"Plant CA": ROOT.revocation_list(one)})
    for approved in ("", sha256(one)):
        judgement = asked(der(one), anchors, approved=approved)
        assert (judgement.verdict, checks(judgement), judgement.approvable) == (UNTRUSTED, {Check.REVOKED}, b"")
        assert "was revoked by CN=Plant CA" in judgement.words


@pytest.mark.parametrize(
    ("crl", "check", "trusted"),
    [
        (b"", trust_pb2.REVOCATION_CHECK_REQUIRED, False),
        (b"", trust_pb2.REVOCATION_CHECK_IF_PRESENT, True),
        (ROOT.revocation_list(until=NOW - DAY, updated=NOW - 2 * DAY), trust_pb2.REVOCATION_CHECK_REQUIRED, False),
        (ROOT.revocation_list(until=NOW - DAY, updated=NOW - 2 * DAY), trust_pb2.REVOCATION_CHECK_STALE_ALLOWED, True),
        (ROOT.revocation_list(signer=key(9)), trust_pb2.REVOCATION_CHECK_REQUIRED, False),
        (Authority.root("Other CA", 2).revocation_list(), trust_pb2.REVOCATION_CHECK_REQUIRED, False),
        (b"junk", trust_pb2.REVOCATION_CHECK_REQUIRED, False),
    ],
    ids=["none", "none needed", "stale", "stale allowed", "forged", "of another authority", "damaged"],
)
def test_revocation_must_be_known_unless_somebody_said_otherwise(
    crl: bytes, check: trust_pb2.RevocationCheck.ValueType, *, trusted: bool
) -> None:
    judgement = asked(der(ROOT.issue(Wanted())), listed(ROOT, crls={"Plant CA": crl}, check=check))
    assert judgement.trusted is trusted
    if not trusted and crl != b"junk":
        assert checks(judgement) == {Check.REVOCATION}


def test_a_chain_over_an_issuer_that_the_server_shows_or_the_list_has() -> None:
    middle = ROOT.below("Line CA", 2)
    leaf = der(middle.issue(Wanted()))
    shown = leaf + der(middle.certificate)
    without = asked(leaf, listed(ROOT))
    assert "issued by CN=Line CA" in without.words
    # What the server shows completes the chain; the list must still say what that issuer has revoked.
    assert checks(asked(shown, listed(ROOT))) == {Check.REVOCATION}
    assert asked(leaf, listed(ROOT, issuers=(middle,))).verdict == ISSUED
    assert asked(leaf, listed(issuers=(ROOT, middle))).verdict == UNTRUSTED
    revoked = {"Plant CA": ROOT.revocation_list(middle.certificate)}
    assert checks(asked(leaf, listed(ROOT, issuers=(middle,), crls=revoked))) == {Check.REVOKED}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key_cert_sign": False}, "may not sign certificates"),
        ({"end": NOW - DAY, "begin": NOW - 2 * DAY}, "successor"),
    ],
)
def test_an_authority_must_be_one_and_still_valid(changes: dict[str, object], words: str) -> None:
    odd = Authority.root("Odd CA", 3, **changes)
    judgement = asked(der(odd.issue(Wanted())), listed(odd))
    assert judgement.verdict == UNTRUSTED
    assert words in judgement.words


def test_who_is_no_authority_has_issued_nothing() -> None:
    wanted = Wanted("press-9", key(4))
    impostor = Authority("press-9", key(4), ROOT.issue(wanted))
    judgement = asked(der(impostor.issue(Wanted())), listed(ROOT, issuers=(impostor,)))
    assert "is no authority" in judgement.words


def test_an_authority_bounds_how_many_come_below_it() -> None:
    top = Authority.root("Top CA", 5, path_length=0)
    middle = top.below("Line CA", 2)
    judgement = asked(der(middle.issue(Wanted())), listed(top, issuers=(middle,)))
    assert "allows 0 authorities below it" in judgement.words


def ring(size: int) -> list[Authority]:
    """Authorities of whom each was issued by the one before it, and the first by the last."""
    subjects = [f"Ring {number}" for number in range(size)]
    keys = [key(10 + number % 3) for number in range(size)]
    return [
        Authority(
            subject,
            keys[number],
            certificate(Wanted(subject, keys[number], is_authority=True), subjects[number - 1], keys[number - 1]),
        )
        for number, subject in enumerate(subjects)
    ]


@pytest.mark.parametrize("size", [2, 3, 6])
def test_a_chain_that_goes_in_a_circle_ends(size: int) -> None:
    circle = ring(size)
    leaf = circle[0].issue(Wanted())
    presented = der(leaf) + b"".join(der(one.certificate) for one in circle)
    begun = time.perf_counter()
    for anchors in (TrustAnchors(), listed(*circle), listed(ROOT)):
        judgement = asked(presented, anchors)
        assert judgement.verdict == UNTRUSTED
        assert "in a circle" in judgement.words
    assert time.perf_counter() - begun < 2.0


def test_a_chain_without_end_and_one_that_branches_everywhere_end_too() -> None:
    above = [ROOT]
    for number in range(12):
        above.append(above[-1].below(f"Level {number}", 10 + number % 3))
    begun = time.perf_counter()
    judgement = asked(der(above[-1].issue(Wanted())), listed(*above))
    assert "more than 8 issuers" in judgement.words
    # Twenty of the same name, each issued by all others: every one is a way that leads nowhere.
    same = [Authority.root("Same", 10 + number % 3) for number in range(20)]
    crossed = [
        Authority("Same", one.key, same[index - 1].issue(_authority("Same", one))) for index, one in enumerate(same)
    ]
    judgement = asked(der(crossed[0].issue(Wanted())), listed(*crossed))
    assert judgement.verdict == UNTRUSTED
    assert time.perf_counter() - begun < 5.0


def _authority(subject: str, one: Authority) -> Wanted:
    return Wanted(subject, one.key, is_authority=True)


def test_a_forged_signature_is_seen() -> None:
    forged = certificate(Wanted(), "Plant CA", key(9))
    judgement = asked(der(forged), listed(ROOT))
    assert (judgement.verdict, checks(judgement)) == (UNTRUSTED, {Check.CHAIN})


def test_ten_megabytes_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    really_read = x509.load_der_x509_certificate

    def read(der: bytes) -> x509.Certificate:
        assert len(der) < 1_000_000
        return really_read(der)

    monkeypatch.setattr(x509, "load_der_x509_certificate", read)
    judgement = asked(b"\x30\x84\x00\x98\x96\x80" + bytes(10_000_000), listed(ROOT))
    assert (judgement.verdict, judgement.approvable) == (UNTRUSTED, b"")
    assert "10000006 bytes" in judgement.words


def test_small_keys_are_refused_even_if_approved() -> None:
    weak = certificate(Wanted(key=key(20, 1024)))
    judgement = asked(der(weak), approved=sha256(weak))
    assert (judgement.verdict, checks(judgement), judgement.approvable) == (UNTRUSTED, {Check.KEY}, b"")


def test_hosts_are_compared_as_hosts() -> None:
    numbered = certificate(Wanted(host="10.0.0.5"))
    for host, fits in (("10.0.0.5", True), ("10.0.0.6", False), ("press-1.plant", False)):
        judgement = asked(der(numbered), host=host, approved=sha256(numbered))
        assert (judgement.problems == ()) is fits
    named = certificate(Wanted(host="Press-1.Plant"))
    assert asked(der(named), host="PRESS-1.plant.", approved=sha256(named)).problems == ()


GOOD = der(ROOT.issue(Wanted()))


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(junk: bytes) -> None:
    for presented in (junk, GOOD + junk, b"\x30\x82" + junk):
        assert isinstance(asked(presented, listed()).verdict, int)
        assert isinstance(first_certificate(presented), bytes)


@settings(max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.integers(0, len(GOOD)))
@example(12, 1, 0)  # a version that there is not
@example(15, 0x80, 0)  # a serial number below zero
def test_a_damaged_certificate_is_never_trusted(position: int, flip: int, cut: int) -> None:
    anchors = listed(ROOT)
    damaged = bytearray(GOOD)
    damaged[position] ^= flip
    assert not asked(bytes(damaged), anchors).trusted
    assert asked(GOOD[:cut], anchors).trusted is (cut == len(GOOD))
