"""Runs the tests that this machine can run, and says what it leaves out and why.

`python tests/run.py` runs every suite that it can; `python tests/run.py unit` one; what follows `--` goes to pytest.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Suite:
    """A folder of tests and what it needs beyond the Python environment."""

    name: str
    workers: int
    missing: Callable[[], str]

    @property
    def folder(self) -> Path:
        return HERE / self.name


def nothing_missing() -> str:
    return ""


def engine_missing() -> str:
    if shutil.which("docker") is None:
        return "there is no docker command"
    answered = subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    return "" if answered else "`docker info` does not answer"


def cluster_missing() -> str:
    if shutil.which("kubectl") is None:
        return "there is no kubectl command"
    probe = ["kubectl", "version", "--request-timeout=5s"]
    answered = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return "" if answered else "`kubectl version` gets no answer from a cluster"


def browser_missing() -> str:
    return "" if any(map(shutil.which, CHROMIUM)) else f"none of {', '.join(CHROMIUM)} is installed"


SUITES = (
    Suite("unit", 2, nothing_missing),
    Suite("integration", 2, nothing_missing),
    Suite("e2e", 2, nothing_missing),
    Suite("browser", 1, browser_missing),
    Suite("engine", 1, engine_missing),
    Suite("cluster", 1, cluster_missing),
)


def pytest(suites: list[Suite], options: list[str]) -> int:
    """Runs pytest once over the suites that can share workers."""
    workers = min(suite.workers for suite in suites)
    command = [sys.executable, "-m", "pytest", *(str(suite.folder) for suite in suites)]
    if workers > 1:
        command += ["--numprocesses", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    return subprocess.run([*command, *options], cwd=HERE.parent, check=False).returncode


def main() -> None:
    asked, _, options = " ".join(sys.argv[1:]).partition("--")
    wanted = [suite for suite in SUITES if suite.name == asked.strip()] if asked.strip() else list(SUITES)
    if not wanted:
        sys.exit(f"There is no suite {asked.strip()!r}; there are {', '.join(suite.name for suite in SUITES)}.")
    present = [suite for suite in wanted if any(suite.folder.rglob("test_*.py"))]
    left_out = {suite.name: reason for suite in present if (reason := suite.missing())}
    able = [suite for suite in present if suite.name not in left_out]
    together = [suite for suite in able if suite.workers > 1]
    alone = [suite for suite in able if suite.workers == 1]
    codes = [pytest(group, options.split()) for group in [together, *([suite] for suite in alone)] if group]
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}")
    if asked.strip() and left_out:
        sys.exit(1)
    sys.exit(max(codes, default=0))


if __name__ == "__main__":
    main()
