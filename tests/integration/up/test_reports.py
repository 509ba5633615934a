"""`dualspan verify-report` as somebody runs it who has the file and nothing else."""

import json
from pathlib import Path

import pytest
from unit.cli.test_statements import signed

from dualspan_identity.certification import CertificateAuthority, make_authority
from harness.up import Running, dualspan


@pytest.fixture
def authority() -> CertificateAuthority:
    return make_authority()


@pytest.fixture
def report(tmp_path: Path, authority: CertificateAuthority) -> Path:
    path = tmp_path / "plant.report"
    path.write_bytes(signed(authority))
    return path


def test_a_report_is_verified_against_a_fingerprint_or_a_certificate(
    tmp_path: Path, report: Path, authority: CertificateAuthority
) -> None:
    told = dualspan("verify-report", str(report), "--fingerprint", authority.fingerprint_sha256, folder=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "plant Ulm" in told.stdout
    assert "Filler/Speed · 速度" in told.stdout
    assert "The report is valid" in told.stdout
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.certificate_pem)
    told = dualspan("verify-report", str(report), "--ca", str(ca), "--json", folder=tmp_path)
    assert told.returncode == 0
    assert json.loads(told.stdout)["report"]["totals"]["missing_ms"] == 2


def test_what_is_wrong_is_said_in_a_plain_word_and_an_exit_code(
    tmp_path: Path, report: Path, authority: CertificateAuthority
) -> None:
    colons = ":".join(authority.fingerprint_sha256[at : at + 2].upper() for at in range(0, 64, 2))
    assert dualspan("verify-report", str(report), "--fingerprint", colons, folder=tmp_path).returncode == 0
    unknown = dualspan("verify-report", str(report), "--json", folder=tmp_path)
    assert (unknown.returncode, json.loads(unknown.stdout)["error"]["reason"]) == (4, "SIGNER_UNKNOWN")
    other = dualspan("verify-report", str(report), "--fingerprint", "0" * 64, "--json", folder=tmp_path)
    assert (other.returncode, json.loads(other.stdout)["error"]["reason"]) == (1, "SIGNER_NOT_TRUSTED")
    changed = bytearray(report.read_bytes())
    changed[len(changed) // 3] ^= 4
    report.write_bytes(changed)
    invalid = dualspan("verify-report", str(report), "--json", folder=tmp_path)
    assert (invalid.returncode, json.loads(invalid.stdout)["error"]["reason"]) == (1, "REPORT_INVALID")
    gone = dualspan("verify-report", str(tmp_path / "none"), "--json", folder=tmp_path)
    assert (gone.returncode, json.loads(gone.stdout)["error"]["reason"]) == (2, "FILE_UNREADABLE")


def test_a_report_of_nothing_says_what_to_look_at(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "x.report"
    told = dualspan("onboarding", "report", "--site", "Nowhere", "--out", str(out), "--json", folder=running.folder)
    assert told.returncode == 7, told.stdout + told.stderr
    assert json.loads(told.stdout)["error"]["reason"] == "NOTHING_TO_REPORT"
    assert not out.exists()
    told = dualspan("onboarding", "report", "--out", str(out), "--json", folder=running.folder)
    assert json.loads(told.stdout)["error"]["reason"] == "SCOPE_MISSING"
