import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from dualspan_onboarding.calendar import CertificateState, CertificateUse, Dated, entry, expiry_notice
from dualspan_onboarding.certificates import (
    Facts,
    TrustUse,
    check_use,
    facts_of_der,
    first_of_chain,
    read_certificate,
    read_revocation_list,
)
from dualspan_onboarding.notices import Severity
from dualspan_onboarding.trust_steps import trust_steps
from dualspan_runtime.errors import InvalidArgument
from harness.certificates import DAY, HOST, NOW, URI, Authority, Wanted, certificate, der, key

ROOT = Authority.root()
LEAF = ROOT.issue(Wanted())


def test_a_certificate_is_read_from_der_and_pem() -> None:
    for data in (der(LEAF), LEAF.public_bytes(Encoding.PEM), b"\n" + LEAF.public_bytes(Encoding.PEM)):
        assert read_certificate(data) == LEAF
    facts = facts_of_der(der(LEAF))
    assert (facts.subject, facts.issuer, facts.application_uri) == ("CN=press-1", "CN=Plant CA", URI)
    assert (facts.hosts, facts.key_bits, facts.signature_hash) == ((HOST,), 2048, "sha256")
    assert (facts.not_before, facts.not_after) == (NOW - DAY, NOW + 365 * DAY)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "there is none"),
        (bytes(10_000_000), "10000000 bytes"),
        (der(LEAF)[:-1], "damaged"),
        (der(LEAF).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1), "damaged"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged"),
        (LEAF.public_bytes(Encoding.PEM) * 2, "holds 2"),
        (der(certificate(Wanted(key=key(20, 1024)))), "its key must be"),
    ],
    ids=["nothing", "ten megabytes", "cut off", "no such version", "no certificate", "several", "a small key"],
)
def test_what_cannot_be_trusted_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        read_certificate(data)


@given(st.binary(max_size=400))
def test_no_bytes_make_reading_fail(junk: bytes) -> None:
    with pytest.raises(InvalidArgument):
        read_certificate(junk)
    with pytest.raises(InvalidArgument):
        read_revocation_list(junk, ROOT.certificate)
    for data in (junk, der(LEAF) + junk):
        assert len(facts_of_der(data).sha256) == 64
        first_of_chain(data)
    assert first_of_chain(der(LEAF) + junk) == der(LEAF)


def test_an_authority_is_one() -> None:
    check_use(ROOT.certificate, TrustUse.AUTHORITY)
    check_use(LEAF, TrustUse.SERVER)
    for one, words in (
        (LEAF, "no authority"),
        (Authority.root("Odd", 3, key_cert_sign=False).certificate, "keyCertSign"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            check_use(one, TrustUse.ISSUER)


def test_a_revocation_list_must_be_the_authoritys_own() -> None:
    crl = read_revocation_list(ROOT.revocation_list(LEAF, number=7), ROOT.certificate)
    assert (crl.number, crl.revoked, crl.updated_at, crl.next_at) == (7, 1, NOW - DAY, NOW + 30 * DAY)
    other = Authority.root("Other CA", 2)
    with pytest.raises(InvalidArgument, match="issued by CN=Other CA, and this authority is CN=Plant CA"):
        read_revocation_list(other.revocation_list(), ROOT.certificate)
    with pytest.raises(InvalidArgument, match="not signed by the key"):
        read_revocation_list(ROOT.revocation_list(signer=key(9)), ROOT.certificate)
    with pytest.raises(InvalidArgument, match="at most 2097152"):
        read_revocation_list(bytes(3_000_000), ROOT.certificate)
    pem = x509.load_der_x509_crl(ROOT.revocation_list()).public_bytes(Encoding.PEM)
    assert read_revocation_list(pem, ROOT.certificate).revoked == 0


def dated(use: CertificateUse, days: float, **changes: object) -> Dated:
    facts = Facts("ab" * 32, "CN=x", "CN=x", not_before=NOW - 365 * DAY, not_after=NOW + dt.timedelta(days=days))
    return Dated("acme", "tenants/acme/gateways/g1", use, facts, **changes)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("use", "days", "severity", "words"),
    [
        (CertificateUse.SERVER, 30.5, None, ""),
        (CertificateUse.SERVER, 29, Severity.INFO, "within 30 days"),
        (CertificateUse.SERVER, 6.9, Severity.WARNING, "within 7 days"),
        (CertificateUse.SERVER, 0.5, Severity.CRITICAL, "within a day"),
        (CertificateUse.SERVER, -0.1, Severity.CRITICAL, "has ended on"),
        (CertificateUse.GATEWAY_TLS, 9, None, ""),
        (CertificateUse.GATEWAY_TLS, 6, Severity.WARNING, "within 7 days"),
        (CertificateUse.REVOCATION_LIST, 20, None, ""),
        (CertificateUse.PLATFORM_CA, 20, Severity.INFO, "within 30 days"),
    ],
)
def test_ends_are_said_at_thirty_seven_and_one_days(
    use: CertificateUse, days: float, severity: Severity | None, words: str
) -> None:
    notice = expiry_notice(dated(use, days), NOW)
    assert (notice.severity if notice else None) == severity
    if notice is not None:
        assert words in notice.text
        assert notice.remedy
        later = expiry_notice(dated(use, days), NOW + dt.timedelta(hours=1))
        assert later is not None
        assert later.text == notice.text, "the same words until the next step"


def test_nobody_is_told_of_what_is_not_in_use() -> None:
    assert expiry_notice(dated(CertificateUse.SERVER, 3, waiting=True), NOW) is None
    assert expiry_notice(dated(CertificateUse.GATEWAY_APPLICATION, 3, upcoming=True), NOW) is None


@pytest.mark.parametrize(
    ("one", "state", "acts"),
    [
        (dated(CertificateUse.SERVER, 100), CertificateState.VALID, False),
        (dated(CertificateUse.SERVER, 20), CertificateState.EXPIRING, True),
        (dated(CertificateUse.SERVER, -1), CertificateState.EXPIRED, True),
        (dated(CertificateUse.SERVER, 100, waiting=True), CertificateState.WAITING, True),
        (dated(CertificateUse.GATEWAY_APPLICATION, 100, upcoming=True), CertificateState.UPCOMING, True),
    ],
)
def test_the_calendar_says_how_each_stands_and_what_to_do(one: Dated, state: CertificateState, *, acts: bool) -> None:
    line = entry(one, NOW)
    assert (line.state, bool(line.action)) == (state, acts)


def test_what_renews_itself_says_when() -> None:
    line = entry(dated(CertificateUse.GATEWAY_TLS, 365), NOW)
    assert line.renew_at == NOW - 365 * DAY + (730 * DAY) * (2 / 3)
    assert entry(dated(CertificateUse.SERVER, 365), NOW).renew_at is None


def test_every_make_has_steps_that_end_with_a_check() -> None:
    for make in trust_steps("plant-1"):
        assert len(make.steps) >= 4
        assert "dualspan onboarding notices" in make.steps[-1]
    assert any("plant-1" in step for make in trust_steps("plant-1") for step in make.steps)
