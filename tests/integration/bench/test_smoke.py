"""One measure, with little data, through all of it: load server, gateway, historian, worker, SDK, table."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_quick_run_shows_a_table_and_writes_nothing(tmp_path: Path) -> None:
    results = tmp_path / "latest.json"
    command = [sys.executable, "-m", "dualspan_bench", "--only", "change_to_subscriber", "--quick"]
    run = subprocess.run(
        [*command, "--results", str(results)], capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "DualSpan beside its peers" in run.stdout
    assert "asyncua handler" in run.stdout
    assert not results.exists()
