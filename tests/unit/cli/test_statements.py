"""A report verifies as it is, and in no other way."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from dualspan_cli.errors import CommandError
from dualspan_cli.statements import COMPLETENESS, canonical, check_signer, fingerprint_of, verify_statement
from dualspan_historian.report.document import PAYLOAD_TYPE, Signature, document, envelope
from dualspan_historian.report.model import ReportQuery, ReportTag, TagFigures, Times
from dualspan_identity.certification import CertificateAuthority, make_authority
from dualspan_identity.statements import StatementKey, certify, key_id_of, sign

NOW = int(datetime.now(UTC).timestamp() * 1e6)
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return make_authority()


def key_of(authority: CertificateAuthority) -> tuple[StatementKey, Ed25519PrivateKey]:
    private = Ed25519PrivateKey.generate()
    chain = certify(authority, private.public_key())
    return StatementKey(key_id_of(private.public_key()), chain, b"", datetime.now(UTC)), private


def payload(created_us: int | None = None) -> bytes:
    tag = ReportTag(7, "Filler/Speed · 速度", "tenants/acme/gateways/g/servers/s")
    line = TagFigures(tag, Times(HOUR, HOUR - 1500, 0, 1500, 0), 36_000, 0, None, 0, causes={4: 1500})
    query = ReportQuery("plant Ulm", (tag,), NOW - HOUR, NOW, "users/ada")
    # A report is made after the certificate of its key, however long ago this module was imported.
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    return document("acme", query, [line], [], now_us if created_us is None else created_us)


def signed(authority: CertificateAuthority, content: bytes | None = None, kind: str = PAYLOAD_TYPE) -> bytes:
    key, private = key_of(authority)
    content = payload() if content is None else content
    one = sign(key, private, kind, content)
    return envelope(content, Signature(one.key_id, one.signature, one.certificate_chain_pem))


def refusal(data: bytes) -> str:
    with pytest.raises(CommandError) as caught:
        verify_statement(data)
    assert caught.value.reason == "REPORT_INVALID"
    return str(caught.value)


def test_what_the_platform_writes_is_valid(authority: CertificateAuthority) -> None:
    assert PAYLOAD_TYPE == COMPLETENESS
    statement = verify_statement(signed(authority))
    assert statement.content["subject"] == "plant Ulm"
    assert statement.content["tags"][0]["missing_ms"] == 2, "what is missing is never rounded away"
    assert statement.ca_sha256 == authority.fingerprint_sha256 == fingerprint_of(authority.certificate_pem.encode())
    check_signer(statement, {authority.fingerprint_sha256})


def test_a_flipped_bit_anywhere_is_found(authority: CertificateAuthority) -> None:
    data = signed(authority)
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << (position % 8)
        refusal(bytes(flipped))


def test_bits_that_parsers_pass_over_are_found() -> None:
    """The octet before a certificate's signature says how many of its last bits do not count; nothing signs it."""

    def changed(pem: str) -> str | None:
        der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
        signature = x509.load_der_x509_certificate(der).signature
        at = len(der) - len(signature) - 1
        other = der[:at] + b"\x01" + signature
        try:
            # Where that bit is not 0 the certificate cannot be read any more.
            read = x509.load_der_x509_certificate(other)
        except ValueError:
            return None
        return read.public_bytes(serialization.Encoding.PEM).decode()

    found = 0
    while not found:
        own = make_authority()
        shown = json.loads(signed(own))
        leaf, ca = re.findall(r"-----BEGIN.*?END CERTIFICATE-----\n", shown["signatures"][0]["certificates"], re.DOTALL)
        for others in ((changed(leaf), ca), (leaf, changed(ca))):
            if None not in others:
                shown["signatures"][0]["certificates"] = "".join(filter(None, others))
                assert "damaged" in refusal(canonical(shown) + b"\n")
                found += 1


def test_what_is_cut_or_added_is_found(authority: CertificateAuthority) -> None:
    data = signed(authority)
    for other in (b"", data[:-1], data[: len(data) // 2], data + b"\n", b" " + data, data.replace(b'":"', b'": "', 1)):
        refusal(other)
    shown = json.loads(data)
    refusal(json.dumps(shown, indent=1).encode())
    shown["more"] = "x"
    refusal(canonical(shown) + b"\n")
    refusal(b"[" * 100_000)


def test_another_platform_s_report_is_not_trusted(authority: CertificateAuthority) -> None:
    statement = verify_statement(signed(make_authority()))
    with pytest.raises(CommandError) as caught:
        check_signer(statement, {authority.fingerprint_sha256})
    assert caught.value.reason == "SIGNER_NOT_TRUSTED"
    with pytest.raises(CommandError) as caught:
        check_signer(statement, set())
    assert (caught.value.reason, caught.value.exit_code) == ("SIGNER_UNKNOWN", 4)


def test_a_gateway_s_certificate_signs_no_reports(authority: CertificateAuthority) -> None:
    """Gateways have certificates of the same CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "g")])
    )
    pem = csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    chain = authority.sign_gateway(pem, "dualspan:tenants/acme/gateways/g", "g", timedelta(days=1)).chain_pem
    content = payload()
    signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    assert "not one for signing" in refusal(envelope(content, Signature("0" * 64, signature, chain)))


def test_a_foreign_signature_under_the_platform_s_certificate_is_found(authority: CertificateAuthority) -> None:
    key, _ = key_of(authority)
    content = payload()
    forged = sign(key, Ed25519PrivateKey.generate(), PAYLOAD_TYPE, content)
    data = envelope(content, Signature(forged.key_id, forged.signature, forged.certificate_chain_pem))
    assert "changed after it was signed" in refusal(data)


def test_a_time_outside_of_the_certificate_s_life_is_found(authority: CertificateAuthority) -> None:
    assert "not valid" in refusal(signed(authority, payload(NOW - 24 * HOUR)))


def test_another_kind_of_statement_is_no_report(authority: CertificateAuthority) -> None:
    content = payload()
    data: dict[str, Any] = json.loads(signed(authority, content, kind="application/vnd.dualspan.other.v1+json"))
    refusal(canonical(data) + b"\n")
    data["payloadType"] = "application/vnd.dualspan.other.v1+json"
    assert "something else" in refusal(canonical(data) + b"\n")
    assert base64.b64decode(data["payload"]) == content
