"""All SQL of operations. Every method runs in the caller's transaction, beside the work that it tells of."""

import uuid
from datetime import datetime

from asyncpg import Record
from google.longrunning import operations_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import status_pb2

from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection
from dualspan_runtime.errors import DomainError, NotFound, to_status
from dualspan_runtime.names import OPERATION

_COLUMNS = "tenant_id, operation_id, metadata, done, response, error"


class OperationStore:
    """The operations of a service, in its own schema."""

    async def create(
        self, connection: Connection, tenant: str, *, metadata: Message, resource: str
    ) -> operations_pb2.Operation:
        """Makes an operation.

        Args:
            connection: In a transaction of the tenant.
            tenant: The tenant's id.
            metadata: How it goes.
            resource: The full name of what it works on.
        """
        row = await connection.fetchrow(
            f"""INSERT INTO operation (tenant_id, operation_id, resource, actor, metadata)
            VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}""",
            tenant,
            uuid.uuid4().hex,
            resource,
            current_principal().actor,
            _pack(metadata),
        )
        assert row is not None  # noqa: S101 - RETURNING gives one
        return _to_message(row)

    async def get(self, connection: Connection, name: str) -> operations_pb2.Operation:
        """Returns an operation.

        Raises:
            NotFound: There is none of that name (`OPERATION_NOT_FOUND`).
        """
        names = OPERATION.parse(name)
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM operation WHERE tenant_id = $1 AND operation_id = $2",
            names["tenant"],
            names["operation"],
        )
        if row is None:
            raise _not_found(name)
        return _to_message(row)

    async def page(
        self, connection: Connection, tenant: str, size: int, before: tuple[datetime, str] | None
    ) -> list[tuple[operations_pb2.Operation, datetime]]:
        """Returns operations with their times of creation, newest first, up to `size`.

        Args:
            connection: In a transaction of the tenant.
            tenant: The tenant's id.
            size: At most so many.
            before: Time of creation and id of the last one of the page before.
        """
        created_at, operation_id = before or (None, "")
        rows = await connection.fetch(
            f"""SELECT {_COLUMNS}, created_at FROM operation
            WHERE tenant_id = $1 AND ($2 OR (created_at, operation_id) < ($3::timestamptz, $4))
            ORDER BY created_at DESC, operation_id DESC LIMIT $5""",
            tenant,
            before is None,
            created_at,
            operation_id,
            size,
        )
        return [(_to_message(row), row["created_at"]) for row in rows]

    async def progress(self, connection: Connection, tenant: str, name: str, metadata: Message) -> None:
        """Writes down how a running operation goes; does nothing to one that is done."""
        await connection.execute(
            """UPDATE operation SET metadata = $3, updated_at = now()
            WHERE tenant_id = $1 AND operation_id = $2 AND NOT done""",
            tenant,
            OPERATION.parse(name)["operation"],
            _pack(metadata),
        )

    async def finish(self, connection: Connection, tenant: str, name: str, response: Message) -> bool:
        """Ends an operation well. Returns whether it was still running."""
        return await self._end(connection, tenant, name, response=_pack(response), error=None)

    async def fail(self, connection: Connection, tenant: str, name: str, error: DomainError) -> bool:
        """Ends an operation with an error. Returns whether it was still running."""
        return await self._end(connection, tenant, name, response=None, error=to_status(error).SerializeToString())

    async def request_cancel(self, connection: Connection, name: str) -> None:
        """Asks for an operation to stop; whoever works on it asks `cancelled`.

        Raises:
            NotFound: There is none of that name (`OPERATION_NOT_FOUND`).
        """
        names = OPERATION.parse(name)
        found = await connection.fetchval(
            """UPDATE operation SET cancel_requested = cancel_requested OR NOT done, updated_at = now()
            WHERE tenant_id = $1 AND operation_id = $2 RETURNING true""",
            names["tenant"],
            names["operation"],
        )
        if not found:
            raise _not_found(name)

    async def cancelled(self, connection: Connection, tenant: str, name: str) -> bool:
        """Tells whether somebody asked for an operation to stop."""
        requested = await connection.fetchval(
            "SELECT cancel_requested FROM operation WHERE tenant_id = $1 AND operation_id = $2",
            tenant,
            OPERATION.parse(name)["operation"],
        )
        return bool(requested)

    @staticmethod
    async def _end(
        connection: Connection, tenant: str, name: str, *, response: bytes | None, error: bytes | None
    ) -> bool:
        ended = await connection.fetchval(
            """UPDATE operation SET done = true, response = $3, error = $4, updated_at = now()
            WHERE tenant_id = $1 AND operation_id = $2 AND NOT done RETURNING true""",
            tenant,
            OPERATION.parse(name)["operation"],
            response,
            error,
        )
        return bool(ended)


def _pack(message: Message) -> bytes:
    packed = AnyMessage()
    packed.Pack(message)
    return packed.SerializeToString()


def _to_message(row: Record) -> operations_pb2.Operation:
    operation = operations_pb2.Operation(
        name=OPERATION.format(tenant=row["tenant_id"], operation=row["operation_id"]),
        metadata=AnyMessage.FromString(row["metadata"]),
        done=row["done"],
    )
    if row["response"] is not None:
        operation.response.MergeFromString(row["response"])
    if row["error"] is not None:
        operation.error.CopyFrom(status_pb2.Status.FromString(row["error"]))
    return operation


def _not_found(name: str) -> NotFound:
    return NotFound("OPERATION_NOT_FOUND", f"There is no operation {name}. List the operations to see what there is.")
