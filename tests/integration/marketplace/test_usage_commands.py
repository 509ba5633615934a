"""`dualspan usage` and `dualspan statements`: what an admin and the platform see at their terminals."""

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from harness.accounting import Books, books
from harness.historian import SECRET
from harness.marketplace import Marketplace
from harness.up import environment

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def dualspan(
    marketplace: Marketplace, life: Books, folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    stated = {
        "DUALSPAN_IDENTITY_ADDRESS": await marketplace.tenants.address_for(life.tenant),
        "DUALSPAN_MARKETPLACE_ADDRESS": marketplace.address,
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "COLUMNS": "120",
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "dualspan_cli", *words, "--tenant", life.tenant],
        # Nobody has signed in here, and no platform runs.
        env=environment(Path("/nonexistent")) | stated,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )


async def test_usage_and_statements_at_a_terminal(marketplace: Marketplace, tmp_path: Path) -> None:
    """Eight commands, each a process of its own: that takes some seconds."""
    life = await books(marketplace.tenants.database, marketplace.parts)
    for work in life.work(life.parts.database):
        await work()
    await marketplace.tenants.address_for(life.tenant)

    async def said(*words: str, code: int = 0) -> str:
        done = await dualspan(marketplace, life, tmp_path, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    begin = f"{life.first + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    end = f"{life.first + timedelta(days=4):%Y-%m-%dT%H:%M:%SZ}"
    # Days are those of the zone: it is chosen before they are asked for.
    zone, listed, shown, file, wrong = await asyncio.gather(
        said("statements", "time-zone", "Asia/Shanghai"),
        said("statements", "list"),
        said("statements", "show", "1"),
        said("statements", "download", "1", "--out", "march.csv", "--json"),
        said("statements", "show", "99", code=7),
    )
    days, adjusted, compared = await asyncio.gather(
        said("usage", "show", "oee", "--from", begin, "--to", end, "--by", "day", "--json"),
        said(
            *("statements", "adjust", "1", "stop-17", "--amount", "-500", "--currency", "CNY"),
            *("--reason", "The line stood still"),
        ),
        said("usage", "baseline", "oee", "--kpi", "availability", "--days", "14"),
    )
    assert "000001" in listed
    assert "Total: " in shown
    assert "asset-hours" in shown
    assert json.loads(file)["file"] == "march.csv"
    assert (tmp_path / "march.csv").read_text().startswith("number,line,kind,subscription")
    assert "There is no closed statement 99." in wrong
    amounts = [each for each in json.loads(days)["amounts"] if each["dimension"].endswith("RUNNING_HOURS")]
    # From 20 minutes past midnight of the first day on.
    assert [round(each["quantity"] * 60) for each in amounts] == [24 * 60 - 20, 24 * 60, 24 * 60]
    assert "The next statement has a line of it." in adjusted
    assert "Asia/Shanghai" in zone
    assert "availability with the 14 days" in compared
