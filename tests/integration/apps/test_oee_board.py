"""The OEE board on three plants of three industries, held against what really happened there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dualspan_cli.harness import local_plant
from dualspan_cli.publishing.source import AppSource
from dualspan_sdk import open_app
from oee_board.board import Board
from plc_sim.plants import PLANT_NAMES, make_plant

NIGHT = datetime(2026, 11, 20, 21, tzinfo=UTC)
APP = Path(__file__).parents[3] / "apps/oee-board"


@pytest.mark.parametrize("name", PLANT_NAMES)
async def test_figures_are_what_happened(name: str) -> None:
    source = AppSource.load(APP)
    async with (
        local_plant([name], source.manifest.requires, source.manifest.outputs, start=NIGHT) as local,
        open_app(local.settings) as app,
    ):
        board = Board(app.plant, source.configuration([]), app.results)
        await board.refresh()
        day = await board.answer({"span": "day"})
        await board.refresh()
        shift = await board.answer({})
        await app.results.flush()
        written = local.results.of(day["machines"][0]["id"], "availability")
    truth = {output.machine.lower(): output for output in make_plant(name, 1).truth(day["start"], day["end"]).outputs}
    assert {machine["id"] for machine in day["machines"]} == set(truth)
    for machine in day["machines"]:
        real = truth[machine["id"]]
        assert (machine["good"], machine["scrap"]) == (real.good, real.scrap)
        starts, elements = machine["strip"]
        ends = [*starts[1:], day["end"]]
        produced = sum(end - start for start, end, kind in zip(starts, ends, elements, strict=True) if kind == 1)
        assert produced == pytest.approx(real.running_us, rel=0.01)
        assert 0.9 < machine["effectiveness"] < 1.02
        product = machine["availability"] * machine["effectiveness"] * machine["quality"]
        assert machine["oee"] == pytest.approx(product)
    (block,) = written.blocks
    assert block.timestamp.tolist() == [int(NIGHT.timestamp()) * 1_000_000]
    (availability,) = np.asarray(block.value).tolist()
    assert 0 <= availability <= 100
    assert 0.8 < day["totals"]["oee"] < 1
    assert day["stops"][0]["seconds"] >= day["stops"][-1]["seconds"]
    assert shift["end"] - shift["start"] < timedelta(hours=8) / timedelta(microseconds=1)
