"""Energy on three plants of three industries, held against what was really used there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dualspan_cli.harness import local_plant
from dualspan_cli.publishing.source import AppSource
from dualspan_sdk import open_plant
from energy_carbon.accounts import Accounts
from plc_sim.plants import PLANT_NAMES, make_plant

NIGHT = datetime(2026, 11, 20, 21, 2, tzinfo=UTC)
APP = Path(__file__).parents[3] / "apps/energy-carbon"
HOUR_US = 3_600_000_000


@pytest.mark.parametrize("name", PLANT_NAMES)
async def test_energy_is_what_was_used(name: str) -> None:
    source = AppSource.load(APP)
    settings = source.configuration(["kilogramsPerKwh=0.5"])
    async with (
        local_plant([name], source.manifest.requires, start=NIGHT) as local,
        await open_plant(local.settings) as plant,
    ):
        accounts = Accounts(plant, settings)
        await accounts.refresh()
        first = await accounts.answer({})
        await accounts.refresh()
        shown = await accounts.answer({})
    assert (len(first["hours"]), len(shown["hours"])) == (23, 47)
    end = int((NIGHT - timedelta(minutes=2)).timestamp()) * 1_000_000
    start = round(shown["hours"][0] * 1e6)
    truth = {each.machine.lower(): each.energy_kwh for each in make_plant(name, 1).truth(start, end).outputs}
    assert {machine["id"] for machine in shown["machines"]} == set(truth)
    for machine in shown["machines"]:
        # The meter is read every ten seconds.
        assert machine["energy"] == pytest.approx(truth[machine["id"]], rel=0.002)
        assert machine["carbon"] == pytest.approx(0.5 * machine["energy"])
        assert 0 <= machine["idle"] < 0.5
    assert shown["totals"]["known"] == 1.0
    by_hour = np.array(list(shown["sites"].values())).sum(axis=0)
    assert shown["totals"]["cost"] == pytest.approx(float((by_hour * shown["price"]).sum()))
