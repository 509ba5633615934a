"""The secrets of docker compose: made once, unless somebody chose them, and read by settings where they are."""

import os
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from dualspan_cli import kept_secrets
from dualspan_cli.settings import GivenSecrets
from dualspan_runtime.settings import PlatformSettings, secret_folders


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVICE_SECRET", "DATABASE_PASSWORD", "FIRST_PASSWORD"):
        monkeypatch.delenv(f"DUALSPAN_{name}", raising=False)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_they_are_made_once_and_nobody_else_reads_them(tmp_path: Path) -> None:
    made = kept_secrets.keep(tmp_path, GivenSecrets(), os.getuid())
    assert made == ["dualspan_service_secret", "dualspan_database_password", "dualspan_first_password"]
    first = contents(tmp_path)
    assert len(first) == 4
    assert len(set(first.values())) == 4
    assert min(map(len, first.values())) >= 32
    assert first["database/pgpass"] == f"*:*:*:*:{first['database/dualspan_database_password']}\n"
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {
        "dualspan_service_secret": 0o400,
        "dualspan_database_password": 0o400,
        "pgpass": 0o400,
        "dualspan_first_password": 0o444,
    }
    assert kept_secrets.keep(tmp_path, GivenSecrets(), os.getuid()) == []
    assert contents(tmp_path) == first


def test_what_somebody_chose_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_secrets.keep(tmp_path, GivenSecrets(), os.getuid())
    monkeypatch.setenv("DUALSPAN_DATABASE_PASSWORD", r"with:a\colon")
    assert kept_secrets.keep(tmp_path, GivenSecrets(), os.getuid()) == []
    assert contents(tmp_path)["database/dualspan_database_password"] == r"with:a\colon"
    assert contents(tmp_path)["database/pgpass"] == "*:*:*:*:with\\:a\\\\colon\n"


def test_settings_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_secrets.keep(tmp_path, GivenSecrets(), os.getuid())

    class Mounted(PlatformSettings):
        model_config = SettingsConfigDict(env_prefix="DUALSPAN_", secrets_dir=secret_folders(tmp_path))

    def read() -> str:
        return Mounted().service_secret.get_secret_value()  # pyright: ignore[reportCallIssue] - read from files

    assert read() == contents(tmp_path)["platform/dualspan_service_secret"]
    monkeypatch.setenv("DUALSPAN_SERVICE_SECRET", "of the environment")
    assert read() == "of the environment"


def test_there_is_nothing_where_no_engine_put_anything(tmp_path: Path) -> None:
    assert secret_folders(tmp_path / "absent") == []
