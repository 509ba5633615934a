"""Images and charts on their way: nobody's large one, or slow registry, holds up another's app."""

import asyncio

from dualspan_manifest import Manifest
from dualspan_marketplace.deployments.provisioner import CannotStartError, Provisioner

# What is there already is had within this, and the start follows at once.
_MOMENT_SECONDS = 1.0
_LONGEST_SECONDS = 1800.0


class Fetching:
    """Fetches beside everything else. A worker's end ends its fetches; the next one begins them anew."""

    def __init__(self) -> None:
        self._going: dict[str, asyncio.Task[None]] = {}

    async def is_done(self, provisioner: Provisioner, manifest: Manifest) -> bool:
        """Whether all is there that an app's start needs; if not it is being fetched from now on.

        Raises:
            CannotStartError: It cannot be had; the next question begins anew.
            UnreachableError: Who runs apps does not answer.
        """
        key = f"{provisioner.kind} {manifest.run.image} {manifest.run.helm}"
        task, patience = self._going.get(key), 0.0
        if task is None:
            task, patience = asyncio.create_task(_fetched(provisioner, manifest)), _MOMENT_SECONDS
            self._going[key] = task
        if not (await asyncio.wait({task}, timeout=patience))[0]:
            return False
        self._going.pop(key, None)
        await task
        return True


async def _fetched(provisioner: Provisioner, manifest: Manifest) -> None:
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            await provisioner.prepare(manifest)
    except TimeoutError as err:
        raise CannotStartError(f"What it is made of did not come within {_LONGEST_SECONDS / 60:.0f} minutes.") from err
