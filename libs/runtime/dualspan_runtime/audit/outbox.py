"""What people decide is written down with it, and brought to the audit log of identity."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc.aio
import structlog

from dualspan.identity.v1 import resources_pb2 as identity
from dualspan.identity.v1.service_pb2 import RecordAuditEventRequest
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_runtime.audit import store
from dualspan_runtime.audit.store import AuditEvent
from dualspan_runtime.context import current_principal, request_id
from dualspan_runtime.database import Connection, Database

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.identity.v1.service_pb2_grpc import IdentityServiceAsyncStub

_LEASE = timedelta(minutes=1)
_STEP = 100
_PAUSE_SECONDS = 30.0
_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_log = structlog.stdlib.get_logger()


class Audit:
    """Keeps events with what they tell of, and brings them to identity.

    Args:
        database: The service's schema.
        open_identity: Opens a channel to identity that carries this service's token.
    """

    def __init__(
        self, database: Database, open_identity: Callable[[], AbstractAsyncContextManager[grpc.aio.Channel]]
    ) -> None:
        self._database = database
        self._open_identity = open_identity
        self._waiting = asyncio.Event()

    async def write(self, connection: Connection, tenant: str, action: str, resource: str, actor: str = "") -> None:
        """Write down who did what, in the transaction in which it was done.

        Args:
            connection: Of that transaction.
            tenant: Whose audit log.
            action: What was done.
            resource: To what.
            actor: Who, where a service calls for somebody; else the caller.
        """
        who = actor or current_principal().actor
        event = AuditEvent(tenant, uuid.uuid4(), who, action, resource, request_id())
        await store.add(connection, event)
        self._waiting.set()

    async def run(self) -> None:
        """Deliver for ever: soon after something was written, and now and then what others left behind."""
        async with self._open_identity() as channel:
            stub = IdentityServiceStub(channel)
            while True:
                self._waiting.clear()
                if await self._deliver_all(stub):
                    await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_PAUSE_SECONDS):
                await self._waiting.wait()
        except TimeoutError:
            return
        # The transaction that wrote it may still be open.
        await asyncio.sleep(0.1)

    async def _deliver_all(self, stub: "IdentityServiceAsyncStub") -> bool:
        """Deliver the oldest events; returns whether there may be no more."""
        async with self._database.platform_transaction() as connection:
            events = await store.lease(connection, _LEASE, _STEP)
        for event in events:
            if not await self._deliver(stub, event):
                return True
        return len(events) < _STEP

    async def _deliver(self, stub: "IdentityServiceAsyncStub", event: AuditEvent) -> bool:
        """Deliver one; False if identity cannot be asked now. One that it refuses is tried again after its lease."""
        told = identity.AuditEvent(
            actor=event.actor, action=event.action, resource=event.resource, request_id=event.request_id
        )
        try:
            await stub.RecordAuditEvent(RecordAuditEventRequest(parent=f"tenants/{event.tenant}", audit_event=told))
        except grpc.aio.AioRpcError as err:
            if err.code() in _UNREACHABLE:
                return False
            _log.exception("audit event refused", audit_event=str(event.event_id), action=event.action)
            return True
        async with self._database.transaction(event.tenant) as connection:
            await store.remove(connection, event)
        return True
