"""The SPC studio on simulated plants: a fault of the process is what breaks the rules."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dualspan_cli.harness import local_plant
from dualspan_cli.publishing.source import AppSource
from dualspan_sdk import DualSpanError, open_plant
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.plants import make_plant
from spc_studio.studio import Studio

APP = Path(__file__).parents[3] / "apps/spc-studio"
NIGHT = datetime(2026, 11, 20, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "asset", "measure"),
    [("curing", "press01", "internal-pressure"), ("packaging", "line1filler", "motor-current")],
)
async def test_charts_on_two_industries(name: str, asset: str, measure: str) -> None:
    source = AppSource.load(APP)
    async with (
        local_plant([name], source.manifest.requires, start=NIGHT) as local,
        await open_plant(local.settings) as plant,
    ):
        studio = Studio(plant, source.configuration(["days=2"]))
        await studio.refresh()
        shown = await studio.overview({})
        chart = await studio.chart({"asset": asset, "property": measure, "low": "0", "high": "1000"})
        with pytest.raises(DualSpanError, match="MALFORMED_NUMBER"):
            await studio.chart({"asset": asset, "property": measure, "low": "x"})
        with pytest.raises(DualSpanError, match="NO_SUCH_CHART"):
            await studio.chart({"asset": asset, "property": "colour"})
    assert {row["asset"] for row in shown["charts"]} <= {asset, "line1depalletiser"}
    assert len(chart["time"]) == len(chart["value"]) == 2 * 24 * 6
    assert chart["limits"]["lower"] < chart["limits"]["centre"] < chart["limits"]["upper"]
    assert chart["capability"]["cpk"] is not None


async def test_a_worn_check_ring_shows_in_the_cushion() -> None:
    truth = make_plant("moulding", 1).truth(COMMISSIONED_US + 8 * WEEK, COMMISSIONED_US + 10 * WEEK)
    fault = next(each for each in truth.faults if each.kind == "check_ring" and each.machine == "IMM01")
    stop = datetime.fromtimestamp(fault.stop_us / 1e6, UTC)
    source = AppSource.load(APP)
    async with (
        local_plant(["moulding"], source.manifest.requires, start=stop + timedelta(minutes=5)) as local,
        await open_plant(local.settings) as plant,
    ):
        studio = Studio(plant, source.configuration(["days=2"]))
        chart = await studio.chart({"asset": "imm01", "property": "cushion"})
    led_up = [row for row, time in enumerate(chart["time"]) if fault.onset_us / 1e6 < time - 1800 < fault.stop_us / 1e6]
    beyond = set(chart["broken"][0])
    assert led_up
    assert beyond.intersection(led_up)
