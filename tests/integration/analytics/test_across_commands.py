"""`dualspan analytics compare` and `dualspan analytics sharing`, as typed."""

import json

import pytest
from integration.analytics.test_comparing import MODEL, two_sites

from harness.analytics import AnalyticsPlatform, machine
from harness.commands import dualspan

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = ("--from", "2026-09-02T00:00:00Z", "--to", "2026-09-03T00:00:00Z")


@pytest.mark.long
async def test_two_sites_are_compared(platform: AnalyticsPlatform) -> None:
    plant = await two_sites(platform)
    shown = await dualspan(platform, plant, "analytics", "compare", "--model", MODEL, *DAY)
    assert shown.returncode == 0, shown.stderr
    ranked = [line for line in shown.stdout.splitlines() if "imm0" in line]
    assert [line.split()[:4] for line in ranked] == [
        ["1", "imm02", "suzhou", "87.5%"],
        ["2", "imm03", "wuhan", "75.0%"],
        ["3", "imm01", "suzhou", "62.5%"],
        ["4", "imm04", "wuhan", "45.8%"],
    ]
    assert "down 41.7% (10.0 h)" in ranked[3]
    assert "the median loses, against the best: down +8.3%" in shown.stderr
    told = await dualspan(platform, plant, "analytics", "compare", "--model", MODEL, *DAY, "--json")
    assert json.loads(told.stdout)["members"][0]["asset"] == "imm02"
    wrong = await dualspan(platform, plant, "analytics", "compare", "--model", "tunnel-pasteuriser", *DAY)
    assert wrong.returncode != 0
    assert "nor of one that extends it" in wrong.stderr.replace("\n", " ")


async def test_consent_is_given_and_withdrawn(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([machine("imm01", MODEL, ["state"])])
    given = await dualspan(platform, plant, "analytics", "sharing", "grant", "oee", "--json")
    assert json.loads(given.stdout)["granted"] is True, given.stderr
    nothing = await dualspan(platform, plant, "analytics", "sharing", "benchmark", "oee", MODEL)
    assert nothing.returncode != 0
    assert "Nothing was published yet" in nothing.stderr.replace("\n", " ")
    withdrawn = await dualspan(platform, plant, "analytics", "sharing", "withdraw", "oee", "--json")
    assert "granted" not in json.loads(withdrawn.stdout)
    listed = await dualspan(platform, plant, "analytics", "sharing", "consents")
    (line,) = [line for line in listed.stdout.splitlines() if "oee" in line]
    assert line.split()[:2] == ["oee", "no"]
    outsider = await dualspan(platform, plant, "analytics", "sharing", "benchmark", "oee", MODEL, "--month", "2026-09")
    assert "sharing grant oee" in outsider.stderr.replace("\n", " ")
