"""The reconciler beside a marketplace, running local processes, with credentials that the test makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from dualspan_manifest import parse
from dualspan_marketplace.deployments.credentials import Credential
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.service.briefing import Briefing
from dualspan_marketplace.service.deploying import Deploying
from dualspan_marketplace.subscriptions.life import Clock
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST
from harness.process_apps import interpreter
from harness.subscribing import World

_IMAGE = parse(MANIFEST).run.image


@dataclass
class NumberedCredentials:
    """Tokens that count up."""

    life: timedelta = timedelta(minutes=15)
    issued: list[str] = field(default_factory=list)

    async def issue(self, name: SubscriptionName) -> Credential:
        self.issued.append(f"{name.tenant}/{name.subscription_id}/{len(self.issued)}")
        return Credential(self.issued[-1], datetime.now(UTC) + self.life)


@dataclass
class Site:
    """Where apps run."""

    world: World
    provisioner: ProcessProvisioner
    credentials: NumberedCredentials

    @classmethod
    def of(cls, world: World, folder: Path) -> Site:
        provisioner = ProcessProvisioner(folder / "apps", [world.maker], interpreter(folder))
        return cls(world, provisioner, NumberedCredentials())

    def worker(self) -> Deploying:
        """One more worker."""
        parts = self.world.marketplace.parts
        briefing = Briefing(parts.database, parts.plant, self.credentials, {"HISTORIAN": "127.0.0.1:9"})
        return Deploying(parts.database, parts.operations, parts.audit, Clock(), [self.provisioner], briefing)

    async def runs(self, tenant: str, how: str) -> None:
        """The subscriptions of a tenant run this module from now on, as if the app were made so."""
        text = MANIFEST.replace("id: oee-board", f"id: {self.world.app}", 1)
        text = text.replace(f"docker:\n    image: {_IMAGE}", f"process: {{module: {how}}}")
        assert parse(text).run.module == how
        admin = await asyncpg.connect(self.world.database.admin_url)
        await admin.execute("UPDATE marketplace.subscription SET manifest = $2 WHERE tenant_id = $1", tenant, text)
        await admin.close()

    async def pid(self, tenant: str) -> int:
        """Of the only instance; 0 if there is none."""
        holding = await self.provisioner.observe(SubscriptionName(tenant, "oee"))
        return int(holding.instances[0].handle) if holding.instances else 0
