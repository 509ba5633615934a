"""What a person is told to type works in the shell where it is read."""

from pathlib import Path

import pytest

from dualspan_cli.invocation import typed_command


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command in an environment below the working folder, which nobody has activated."""
    command = tmp_path / ".venv" / "bin" / "dualspan"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    return command


def test_without_an_activated_environment_the_path_is_told(installed: Path) -> None:
    assert typed_command(".venv/bin/dualspan") == ".venv/bin/dualspan"
    assert typed_command(str(installed)) == ".venv/bin/dualspan"


def test_elsewhere_it_is_told_whole(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert typed_command(str(installed)) == str(installed)


def test_in_an_activated_environment_the_name_is_enough(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    assert typed_command(str(installed)) == "dualspan"


def test_of_python_itself_the_name_is_told() -> None:
    assert typed_command("/somewhere/dualspan_cli/__main__.py") == "dualspan"
