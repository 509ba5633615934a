"""Brings what was observed to what is desired, outside this database. Every step is safe to repeat."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import grpc.aio
import structlog

from dualspan_onboarding.clients import UNREACHABLE, Historian, Identity
from dualspan_onboarding.model import AuditEvent, Timing
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.service.browsing import Browsing
from dualspan_onboarding.service.servers import configuration_changed
from dualspan_onboarding.service.wakeups import Wakeups
from dualspan_onboarding.store import gateways, outbox, tags
from dualspan_runtime.context import bind_request_id
from dualspan_runtime.database import Database

# RegisterTags and RetireTags take no more.
_TAGS_AT_ONCE = 10_000
_STEP = 100
_EVENT_LEASE = timedelta(seconds=30)
_log = structlog.stdlib.get_logger()


class Reconciler:
    """Tells the historian of tags, identity of revocations and audit events, and gives up browses that hang.

    Several replicas may run it at the same time: what one does twice changes nothing.

    Args:
        database: Where desired and observed are.
        identity: The gateway CA and the audit log.
        historian: The tags that samples are stored of.
        browsing: Ends browses.
        timing: How long things may take.
        sweeps: Further steps, one per concern that has something to reconcile.
    """

    def __init__(
        self,
        database: Database,
        identity: Identity,
        historian: Historian,
        browsing: Browsing,
        timing: Timing,
        sweeps: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._database = database
        self._identity = identity
        self._historian = historian
        self._browsing = browsing
        self._timing = timing
        self._sweeps = sweeps

    async def run(self, wakeups: Wakeups) -> None:
        """Reconcile for ever, when woken and every few seconds."""
        with wakeups.work() as woken:
            while True:
                woken.clear()
                await self.once()
                try:
                    async with asyncio.timeout(self._timing.reconcile_interval.total_seconds()):
                        await woken.wait()
                except TimeoutError:
                    continue

    async def once(self) -> None:
        """One pass over every step. A step that fails is tried again with the next pass and stalls no other."""
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            self.register_tags,
            self.retire_tags,
            self.revoke_certificates,
            self._browsing.give_up_stuck,
            *self._sweeps,
            self.deliver_audit_events,
        )
        for step in steps:
            with bind_request_id():
                await self._supervised(step.__name__, step())

    @staticmethod
    async def _supervised(what: str, work: Awaitable[None]) -> bool:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a supervised loop: it logs and carries on
            _log.warning("reconciling failed, will be tried again", step=what, error=repr(error))
            return False
        return True

    async def register_tags(self) -> None:
        """Tell the historian of new tags, then let their gateways be told."""
        async with self._database.platform_transaction(readonly=True) as connection:
            tenants = await tags.tenants_with_unregistered(connection)
        for tenant in tenants:
            await self._supervised("register_tags", self._register_of(tenant))

    async def _register_of(self, tenant: str) -> None:
        after = 0
        while True:
            async with self._database.transaction(tenant, readonly=True) as connection:
                untold = await tags.unregistered(connection, tenant, after, _TAGS_AT_ONCE)
            if not untold:
                return
            await self._historian.register(tenant, untold)
            after = untold[-1].tag_id
            async with self._database.transaction(tenant) as connection:
                # Gateways before their tags, as everywhere, so that two changes cannot wait for each other.
                for name in sorted({tag.gateway for tag in untold}, key=str):
                    await gateways.lock(connection, name)
                for name in await tags.mark_registered(connection, tenant, [tag.tag_id for tag in untold]):
                    await configuration_changed(connection, name)

    async def retire_tags(self) -> None:
        """Have the historian stop accepting deleted tags, once nothing of them can be on its way."""
        async with self._database.platform_transaction(readonly=True) as connection:
            tenants = await tags.tenants_with_unretired(connection)
        for tenant in tenants:
            await self._supervised("retire_tags", self._retire_of(tenant))

    async def _retire_of(self, tenant: str) -> None:
        while True:
            async with self._database.transaction(tenant, readonly=True) as connection:
                at_latest = self._timing.retire_at_latest_after
                ids = await tags.retirable(connection, tenant, at_latest, _TAGS_AT_ONCE)
            if not ids:
                return
            await self._historian.retire(tenant, ids)
            async with self._database.transaction(tenant) as connection:
                await tags.mark_retired(connection, tenant, ids)

    async def revoke_certificates(self) -> None:
        """Have identity revoke the certificates of revoked gateways."""
        async with self._database.platform_transaction(readonly=True) as connection:
            pending = await gateways.unconfirmed_revocations(connection, _STEP)
        for name, reason in pending:
            await self._supervised("revoke_certificates", self._revoke(name, reason))

    async def _revoke(self, name: GatewayName, reason: str) -> None:
        await self._identity.revoke(name, reason)
        async with self._database.transaction(name.tenant) as connection:
            await gateways.confirm_revocation(connection, name)

    async def deliver_audit_events(self) -> None:
        """Bring audit events to identity, oldest first. One that it refuses is tried again later, after the others."""
        while True:
            async with self._database.platform_transaction() as connection:
                events = await outbox.lease_events(connection, _EVENT_LEASE, _STEP)
            for event in events:
                await self._deliver(event)
            if len(events) < _STEP:
                return

    async def _deliver(self, event: AuditEvent) -> None:
        try:
            await self._identity.record(event)
        except grpc.aio.AioRpcError as error:
            if error.code() in UNREACHABLE:
                raise  # so are the others: the next pass tries them
            _log.exception("audit event refused", audit_event=str(event.event_id), action=event.action)
            return
        async with self._database.transaction(event.tenant) as connection:
            await outbox.remove_event(connection, event.tenant, event.event_id)
