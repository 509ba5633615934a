"""Runs the tests that this machine can run, and says what it leaves out and why.

`python tests/run.py` runs every suite that it can, except long suites and long tests outside of CI;
`python tests/run.py unit` one, with its long tests; what follows `--` goes to pytest. The suites that the variable
`REQUIRED_SUITES` names must run, and a test of theirs that is skipped has failed. All of them together have the minutes
that the variable `TEST_MINUTES` says: one that hangs is ended, and named, before whoever runs this gives it up.

Where tests share the machine, a few may fail for what the others leave them of it. In CI those are run once more, each
alone; they are named, whatever comes of it, and what fails then has failed.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from harness.bounded import adopt_orphans, run_bounded

HERE = Path(__file__).resolve().parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Twice what two cores need: half of the time a test waits for processes and intervals.
AT_ONCE = 4
# A folder in memory, and what must be free there. On a disk, a database for each test takes a fifth of all the time.
MEMORY = Path("/dev/shm")
FREE_BYTES = 4 << 30
# Folders of tests/ that hold what tests need and no tests.
NOT_SUITES = frozenset({"harness"})
# Where pytest keeps what failed, and its exit code when something did.
LAST_FAILED = HERE.parent / ".pytest_cache/v/cache/lastfailed"
TESTS_FAILED = 1
# More do not fail for what runs beside them.
MOST_AGAIN = 8
NO_TESTS = "there are no tests in it"
WITHOUT_LONG = ["-m", "not long"]
LONG_TESTS = "each takes half a minute and more to show again what a shorter one shows; CI and SUITE=e2e run them"


@dataclass(frozen=True, slots=True)
class Suite:
    """A folder of tests and what it needs beyond the Python environment.

    Attributes:
        name: Of its folder.
        workers: How many of its tests may run at the same time.
        missing: Says what the machine lacks for it; nothing if it can run.
        is_long: Takes minutes: runs if it is asked for, and in CI.
        minutes: Twice what it takes on two cores in CI, and more: then it hangs, and is ended.
    """

    name: str
    workers: int
    missing: Callable[[], str]
    is_long: bool = False
    minutes: int = 40

    def has_tests(self, root: Path) -> bool:
        return any((root / self.name).rglob("test_*.py"))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run, and by name of suite why others are not."""

    able: Sequence[Suite]
    left_out: Mapping[str, str]


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


def spark_missing() -> str:
    if shutil.which("java") is None:
        return "there is no java command (Spark needs 17 or later)"
    there = importlib.util.find_spec("pyspark") is not None
    return "" if there else "pyspark is not installed; `uv pip install --group spark` brings its 450 MB"


# The longest tests first, so that the workers end together.
SUITES = (
    Suite("e2e", AT_ONCE, nothing_missing),
    Suite("integration", AT_ONCE, nothing_missing),
    Suite("fuzz", AT_ONCE, nothing_missing),
    Suite("unit", AT_ONCE, nothing_missing),
    Suite("browser", AT_ONCE, browser_missing),
    Suite("spark", 1, spark_missing, minutes=15),
    Suite("engine", 1, engine_missing, is_long=True, minutes=40),
    Suite("cluster", 1, cluster_missing, is_long=True, minutes=60),
)


def homeless(suites: Sequence[Suite], root: Path = HERE) -> Sequence[str]:
    """Folders of tests that belong to no suite, which nobody would ever run."""
    folders = {path.relative_to(root).parts[0] for path in root.rglob("test_*.py") if "__pycache__" not in path.parts}
    return sorted(folders - {suite.name for suite in suites} - NOT_SUITES)


def make_plan(suites: Sequence[Suite], asked: str, *, in_ci: bool, root: Path = HERE) -> Plan:
    """Chooses what to run.

    Args:
        suites: All that there are.
        asked: The name of one; empty for all.
        in_ci: Whether long ones run unasked.
        root: The folder of their folders.
    """
    able: list[Suite] = []
    left_out: dict[str, str] = {}
    for suite in suites:
        if asked and suite.name != asked:
            continue
        reason = NO_TESTS if not suite.has_tests(root) else ""
        if not reason and suite.is_long and not (asked or in_ci):
            reason = f"it takes minutes and runs in CI; SUITE={suite.name} runs it"
        reason = reason or suite.missing()
        if reason:
            left_out[suite.name] = reason
        else:
            able.append(suite)
    return Plan(able, left_out)


def options_of(asked: str, options: Sequence[str], *, in_ci: bool) -> Sequence[str]:
    """What pytest is told: not to run long tests, unless a suite or tests were asked for, or in CI."""
    return options if asked or in_ci or options else WITHOUT_LONG


