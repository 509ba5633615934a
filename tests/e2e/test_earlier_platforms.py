"""A platform of an earlier release becomes one of this release while a gateway streams to it, and nothing is lost.

While no release is tagged, the last commit stands for one: that shows the way, and nothing about compatibility.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.releases import extract, last_two, whence
from harness.site import Site, now_us, open_site, site_folder

# What a platform and a gateway are made of. Third-party packages are those of now.
FOLDERS = ("services", "libs", "edge", "cli", "sdk", "protos")
_MIGRATE = "import asyncio, sys; from dualspan_cli.migrations import migrate_all; asyncio.run(migrate_all(sys.argv[1]))"
# In the order in which they are replaced: who is asked goes before who asks.
SERVICES = ("identity", "onboarding", "historian", "worker")


def path_of(folder: Path) -> str:
    """The members of a workspace, as PYTHONPATH has them."""
    members = [folder / "protos/gen", folder / "edge", folder / "cli", folder / "sdk"]
    return os.pathsep.join(map(str, [*members, *folder.glob("services/*/"), *folder.glob("libs/*/")]))


async def migrated(path: str, admin_url: str) -> None:
    """Makes the schemas as the release had them."""
    command = [sys.executable, "-c", _MIGRATE, admin_url]
    await asyncio.to_thread(subprocess.run, command, env={**os.environ, "PYTHONPATH": path}, check=True)


async def replace(site: Site, name: str) -> None:
    """Stops one process of the earlier release and starts it anew from this one."""
    child = site.members[name].server.child
    child.environment = {key: value for key, value in child.environment.items() if key != "PYTHONPATH"}
    await asyncio.to_thread(child.stop)
    await site.revive(name)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", last_two() or ["HEAD"])
async def test_a_platform_of_an_earlier_release_is_upgraded_while_it_works(
    revision: str, free_port: Callable[[], int]
) -> None:
    with site_folder("earlier-platform") as folder:
        if not extract(revision, folder / "earlier", *FOLDERS):
            pytest.skip("this is no clone of the repository")
        path = path_of(folder / "earlier")
        packages = ("dualspan_historian", "dualspan_runtime", "dualspan_frame", "dualspan.historian.v1")
        told = await asyncio.to_thread(whence, path, *packages)
        assert all(each.startswith(str(folder)) for each in told), told
        settings = {"PYTHONPATH": path}
        site_of = open_site(
            folder,
            free_port,
            rate=2000.0,
            items=20,
            platform_settings=settings,
            gateway_settings=settings,
            migrate=lambda url: migrated(path, url),
        )
        async with site_of as site:
            since_us = now_us()
            await site.caught_up(since_us)
            # The new schema comes first, as Helm's hook has it: the earlier release goes on to work on it.
            await migrated("", site.platform.postgres.url())
            await site.caught_up(now_us())
            for name in SERVICES:
                await replace(site, name)
                await site.caught_up(now_us())
            await replace(site, "gateway")
            until_us = now_us()
            await site.caught_up(until_us)
            verdict = await site.verdict(since_us, until_us)
            assert verdict.is_clean, verdict
            assert verdict.kept > 0
