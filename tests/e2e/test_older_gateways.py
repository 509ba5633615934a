"""Gateways of the two releases before this one enrol, are configured, browse and stream, and nothing is lost.

While no release is tagged, the last commit stands for one: that shows the way, and nothing about compatibility.
"""

import asyncio
import os
from collections.abc import Callable

import pytest

from harness.releases import extract, last_two, whence
from harness.site import now_us, open_site, site_folder

# What a gateway is made of. Third-party packages are those of now.
PARTS = ("edge", "libs/frame", "protos/gen")


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", last_two() or ["HEAD"])
async def test_a_gateway_of_an_earlier_release_streams(revision: str, free_port: Callable[[], int]) -> None:
    with site_folder("older-gateway") as folder:
        if not extract(revision, folder / "earlier", *PARTS):
            pytest.skip("this is no clone of the repository")
        path = os.pathsep.join(str(folder / "earlier" / part) for part in PARTS)
        told = await asyncio.to_thread(whence, path, "dualspan_edge", "dualspan_frame", "dualspan.historian.v1")
        assert all(each.startswith(str(folder)) for each in told), told
        settings = {"PYTHONPATH": path}
        async with open_site(folder, free_port, rate=2000.0, items=20, gateway_settings=settings) as site:
            since_us = now_us()
            await site.caught_up(since_us)
            await asyncio.sleep(2.0)
            site.kill("gateway")
            await site.revive("gateway")
            until_us = now_us()
            await site.caught_up(until_us)
            verdict = await site.verdict(since_us, until_us)
            assert verdict.is_clean, verdict
            assert verdict.kept > 0
