from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc.aio
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from integration.identity.running import SECRET, Identity, platform, reason

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import FailedPrecondition
from dualspan_runtime.migrations import Migrations, migrate
from dualspan_runtime.operations import OPERATIONS, OperationsServicer, OperationStore
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding, Listener, ListenerKind, start_server
from dualspan_runtime.settings import ServiceSettings
from dualspan_runtime.trust import IdentityTrust

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from harness.databases import ClonedDatabase

SERVER = "tenants/acme/gateways/g/servers/s"


@dataclass
class Kitchen:
    """A service whose only business is long-running operations."""

    database: Database
    store: OperationStore
    stub: Any
    metadata: grpc.aio.Metadata

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        async with self.database.transaction("acme") as connection:
            yield connection

    async def start(self) -> str:
        async with self.transaction() as connection:
            made = await self.store.create(connection, "acme", metadata=Int64Value(value=0), resource=SERVER)
        return made.name

    async def get(self, name: str) -> operations_pb2.Operation:
        request = operations_pb2.GetOperationRequest(name=name)
        return await self.stub.GetOperation(request, metadata=self.metadata)


@pytest.fixture
async def kitchen(
    database: ClonedDatabase, identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Kitchen]:
    (tmp_path / "package_of_kitchen").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    migrations = Migrations("kitchen", "package_of_kitchen", shared=(OPERATIONS,))
    assert await migrate(database.admin_url, migrations) == ["operations/0001_operation"]
    settings = ServiceSettings(
        listen="127.0.0.1:0",
        database_url=database.service_url("kitchen"),
        drain_seconds=0.5,
        platform=platform(identity_address=identity.address),
    )
    store = OperationStore()
    async with (
        Database.open(settings, schema=migrations) as db,
        IdentityTrust.open(settings.platform, service="kitchen") as trust,
    ):
        servicer = OperationsServicer(db, store, PageTokens(SECRET))
        binding = Binding(operations_pb2_grpc.add_OperationsServicer_to_server, servicer)
        listeners = [Listener.people(settings, [binding])]
        async with (
            start_server("kitchen", settings, trust=trust, listeners=listeners) as server,
            grpc.aio.insecure_channel(f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}") as channel,
        ):
            stub = operations_pb2_grpc.OperationsStub(channel)
            yield Kitchen(db, store, stub, await identity.bearer())


async def test_an_operation_tells_how_it_goes_and_how_it_ended(kitchen: Kitchen) -> None:
    name = await kitchen.start()
    async with kitchen.transaction() as connection:
        await kitchen.store.progress(connection, "acme", name, Int64Value(value=5))
    running = await kitchen.get(name)
    progress = Int64Value()
    assert running.metadata.Unpack(progress)
    assert (progress.value, running.done) == (5, False)
    async with kitchen.transaction() as connection:
        assert await kitchen.store.finish(connection, "acme", name, StringValue(value="soup"))
        assert not await kitchen.store.fail(connection, "acme", name, FailedPrecondition("BURNT", "Too late."))
    done = await kitchen.get(name)
    outcome = StringValue()
    assert done.response.Unpack(outcome)
    assert outcome.value == "soup"


async def test_a_failed_operation_carries_the_domains_error(kitchen: Kitchen) -> None:
    name = await kitchen.start()
    async with kitchen.transaction() as connection:
        await kitchen.store.fail(connection, "acme", name, FailedPrecondition("BURNT", "Begin again."))
    operation = await kitchen.get(name)
    assert operation.done
    assert operation.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert operation.error.message == "Begin again."


async def test_waiting_ends_with_the_operation_or_with_the_time(kitchen: Kitchen) -> None:
    name = await kitchen.start()
    short = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(nanos=200_000_000))
    assert not (await kitchen.stub.WaitOperation(short, metadata=kitchen.metadata)).done
    request = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(seconds=20))
    waiting = asyncio.ensure_future(kitchen.stub.WaitOperation(request, metadata=kitchen.metadata))
    await asyncio.sleep(0.1)
    async with kitchen.transaction() as connection:
        await kitchen.store.finish(connection, "acme", name, StringValue())
    async with asyncio.timeout(5):
        assert (await waiting).done


@pytest.mark.parametrize("timeout", [Duration(seconds=-(2**62)), Duration(nanos=-1)])
async def test_waiting_for_no_time_at_all_answers_at_once(kitchen: Kitchen, timeout: Duration) -> None:
    request = operations_pb2.WaitOperationRequest(name=await kitchen.start(), timeout=timeout)
    async with asyncio.timeout(5):
        assert not (await kitchen.stub.WaitOperation(request, metadata=kitchen.metadata)).done


async def test_deleting_says_that_it_cannot_be_done(kitchen: Kitchen) -> None:
    request = operations_pb2.DeleteOperationRequest(name=await kitchen.start())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await kitchen.stub.DeleteOperation(request, metadata=kitchen.metadata)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert reason(raised) == "OPERATIONS_STAY"
    assert (await kitchen.get(request.name)).name == request.name


async def test_cancelling_asks_whoever_works_on_it(kitchen: Kitchen) -> None:
    name = await kitchen.start()
    async with kitchen.transaction() as connection:
        assert not await kitchen.store.cancelled(connection, "acme", name)
    request = operations_pb2.CancelOperationRequest(name=name)
    await kitchen.stub.CancelOperation(request, metadata=kitchen.metadata)
    async with kitchen.transaction() as connection:
        assert await kitchen.store.cancelled(connection, "acme", name)


async def test_pages_go_from_the_newest_to_the_oldest_and_only_with_their_own_token(kitchen: Kitchen) -> None:
    names = [await kitchen.start() for _ in range(5)]
    seen: list[str] = []
    request = operations_pb2.ListOperationsRequest(name="tenants/acme", page_size=2)
    while True:
        page = await kitchen.stub.ListOperations(request, metadata=kitchen.metadata)
        seen += [operation.name for operation in page.operations]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == names[::-1]
    request.page_token = request.page_token[:-2] + "AA"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await kitchen.stub.ListOperations(request, metadata=kitchen.metadata)
    assert reason(raised) == "MALFORMED_PAGE_TOKEN"


async def test_nobody_sees_another_tenants_operations(kitchen: Kitchen, identity: Identity) -> None:
    name = await kitchen.start()
    stranger = await identity.add_user("other", "eve@other.example", resources.ROLE_ADMIN)
    for call, request in (
        (kitchen.stub.GetOperation, operations_pb2.GetOperationRequest(name=name)),
        (kitchen.stub.WaitOperation, operations_pb2.WaitOperationRequest(name=name)),
        (kitchen.stub.CancelOperation, operations_pb2.CancelOperationRequest(name=name)),
        (kitchen.stub.ListOperations, operations_pb2.ListOperationsRequest(name="tenants/acme")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(request, metadata=stranger)
        assert reason(raised) == "FOREIGN_TENANT"
    missing = operations_pb2.GetOperationRequest(name="tenants/other/operations/" + name.rpartition("/")[2])
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await kitchen.stub.GetOperation(missing, metadata=stranger)
    assert reason(raised) == "OPERATION_NOT_FOUND"


async def test_the_database_itself_holds_operations_to_one_outcome(kitchen: Kitchen) -> None:
    name = await kitchen.start()
    with pytest.raises(asyncpg.CheckViolationError):
        async with kitchen.transaction() as connection:
            await connection.execute(
                "UPDATE operation SET done = true WHERE operation_id = $1", name.rpartition("/")[2]
            )
