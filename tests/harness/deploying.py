"""The reconciler beside a marketplace, running local processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import asyncpg

from dualspan_manifest import parse
from dualspan_marketplace.composition import app_runtime
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.deployments.provisioner import Provisioner
from dualspan_marketplace.service.briefing import Briefing
from dualspan_marketplace.service.deploying import Deploying
from dualspan_marketplace.subscriptions.life import Clock
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST
from harness.process_apps import interpreter
from harness.subscribing import World

_IMAGE = parse(MANIFEST).run.image


@dataclass
class Site:
    """Where apps run."""

    world: World
    provisioner: ProcessProvisioner
    folder: Path

    @classmethod
    def of(cls, world: World, folder: Path) -> Site:
        provisioner = ProcessProvisioner(folder / "apps", [world.maker], interpreter(folder))
        return cls(world, provisioner, folder / "apps")

    def worker(self, *others: Provisioner) -> Deploying:
        """One more worker, with other ways to run apps beside the site's own."""
        parts = self.world.marketplace.parts
        addresses = {
            "HISTORIAN": self.world.plants.historian.address,
            "MARKETPLACE": self.world.marketplace.address,
        }
        briefing = Briefing(app_runtime.runtime(parts), addresses)
        return Deploying(parts.database, parts.operations, parts.audit, Clock(), [self.provisioner, *others], briefing)

    async def runs(self, tenant: str, how: str) -> None:
        """The subscriptions of a tenant run this module from now on, as if the app were made so."""
        text = MANIFEST.replace("id: oee-board", f"id: {self.world.app}", 1)
        text = text.replace(f"docker:\n    image: {_IMAGE}", f"process: {{module: {how}}}")
        assert parse(text).run.module == how
        admin = await asyncpg.connect(self.world.database.admin_url)
        await admin.execute("UPDATE marketplace.subscription SET manifest = $2 WHERE tenant_id = $1", tenant, text)
        await admin.close()

    def given(self, tenant: str, file: str) -> Path:
        """A file of the tenant's app."""
        return self.folder / tenant / "oee" / "given" / file

    async def pid(self, tenant: str) -> int:
        """Of the only instance; 0 if there is none."""
        holding = await self.provisioner.observe(SubscriptionName(tenant, "oee"))
        return int(holding.instances[0].handle) if holding.instances else 0
