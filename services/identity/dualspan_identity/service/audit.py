"""The audit log."""

from dualspan_identity.model import AuditEvent, AuditFilter
from dualspan_identity.store import audit
from dualspan_runtime.context import current_principal, request_id
from dualspan_runtime.database import Connection, Database


async def note(connection: Connection, tenant: str, action: str, resource: str, **details: str) -> None:
    """Writes down what the caller does, in the transaction that does it."""
    actor = current_principal().actor
    await audit.insert_event(connection, AuditEvent(tenant, actor, action, resource, details, request_id()))


class AuditLog:
    """Writes for other services, reads for admins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, event: AuditEvent) -> AuditEvent:
        """Writes an event down as another service tells it."""
        async with self._database.transaction(event.tenant_id) as connection:
            return await audit.insert_event(connection, event)

    async def page(self, tenant: str, wanted: AuditFilter, before: int | None, size: int) -> list[AuditEvent]:
        """Returns events that are wanted, newest first, beginning after one."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await audit.page_of_events(connection, tenant, wanted, before, size)
