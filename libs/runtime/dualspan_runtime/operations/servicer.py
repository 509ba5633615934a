"""`google.longrunning.Operations` of a service: get, list, wait, cancel."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc.aio
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2

from dualspan_runtime.context import current_tenant
from dualspan_runtime.database import Database
from dualspan_runtime.errors import Unimplemented
from dualspan_runtime.names import TENANT
from dualspan_runtime.operations.store import OperationStore
from dualspan_runtime.paging import PageRules, PageTokens

_LONGEST_WAIT_SECONDS = 60.0
_POLL_SECONDS = (0.05, 1.0)
_RULES = PageRules()
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class OperationsServicer(operations_pb2_grpc.OperationsServicer):
    """Answers for the operations of one service.

    Args:
        database: The service's.
        store: The service's.
        tokens: Makes page tokens.
    """

    def __init__(self, database: Database, store: OperationStore, tokens: PageTokens) -> None:
        self._database = database
        self._store = store
        self._tokens = tokens

    async def GetOperation(  # noqa: N802 - gRPC's name
        self, request: operations_pb2.GetOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """Returns an operation."""
        async with self._database.transaction(current_tenant(), readonly=True) as connection:
            return await self._store.get(connection, request.name)

    async def ListOperations(  # noqa: N802 - gRPC's name
        self, request: operations_pb2.ListOperationsRequest, context: Context
    ) -> operations_pb2.ListOperationsResponse:
        """Returns a tenant's operations, newest first."""
        tenant, size = TENANT.parse(request.name)["tenant"], _RULES.size(request.page_size)
        query = ("ListOperations", tenant)
        key = self._tokens.read(request.page_token, query)
        before = None if key is None else (datetime.fromtimestamp(int(key[0]) / 1e6, UTC), str(key[1]))
        async with self._database.transaction(tenant, readonly=True) as connection:
            rows = await self._store.page(connection, tenant, size + 1, before)
        response = operations_pb2.ListOperationsResponse(operations=[operation for operation, _ in rows[:size]])
        if len(rows) > size:
            operation, created_at = rows[size - 1]
            key = (round(created_at.timestamp() * 1e6), operation.name.rpartition("/")[2])
            response.next_page_token = self._tokens.write(key, query)
        return response

    async def WaitOperation(  # noqa: N802 - gRPC's name
        self, request: operations_pb2.WaitOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """Returns an operation once it is done, or as it is when the time is over."""
        # Not as a timedelta, which takes no more than some thousand years.
        asked = request.timeout.seconds + request.timeout.nanos / 1e9
        longest_wait = min(asked, _LONGEST_WAIT_SECONDS) if request.HasField("timeout") else _LONGEST_WAIT_SECONDS
        until = time.monotonic() + longest_wait
        pause, longest = _POLL_SECONDS
        while True:
            operation = await self.GetOperation(operations_pb2.GetOperationRequest(name=request.name), context)
            remaining = until - time.monotonic()
            if operation.done or remaining <= 0:
                return operation
            await asyncio.sleep(min(pause, remaining))
            pause = min(pause * 1.5, longest)

    async def CancelOperation(  # noqa: N802 - gRPC's name
        self, request: operations_pb2.CancelOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """Asks for an operation to stop."""
        async with self._database.transaction(current_tenant()) as connection:
            await self._store.request_cancel(connection, request.name)
        return empty_pb2.Empty()

    async def DeleteOperation(  # noqa: N802 - gRPC's name
        self, request: operations_pb2.DeleteOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """Refuses: what was done stays to be seen."""
        raise Unimplemented("OPERATIONS_STAY", "Operations are not deleted one by one. Leave it; cancel it to stop it.")
