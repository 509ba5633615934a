"""`dualspan analytics spc` and `dualspan analytics energy`, as typed."""

import json
from pathlib import Path

import numpy as np
import pytest

from dualspan_analytics.columns import PropertyRef
from harness.analytics import AnalyticsPlatform, machine
from harness.commands import dualspan

pytestmark = pytest.mark.asyncio(loop_scope="module")

T0 = 1_789_315_200_000_000
SECOND = 1_000_000
HOUR = 3600 * SECOND
SPAN = ("--from", "2026-09-14T00:00:00+08:00", "--to", "2026-09-14T02:00:00+08:00")


@pytest.mark.long
async def test_a_chart_is_defined_fixed_and_drawn(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([machine("imm01", "injection-moulding-machine", ["part-weight"])])
    weights = np.random.default_rng(4).normal(50.0, 0.1, 100)
    weights[90:] += 1.0
    await plant.ingest({PropertyRef("imm01", "part-weight"): (T0 + np.arange(100) * SECOND, weights)})
    define = ("--kind", "xbar-r", "--asset", "imm01", "--property", "part-weight", "--count", "5", "--upper", "52")
    created = await dualspan(platform, plant, "analytics", "spc", "create", "weight", *define)
    assert created.returncode == 0, created.stderr
    excluded = "2026-09-14T00:01:30+08:00/2026-09-14T00:02:00+08:00=New batch"
    fixed = await dualspan(platform, plant, "analytics", "spc", "fix", "weight", *SPAN, "--exclude", excluded, "--json")
    assert json.loads(fixed.stdout)["points"] == 18
    shown = await dualspan(platform, plant, "analytics", "spc", "chart", "weight", *SPAN)
    assert shown.returncode == 0, shown.stderr
    assert "phase II, limits of version 1" in shown.stdout
    assert shown.stdout.count("┤") == 26
    assert "✕" in shown.stdout
    assert "Western Electric 1" in shown.stdout
    assert "Cpk" in shown.stdout
    limits = await dualspan(platform, plant, "analytics", "spc", "limits", "weight")
    assert "2026-09-13T16:00:00Z" in limits.stdout
    listed = await dualspan(platform, plant, "analytics", "spc", "list", "--json")
    assert json.loads(listed.stdout)[0]["kind"] == "CONTROL_CHART_KIND_XBAR_R"


async def test_what_is_wrong_is_told_in_words(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([machine("imm01", "injection-moulding-machine", ["part-weight"])])
    missing = await dualspan(platform, plant, "analytics", "spc", "chart", "nothing", *SPAN, "--json")
    assert missing.returncode != 0
    assert json.loads(missing.stdout)["error"]["reason"] == "CONTROL_CHART_NOT_FOUND"
    mistyped = await dualspan(platform, plant, "analytics", "spc", "fix", "weight", *SPAN, "--exclude", "yesterday")
    assert mistyped.returncode == 2
    assert "FROM/TO=REASON" in mistyped.stderr
    unmetered = await dualspan(platform, plant, "analytics", "energy", "profile", "imm01", *SPAN)
    assert unmetered.returncode != 0
    assert "No tag is bound to active-energy or active-power" in unmetered.stderr.replace("\n", " ")


@pytest.mark.long
async def test_energy_is_shown_with_cost_and_carbon(platform: AnalyticsPlatform, tmp_path: Path) -> None:
    plant = await platform.plant([machine("m1", "energy-meter", ["active-energy"])])
    await plant.ingest({PropertyRef("m1", "active-energy"): (T0 + np.arange(4) * HOUR, [0.0, 10.0, 40.0, 50.0])})
    file = tmp_path / "tariff.yaml"
    file.write_text(
        "{time_zone: Asia/Shanghai, currency: CNY, default_rate: valley, rates: [{display_name: valley, price: 0.5}]}"
    )
    stored = await dualspan(platform, plant, "analytics", "energy", "tariffs", "set", "night", str(file))
    assert stored.returncode == 0, stored.stderr
    used = await dualspan(
        platform, plant, "analytics", "energy", "use", *SPAN, "--tariff", "night", "--region", "CN-HB", "--json"
    )
    total = json.loads(used.stdout)["total"]
    assert (total["energy"], total["cost"]) == (40.0, 20.0)
    assert total["carbon"] == pytest.approx(40 * 0.4364)
    shown = await dualspan(platform, plant, "analytics", "energy", "use", *SPAN, "--region", "CN-HB")
    assert "cn-mee-2022" in shown.stdout
    profile = await dualspan(platform, plant, "analytics", "energy", "profile", *SPAN, "--limit", "20")
    assert profile.returncode == 0, profile.stderr
    assert "peak 30 kW" in profile.stdout
    file.write_text("[1]")
    wrong = await dualspan(platform, plant, "analytics", "energy", "tariffs", "set", "night", str(file), "--json")
    assert json.loads(wrong.stdout)["error"]["reason"] == "BAD_FILE"
