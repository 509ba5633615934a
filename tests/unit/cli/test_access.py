"""Which platform a command acts on, where several are known."""

from pathlib import Path

import pytest

from dualspan_cli.errors import CommandError
from dualspan_cli.local import RunningPlatform
from dualspan_cli.session import Addresses, Credential, choose_access, where
from dualspan_cli.settings import CliSettings

HERE = RunningPlatform(
    identity_address="127.0.0.1:1",
    onboarding_address="127.0.0.1:2",
    historian_address="127.0.0.1:3",
    analytics_address="127.0.0.1:4",
    marketplace_address="127.0.0.1:6",
    console_url="http://127.0.0.1:5",
    service_secret="own secret",
)
ELSEWHERE = Addresses("plant:7401", "plant:7402", "plant:7403")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliSettings:
    """With a folder that the environment names, and a file for the sign-in."""
    for name in ("TOKEN", "SERVICE_SECRET", "IDENTITY_ADDRESS", "ONBOARDING_ADDRESS", "HISTORIAN_ADDRESS"):
        monkeypatch.delenv(f"DUALSPAN_{name}", raising=False)
    monkeypatch.setenv("DUALSPAN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DUALSPAN_CREDENTIAL_FILE", str(tmp_path / "credential.json"))
    return CliSettings()


def signed_in(settings: CliSettings, addresses: Addresses) -> None:
    Credential(addresses, "li@acme.example", "tenants/acme", "refresh").save(settings.credential_file)


def runs(monkeypatch: pytest.MonkeyPatch, platform: RunningPlatform | None) -> None:
    monkeypatch.setattr(RunningPlatform, "find", lambda _: platform)


def test_what_runs_on_the_folder_of_the_variable_goes_before_a_sign_in_elsewhere(
    settings: CliSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, HERE)
    signed_in(settings, ELSEWHERE)
    access = choose_access(settings)
    assert (access.addresses, access.service_secret) == (where(HERE), "own secret")


def test_who_signed_in_to_that_very_platform_stays_who_they_are(
    settings: CliSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, HERE)
    signed_in(settings, where(HERE))
    access = choose_access(settings)
    assert (access.exchange_secret, access.service_secret) == ("refresh", "")


def test_a_variable_where_nothing_runs_leaves_the_sign_in(
    settings: CliSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, None)
    signed_in(settings, ELSEWHERE)
    assert choose_access(settings).addresses == ELSEWHERE
    with pytest.raises(CommandError, match="No platform runs on"):
        choose_access(settings, is_named=True)


def test_a_platform_that_nobody_named_does_not_go_before_a_sign_in(
    settings: CliSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DUALSPAN_DATA_DIR")
    runs(monkeypatch, HERE)
    signed_in(settings, ELSEWHERE)
    assert choose_access(CliSettings()).addresses == ELSEWHERE
