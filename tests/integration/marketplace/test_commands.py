"""`dualspan apps`: a publisher, a reviewer and a subscriber at their terminals."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.historian import SECRET, unique_tenant
from harness.marketplace import Marketplace, manifest_of
from harness.up import environment

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def dualspan(marketplace: Marketplace, tenant: str, *words: str) -> subprocess.CompletedProcess[str]:
    stated = {
        "DUALSPAN_IDENTITY_ADDRESS": await marketplace.tenants.address_for(tenant),
        "DUALSPAN_MARKETPLACE_ADDRESS": marketplace.address,
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "COLUMNS": "120",
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "dualspan_cli", "apps", *words, "--tenant", tenant],
        # Nobody has signed in here, and no platform runs.
        env=environment(Path("/nonexistent")) | stated,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def told(marketplace: Marketplace, tenant: str, *words: str) -> Any:
    done = await dualspan(marketplace, tenant, *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


async def submitted(marketplace: Marketplace, tenant: str, app: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Hands in while the worker's part is done beside it."""
    command = asyncio.create_task(dualspan(marketplace, tenant, "submit", str(folder)))
    while not command.done():
        await marketplace.check(tenant, app, "1.2.0")
        await asyncio.sleep(0.1)
    return await command


async def test_from_a_folder_to_the_catalogue(marketplace: Marketplace, tmp_path: Path) -> None:
    maker, buyer = unique_tenant(), unique_tenant()
    app = f"{maker}-app"
    (tmp_path / "app.yaml").write_text(manifest_of(app))
    nobody = await dualspan(marketplace, maker, "submit", str(tmp_path))
    assert "dualspan apps publisher" in nobody.stdout + nobody.stderr
    assert (await dualspan(marketplace, maker, "publisher", "--name", "Acme", "--name-zh", "甲")).returncode == 0
    plan = ("plan", app, "metered", "--model", "per-asset-hour", "--name", "M", "--name-zh", "计", "--price", "0.12")
    assert (await told(marketplace, maker, *plan, "--currency", "CNY"))["price_micros"] == "120000"
    done = await submitted(marketplace, maker, app, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "✔ manifest" in done.stderr
    assert "reads good-count of each machine" in done.stderr
    assert "is in review" in done.stderr
    assert app in (await dualspan(marketplace, maker, "list", "--reviews")).stdout
    assert (await told(marketplace, maker, "review", app, "1.2.0", "--approve"))["approver"] == "services/cli"
    assert (await told(marketplace, maker, "publish", app, "1.2.0"))["state"] == "APP_VERSION_STATE_PUBLISHED"
    assert [each["name"] for each in await told(marketplace, buyer, "search", "看板", maker)] == [
        f"tenants/{buyer}/listings/{app}"
    ]
    shown = (await dualspan(marketplace, buyer, "show", app)).stdout
    assert "0.12 CNY for an asset and an hour" in shown
    assert "api.example.com:443" in shown
    assert [each["state"] for each in await told(marketplace, maker, "plans", app)] == ["PLAN_STATE_OFFERED"]
    assert (await told(marketplace, maker, "retire-plan", app, "metered"))["state"] == "PLAN_STATE_RETIRED"
    assert (await dualspan(marketplace, maker, "deprecate", app, "1.2.0")).stderr.strip().endswith("is deprecated.")
    assert (await dualspan(marketplace, maker, "withdraw", app, "1.2.0", "--remark", "Leaks.")).returncode == 0
    assert await told(marketplace, buyer, "search", maker) == []
    gone = await dualspan(marketplace, buyer, "show", app, "--json")
    assert json.loads(gone.stdout)["error"]["reason"] == "APP_NOT_FOUND"


async def test_what_the_platform_refuses_is_told_and_counts(marketplace: Marketplace, tmp_path: Path) -> None:
    maker = unique_tenant()
    app = f"{maker}-app"
    await dualspan(marketplace, maker, "publisher", "--name", "Acme", "--name-zh", "甲")
    text = manifest_of(app).replace("  docker:\n", "  process: {module: mine}\n  docker:\n")
    (tmp_path / "app.yaml").write_text(text)
    done = await submitted(marketplace, maker, app, tmp_path)
    assert done.returncode == 1
    assert "✘ artefacts" in done.stderr
    assert "is a draft again" in done.stderr
