"""`dualspan onboarding mapping evaluate`, which needs no platform."""

import json
from pathlib import Path

from typer.testing import CliRunner

from dualspan_cli.commands.onboarding import onboarding

PLANT = """
server: Two presses
industry: tyre-curing
repeat: ["1", "2"]
machines:
  - {path: "Hall/Press{n}", model: tyre-curing-press}
variables: |
  Hall/Press{n}/CureStep | Int32 | | curing-step
  Hall/Press{n}/InternalPressure | Double | bar | internal-pressure
  Hall/Press{n}/UpperPlatenTemperature | Double | °C | upper-platen-temperature
  Hall/Press{n}/Watchdog | UInt16 | | -
"""


def run(folder: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(onboarding, ["mapping", "evaluate", str(folder), *options])
    return result.exit_code, result.stdout


def test_the_measure_is_printed_for_people_and_programs(tmp_path: Path) -> None:
    (tmp_path / "presses.yaml").write_text(PLANT)
    code, text = run(tmp_path, "--details")
    assert code == 0
    assert "tyre-curing" in text
    assert "calibration error" in text
    code, text = run(tmp_path, "--json")
    assert code == 0
    found = json.loads(text)
    assert found["total"] == {
        "industry": "all", "labelled": 6, "proposed": 6, "right": 6, "precision": 1.0, "recall": 1.0,
    }  # fmt: skip


def test_what_is_below_the_target_fails(tmp_path: Path) -> None:
    changed = PLANT.replace("| curing-step", "| good-count").replace("| internal-pressure", "| nitrogen-pressure")
    (tmp_path / "presses.yaml").write_text(changed)
    code, text = run(tmp_path, "--details")
    assert code == 1
    assert "wrong: Hall/Press1/CureStep → curing-step/0, wanted tyre-curing-press: good-count/0" in text
    assert "missed: Hall/Press1/InternalPressure is nitrogen-pressure/0" in text
