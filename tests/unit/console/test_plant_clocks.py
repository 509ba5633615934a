"""A plant's days and hours are those of its own clocks, wherever the person is who looks."""

import datetime as dt
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dualspan_console.client_files import FOLDER

NODE = next((path for path in ("/usr/bin/node", "/usr/local/bin/node") if Path(path).exists()), None)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Auckland", "UTC"]
HERE = "America/Los_Angeles"
# The first shift of a day in Shanghai begins while it is the day before in Europe.
EARLY = dt.datetime(2026, 11, 23, 6, tzinfo=ZoneInfo("Asia/Shanghai"))
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no Node on this machine")


def told(script: str, folder: Path) -> Any:
    """What a script says, run by somebody on another continent."""
    path = folder / "clocks.mjs"
    path.write_text(f"{(FOLDER / 'core' / 'clocks.js').read_text('utf-8')}\n{script}")
    environment = {**os.environ, "TZ": HERE}
    done = subprocess.run(
        [str(NODE), str(path)], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    return json.loads(done.stdout)


def at(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_a_shift_has_the_date_of_the_plant(tmp_path: Path) -> None:
    script = f"""
const seen = ['Asia/Shanghai', 'Europe/Berlin', undefined].map((zone) => {{
  const {{ day, shortDay, minute, zone: name }} = clocksIn('en-GB', zone);
  return [day({at(EARLY)}), shortDay({at(EARLY)}), minute({at(EARLY)}), name];
}});
console.log(JSON.stringify(seen));"""
    assert told(script, tmp_path) == [
        ["23 Nov 2026", "23 Nov", "06:00", "Asia/Shanghai"],
        ["22 Nov 2026", "22 Nov", "23:00", "Europe/Berlin"],
        ["22 Nov 2026", "22 Nov", "14:00", HERE],
    ]


def test_days_begin_at_midnight_of_the_zone(tmp_path: Path) -> None:
    # A year in steps that meet every hour of the day, and both changes of each zone's clocks.
    first = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    moments = [first + dt.timedelta(hours=5 * step) for step in range(1750)]
    script = f"""
const moments = {json.dumps([at(each) for each in moments])};
const found = {json.dumps(ZONES)}.map((zone) => moments.map(clocksIn('en-GB', zone).midnight));
console.log(JSON.stringify(found));"""
    for zone, found in zip(ZONES, told(script, tmp_path), strict=True):
        local = [each.astimezone(ZoneInfo(zone)) for each in moments]
        assert found == [at(each.replace(hour=0, minute=0)) for each in local], zone


def test_a_zone_that_a_browser_does_not_know_is_the_persons_own(tmp_path: Path) -> None:
    assert told("console.log(JSON.stringify(clocksIn('en-GB', 'Mars/Olympus').zone));", tmp_path) == HERE
