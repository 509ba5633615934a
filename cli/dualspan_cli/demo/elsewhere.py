"""Onboards simulated plants that run somewhere else, such as in containers.

`python -m dualspan_cli.demo.elsewhere READY_FILE TOKEN_FILE`, with the platform's addresses and its service secret in
the environment. READY_FILE has the lines that the simulator prints; TOKEN_FILE is written for the gateway, which
enrols with it. Safe to repeat.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from dualspan_cli.demo.onboard import Onboarding, wait_for
from dualspan_cli.demo.places import Places
from dualspan_cli.demo.plants import PLANTS, PlantServer
from dualspan_cli.local import write_private
from dualspan_cli.output import messages
from dualspan_cli.platform import FIRST_EMAIL, FIRST_TENANT
from dualspan_cli.session import choose_access, open_session
from dualspan_cli.settings import CliSettings
from dualspan_runtime.probe import is_serving

# A platform that is started for the first time migrates its database before that.
_SERVING_S = 300.0


async def onboard(ready_file: Path, token_file: Path) -> None:
    """From a platform that knows no gateway to three plants that stream."""
    access = choose_access(CliSettings())
    await wait_for("the simulated plants", lambda: _all_ready(ready_file), tell=messages.print)
    for address in (access.addresses.identity, access.addresses.onboarding, access.addresses.historian):
        await _until_serving(address)
    async with open_session(access, FIRST_TENANT) as session:
        onboarding = Onboarding(session, messages.print)
        if token := await onboarding.enrolment_token(is_known=True):
            write_private(token_file, token)
        await onboarding.until_online()
        names = [await onboarding.add_server(plant) for plant in _plants(ready_file)]
        for name, plant in zip(names, _plants(ready_file), strict=True):
            await onboarding.approve(name, plant)
            await onboarding.until_connected(name)
            await onboarding.browse(name, lambda nodes: None)
            messages.print(f"{plant.plant}: {await onboarding.accept_all(name)} tags")
        tags = await onboarding.until_active(lambda settled, total: None)
        machines = await Places(session).fill(names)
        messages.print(f"{len(tags)} tags of {machines} machines stream. Sign in as {FIRST_EMAIL}.")


async def _until_serving(address: str) -> None:
    async def is_there() -> bool:
        return await asyncio.to_thread(is_serving, address)

    await wait_for(f"{address} to serve", is_there, _SERVING_S, messages.print)


def _plants(ready_file: Path) -> Sequence[PlantServer]:
    if not ready_file.exists():
        return []
    lines = [json.loads(line) for line in ready_file.read_text().splitlines() if line.startswith("{")]
    return [
        PlantServer(**{name: line[name] for name in PlantServer.__slots__}) for line in lines if "endpoint_url" in line
    ]


async def _all_ready(ready_file: Path) -> bool:
    return len(_plants(ready_file)) >= len(PLANTS)


if __name__ == "__main__":
    asyncio.run(onboard(Path(sys.argv[1]), Path(sys.argv[2])))
