"""What `make test` runs and leaves out."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    """tests/run.py, which is a script and no module of a package."""
    spec = importlib.util.spec_from_file_location("suites_runner", TESTS / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("quick", "long", "harness"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "test_it.py").touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def suites(runner: ModuleType) -> list[object]:
    return [
        runner.Suite("quick", 2, runner.nothing_missing),
        runner.Suite("long", 1, runner.nothing_missing, is_long=True),
        runner.Suite("empty", 1, runner.nothing_missing),
    ]


def test_every_folder_with_tests_belongs_to_a_suite(runner: ModuleType) -> None:
    assert not runner.homeless(runner.SUITES)
    assert "fuzz" in {suite.name for suite in runner.make_plan(runner.SUITES, "", in_ci=False).able}


def test_a_folder_of_no_suite_is_found(runner: ModuleType, root: Path) -> None:
    (root / "forgotten").mkdir()
    (root / "forgotten" / "test_it.py").touch()
    assert runner.homeless(suites(runner), root) == ["forgotten"]


@pytest.mark.parametrize(
    ("asked", "in_ci", "able", "left_out"),
    [
        ("", False, ["quick"], ["long", "empty"]),
        ("", True, ["quick", "long"], ["empty"]),
        ("long", False, ["long"], []),
        ("empty", False, [], ["empty"]),
    ],
)
def test_the_plan_names_what_it_leaves_out(
    runner: ModuleType, root: Path, asked: str, in_ci: bool, able: list[str], left_out: list[str]
) -> None:
    plan = runner.make_plan(suites(runner), asked, in_ci=in_ci, root=root)
    assert [suite.name for suite in plan.able] == able
    assert list(plan.left_out) == left_out
    assert all(plan.left_out.values())
    if not asked and not in_ci:
        assert "SUITE=long" in plan.left_out["long"]


@pytest.mark.parametrize(
    ("asked", "options", "in_ci", "told"),
    [
        ("", [], False, ["-m", "not long"]),
        ("", [], True, []),
        ("e2e", [], False, []),
        ("", ["-k", "bound"], False, ["-k", "bound"]),
    ],
)
def test_long_tests_run_in_ci_and_when_asked_for(
    runner: ModuleType, asked: str, options: list[str], in_ci: bool, told: list[str]
) -> None:
    assert runner.options_of(asked, options, in_ci=in_ci) == told


def test_temporary_files_are_in_memory_where_there_is_room(runner: ModuleType, tmp_path: Path) -> None:
    with runner.scratch(tmp_path, 0) as variable:
        folder = Path(variable["TMPDIR"])
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o755
    assert not folder.exists()
    for memory, free_bytes in ((tmp_path, sys.maxsize), (tmp_path / "none", 0)):
        with runner.scratch(memory, free_bytes) as variable:
            assert not variable


def test_where_a_suite_is_required_a_skip_has_failed(tmp_path: Path) -> None:
    case = tmp_path / "test_it.py"
    case.write_text("import pytest\n\ndef test_it():\n    pytest.skip('no engine')\n")
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "--rootdir", str(tmp_path), str(case)]

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*asked, *options], cwd=TESTS, capture_output=True, text=True, check=False)

    usual, required = run(), run("--no-skips")
    assert (usual.returncode, required.returncode) == (0, 1)
    assert "no engine" in required.stdout


@pytest.mark.long
def test_a_worker_that_crashes_ends_nothing_but_its_test(tmp_path: Path) -> None:
    """What it had done is not waited for: xdist by itself would, where that was more files than are left."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    crash = (
        "import os, signal\nfrom pathlib import Path\nSEEN = Path(__file__).with_name('seen')\n\ndef test_it():\n"
        "    if not SEEN.exists():\n        SEEN.touch()\n        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for number in range(40):
        text = crash if number == 30 else "def test_it():\n    pass\n"
        (tmp_path / f"test_{number}.py").write_text(text)
    asked = [sys.executable, "-m", "pytest", "-p", "conftest", "--rootdir", str(tmp_path), str(tmp_path)]
    workers = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    done = subprocess.run([*asked, *workers], cwd=TESTS, capture_output=True, text=True, check=False, timeout=60)
    assert "crashed while running" in done.stdout
    assert "1 failed, 40 passed" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize(("again", "fails_twice", "code"), [(True, False, 0), (True, True, 1), (False, False, 1)])
def test_in_ci_what_failed_beside_others_has_a_second_chance_alone_and_is_named(
    runner: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    again: bool,
    fails_twice: bool,
    code: int,
) -> None:
    here = tmp_path / "tests"
    (here / "quick").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (here / "quick/test_it.py").write_text(
        "from pathlib import Path\nLOOK = Path(__file__).parent / 'looked'\n\n"
        "def test_it():\n    seen = LOOK.exists()\n    LOOK.touch()\n"
        f"    assert seen and not {fails_twice}\n\n"
        "def test_other():\n    pass\n"
    )
    monkeypatch.setattr(runner, "HERE", here)
    monkeypatch.setattr(runner, "LAST_FAILED", tmp_path / ".pytest_cache/v/cache/lastfailed")
    suite = runner.Suite("quick", 2, runner.nothing_missing)
    assert runner.run_group([suite], [], without_skips=False, seconds=60, again=again) == code
    told = capfd.readouterr().out
    assert ("once more alone:\n  tests/quick/test_it.py::test_it\n" in told) is again
