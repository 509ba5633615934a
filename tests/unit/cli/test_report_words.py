from pathlib import Path

import pytest

from dualspan_cli.commands.reports import verify_report
from dualspan_cli.errors import CommandError


@pytest.mark.parametrize("fingerprint", ["zz", "ab" * 31, "ab" * 33, ":"])
def test_a_fingerprint_that_is_none_is_a_typo_and_no_foreign_signer(tmp_path: Path, fingerprint: str) -> None:
    with pytest.raises(CommandError, match="64 hex digits") as refused:
        verify_report(tmp_path / "report.json", fingerprint=fingerprint)
    assert (refused.value.reason, refused.value.exit_code) == ("MALFORMED_FINGERPRINT", 2)


def test_a_fingerprint_may_have_colons_and_capitals(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        verify_report(tmp_path / "report.json", fingerprint=":".join(["AB"] * 32))
    assert refused.value.reason == "FILE_UNREADABLE"
