"""The rate that the console draws a moment in is the one that the platform counts it at."""

import datetime as dt
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualspan_analytics.calendars.model import Daily
from dualspan_analytics.energy.tariffs import Rate, Tariff, Window, rated
from dualspan_console.client_files import FOLDER

HOUR_US = 3600_000_000
NODE = next((path for path in ("/usr/bin/node", "/usr/local/bin/node") if Path(path).exists()), None)
HOLIDAY = dt.date(2026, 10, 1)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def contract(tariff: Tariff) -> dict[str, Any]:
    """As pages get it: weekdays from 1."""
    windows = [
        {
            "rate": each.rate,
            "start": clock(each.hours.start_minute),
            "end": clock(each.hours.end_minute),
            "weekdays": [day + 1 for day in each.hours.weekdays],
            "months": list(each.months),
        }
        for each in tariff.windows
    ]
    holidays = [day.isoformat() for day in tariff.holidays]
    return {"timeZone": tariff.time_zone, "windows": windows, "defaultRate": tariff.default_rate, "holidays": holidays}


@pytest.mark.skipif(NODE is None, reason="there is no Node on this machine")
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin"])
def test_a_moment_has_the_rate_that_it_is_counted_at(zone: str, tmp_path: Path) -> None:
    every_day = tuple(range(7))
    tariff = Tariff(
        "industry",
        "",
        zone,
        "CNY",
        (Rate("peak", 1.0), Rate("flat", 0.6), Rate("valley", 0.3), Rate("summer", 1.4)),
        (
            Window("peak", Daily(8 * 60, 11 * 60 + 30, (0, 1, 2, 3, 4))),
            Window("summer", Daily(14 * 60, 16 * 60, every_day), (7, 8, 9)),
            Window("valley", Daily(23 * 60, 7 * 60, every_day)),
        ),
        "flat",
        (HOLIDAY,),
    )
    # Weeks about a holiday, about the end of a summer month and about both changes of the clock.
    begins = [dt.datetime(2026, month, day, tzinfo=dt.UTC) for month, day in ((3, 26), (9, 27), (10, 22))]
    moments = np.concatenate(
        [int(each.timestamp()) * 1_000_000 + np.arange(0, 8 * 24 * 4) * HOUR_US // 4 for each in begins]
    )
    script = tmp_path / "bands.mjs"
    source = (FOLDER / "pages" / "energy" / "tariff.js").read_text("utf-8")
    asked = f"const [tariff, moments] = {json.dumps([contract(tariff), (moments // 1000).tolist()])};"
    script.write_text(f"{source}\n{asked}\nconsole.log(JSON.stringify(moments.map((at) => bandAt(tariff, at))));")
    told = subprocess.run([str(NODE), str(script)], capture_output=True, text=True, check=True, timeout=60)
    counted = rated(tariff, int(moments.min()), int(moments.max()) + HOUR_US)
    places = np.searchsorted(counted.edges, moments, side="right") - 1
    names = [tariff.rates[rate].name for rate in counted.rate[places]]
    assert json.loads(told.stdout) == names
    assert set(names) == {"peak", "flat", "valley", "summer"}