@contextmanager
def scratch(memory: Path, free_bytes: int) -> Generator[Mapping[str, str]]:
    """The variable that has temporary files in memory while the context lasts; nothing where it cannot be.

    No test is about a disk, except those that mount one of their own. Programs are copied there, so that they must run.
    """
    usable = memory.is_dir() and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    if not usable or shutil.disk_usage(memory).free < free_bytes:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="dualspan-", dir=memory, ignore_cleanup_errors=True) as folder:
        # Whoever PostgreSQL runs as must be able to enter it.
        Path(folder).chmod(0o755)
        yield {"TMPDIR": folder}


def run_group(
    suites: Sequence[Suite], options: Sequence[str], *, without_skips: bool, seconds: float, again: bool
) -> int:
    """Runs the suites that can share workers; with `again`, the few that failed a second time, alone."""
    end = time.monotonic() + seconds
    shared = min(suite.workers for suite in suites)
    if again:
        LAST_FAILED.unlink(missing_ok=True)
    code = pytest(suites, options, workers=shared, without_skips=without_skips, seconds=seconds)
    failed = last_failed()
    if not again or shared == 1 or code != TESTS_FAILED or not 0 < len(failed) <= MOST_AGAIN:
        return code
    print("failed beside others, and run once more alone:", *failed, sep="\n  ", flush=True)
    options = [*options, "--last-failed"]
    return pytest(suites, options, workers=1, without_skips=without_skips, seconds=max(0.0, end - time.monotonic()))


def last_failed() -> Sequence[str]:
    """The tests that failed when pytest ran last."""
    try:
        return sorted(json.loads(LAST_FAILED.read_text()))
    except FileNotFoundError:
        return []


def pytest(
    suites: Sequence[Suite], options: Sequence[str], *, workers: int, without_skips: bool, seconds: float
) -> int:
    """Runs pytest once, for so long at most."""
    command = [sys.executable, "-m", "pytest", *(str(HERE / suite.name) for suite in suites)]
    if workers > 1:
        command += ["--numprocesses", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    if without_skips:
        command.append("--no-skips")
    # Engines and clusters may not see that folder.
    files: AbstractContextManager[Mapping[str, str]] = nullcontext({})
    if not any(suite.is_long for suite in suites):
        files = scratch(MEMORY, FREE_BYTES)
    with files as variable:
        limit = min(seconds, 60 * max(suite.minutes for suite in suites))
        return run_bounded([*command, *options], HERE.parent, {**environment(), **variable}, limit)


def environment() -> dict[str, str]:
    """Ours, but Python keeps bytecode: tests start hundreds of processes, and each would compile everything again.

    Linear algebra has one thread, as in the platform's processes: workers that share cores wait for each other's.
    """
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"OMP_NUM_THREADS": "1", **ours}


def main() -> None:
    adopt_orphans()
    words, _, options = " ".join(sys.argv[1:]).partition("--")
    asked = words.strip()
    if asked and asked not in {suite.name for suite in SUITES}:
        sys.exit(f"There is no suite {asked!r}; there are {', '.join(suite.name for suite in SUITES)}.")
    if strangers := homeless(SUITES):
        sys.exit(f"These folders of tests belong to no suite of {Path(__file__).name}: {', '.join(strangers)}.")
    in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    plan = make_plan(SUITES, asked, in_ci=in_ci)
    chosen = options_of(asked, options.split(), in_ci=in_ci)
    together = [suite for suite in plan.able if suite.workers > 1]
    alone = [[suite] for suite in plan.able if suite.workers == 1]
    required = set(os.environ.get("REQUIRED_SUITES", "").split())
    end = time.monotonic() + 60 * float(os.environ.get("TEST_MINUTES", "inf"))
    codes = [
        run_group(
            group,
            chosen,
            without_skips=all(suite.name in required for suite in group),
            seconds=max(0.0, end - time.monotonic()),
            again=in_ci,
        )
        for group in [together, *alone]
        if group
    ]
    if chosen is WITHOUT_LONG:
        print(f"left out: tests marked long: {LONG_TESTS}")
    for name, reason in plan.left_out.items():
        print(f"left out: {name}: {reason}")
    if lacking := sorted(required & set(plan.left_out)):
        sys.exit(f"These suites were required and could not run: {', '.join(lacking)}.")
    if asked and plan.left_out:
        sys.exit(1)
    # A run that a signal ended has a negative code.
    sys.exit(int(any(codes)))


if __name__ == "__main__":
    main()
