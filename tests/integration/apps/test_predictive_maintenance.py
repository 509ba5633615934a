"""Faults of simulated machines that are found before they stop them, on two industries."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dualspan_cli.harness import local_plant
from dualspan_cli.publishing.source import AppSource
from dualspan_sdk import DualSpanError, open_app
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.plants import make_plant
from predictive_maintenance.watch import Watch

APP = Path(__file__).parents[3] / "apps/predictive-maintenance"


@pytest.mark.parametrize(
    ("name", "machine", "kind", "measure"),
    [
        ("moulding", "IMM04", "check_ring", "cushion"),
        ("packaging", "Line1Depalletiser", "vacuum_leak", "gripper-vacuum"),
    ],
)
async def test_a_fault_is_found_before_it_stops_the_machine(name: str, machine: str, kind: str, measure: str) -> None:
    truth = make_plant(name, 1).truth(COMMISSIONED_US + 10 * WEEK, COMMISSIONED_US + 11 * WEEK)
    fault = next(each for each in truth.faults if (each.kind, each.machine) == (kind, machine))
    just_before = datetime.fromtimestamp(fault.stop_us / 1e6, UTC) - timedelta(minutes=2)
    source = AppSource.load(APP)
    asset = machine.lower()
    requires = [source.manifest.requires[0]]
    async with (
        local_plant([name], requires, source.manifest.outputs, start=just_before) as local,
        open_app(local.settings) as app,
    ):
        watch = Watch(app.plant, app.results, {"days": 3})
        machines = await app.plant.machines("state")
        watch._turn = [each.id for each in machines].index(asset)
        await watch.refresh()
        (row,) = (await watch.overview({}))["machines"]
        chart = await watch.chart({"asset": asset, "property": measure})
        with pytest.raises(DualSpanError, match=r"It has: .*active-power"):
            await watch.chart({"asset": asset, "property": "colour"})
        await app.results.flush()
        (block,) = local.results.of(asset, "severity").blocks
    found = {each["property"]: each for each in row["findings"]}
    assert measure in found
    assert fault.onset_us < found[measure]["since"] < fault.stop_us
    assert chart["unusual"][-1] == len(chart["time"]) - 1
    assert np.asarray(block.value).tolist() == [row["severity"]]
    assert row["severity"] > 1
