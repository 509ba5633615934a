"""`dualspan apps new, validate, run`, as a publisher types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dualspan_cli.errors import CommandError
from dualspan_cli.publishing.running import LocalRun
from dualspan_cli.publishing.source import AppSource
from dualspan_cli.publishing.template import write_app

APPS = sorted(path.parent for path in (Path(__file__).parents[3] / "apps").glob("*/app.yaml"))
NOON = 1_795_176_000.0


def dualspan(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dualspan_cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder, _ = write_app("my-power", tmp_path)
    return folder


def change(app: Path, before: str, after: str) -> None:
    manifest = app / "app.yaml"
    assert before in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(before, after))


def test_a_new_app_works_at_once(tmp_path: Path) -> None:
    made = dualspan("apps", "new", "my-power", "--into", tmp_path, "--json")
    assert made.returncode == 0, made.stderr
    assert "my_power/power.py" in json.loads(made.stdout)["files"]
    ran = dualspan("apps", "run", tmp_path / "my-power", "--plant", "curing", "--port", 0, "--check", "--json")
    assert ran.returncode == 0, ran.stderr
    shown = json.loads(ran.stdout)
    assert shown["app"] == "my-power"
    assert len(shown["machines"]["machine"]) == 14
    again = dualspan("apps", "new", "my-power", "--into", tmp_path)
    assert again.returncode == 1
    assert "FOLDER_EXISTS" in again.stderr


@pytest.mark.long
def test_the_test_of_a_new_app_passes(app: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=app, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_wrong_is_said_with_its_line(app: Path) -> None:
    change(app, "unit: kW}", "unit: kilowatt}")
    checked = dualspan("apps", "validate", app, "--json")
    assert checked.returncode == 2
    message = json.loads(checked.stdout)["error"]["message"]
    assert "line 18, requires[0].properties[0].unit" in message


@pytest.mark.parametrize("name", ["My App", "-x", "1app", "a" * 41, "../x", ""])
def test_what_cannot_be_an_id_makes_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be an app's id"):
        write_app(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_settings_are_those_of_the_manifest(app: Path) -> None:
    source = AppSource.load(app)
    assert source.configuration([]) == {"minutes": 60}
    assert source.configuration(["minutes=15"]) == {"minutes": 15}
    for wrong in ("minutes=2", "minutes=x", "hours=1"):
        with pytest.raises(CommandError, match="not valid"):
            source.configuration([wrong])
    with pytest.raises(CommandError, match="name=value"):
        source.configuration(["minutes"])


async def test_an_app_that_nothing_fits_is_not_started(app: Path) -> None:
    change(app, "property: active-power, kind: number, unit: kW", "property: melt-temperature, kind: number")
    source = AppSource.load(app)
    run = LocalRun(source, source.configuration([]), ["packaging"], speed=1.0, start=NOON)
    with pytest.raises(CommandError, match="12 machines lack melt-temperature") as caught:
        await run.run(0, check=True, as_json=True)
    assert caught.value.exit_code == 5


async def test_an_app_that_ends_says_why(app: Path) -> None:
    (app / "my_power/power.py").write_text("raise SystemExit('no coffee')\n")
    source = AppSource.load(app)
    run = LocalRun(source, source.configuration([]), ["curing"], speed=1.0, start=NOON)
    with pytest.raises(CommandError, match=r"exit code 1. It said:(.|\n)*no coffee") as caught:
        await run.run(0, check=True, as_json=True)
    assert caught.value.exit_code == 6


@pytest.mark.parametrize("folder", APPS, ids=lambda folder: folder.name)
def test_apps_that_we_publish_run_in_three_industries(folder: Path) -> None:
    checked = dualspan("apps", "validate", folder, "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    machines = json.loads(checked.stdout)["machines"]
    assert all(sum(map(len, roles.values())) >= 10 for roles in machines.values())
    source = AppSource.load(folder)
    static = folder / source.module / "static"
    page = (static / "index.html").read_text()
    assert "http" not in page
    assert (folder / source.manifest.icon).is_file()
