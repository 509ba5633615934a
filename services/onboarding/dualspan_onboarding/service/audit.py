"""The audit log's part of a use case."""

import uuid

from dualspan_onboarding.model import AuditEvent
from dualspan_onboarding.store import outbox
from dualspan_runtime.context import current_principal, request_id
from dualspan_runtime.database import Connection


async def audit(
    connection: Connection, tenant: str, action: str, resource: object, *, actor: str = "", **details: str
) -> None:
    """Write down who did what, in the transaction in which it was done; the reconciler brings it to identity.

    Args:
        connection: Of the transaction.
        tenant: Whose audit log.
        action: Such as "gateway.enrol".
        resource: The full name of what it was done to.
        actor: Who, if not the caller.
        **details: Further facts, none of them secret.
    """
    event = AuditEvent(
        event_id=uuid.uuid4(),
        tenant=tenant,
        actor=actor or current_principal().actor,
        action=action,
        resource=str(resource),
        details=details,
        request_id=request_id(),
    )
    await outbox.add_event(connection, event)
    await outbox.notify_work(connection)
