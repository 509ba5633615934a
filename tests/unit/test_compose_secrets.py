"""`make .env`: the secrets of docker compose, made once."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"DUALSPAN_SERVICE_SECRET", "DUALSPAN_DATABASE_PASSWORD", "DUALSPAN_FIRST_PASSWORD"}


def make(folder: Path) -> str:
    subprocess.run(["make", "--silent", ".env"], cwd=folder, capture_output=True, check=True)
    return (folder / ".env").read_text()


def test_they_are_made_once_and_nobody_else_reads_them(tmp_path: Path) -> None:
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    text = make(tmp_path)
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    made = {values[name] for name in SECRETS}
    assert len(made) == len(SECRETS)
    assert min(map(len, made)) >= 32
    assert values["COMPOSE_PROFILES"] == "sim"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert make(tmp_path) == text
