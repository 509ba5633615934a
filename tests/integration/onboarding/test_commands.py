"""Commands between a real database and the gateway's own registry, whatever the stream between them does."""

import asyncio

import pytest
from google.rpc import code_pb2

from dualspan.onboarding.v1.commands_pb2 import (
    GATEWAY_COMMAND_STATE_QUEUED,
    GATEWAY_COMMAND_STATE_SENT,
)
from dualspan.onboarding.v1.discovery_pb2 import DiscoverServersResponse
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from dualspan_edge.clock import now_microseconds
from dualspan_edge.commands import CommandRegistry, Progress
from dualspan_runtime.errors import FailedPrecondition
from harness.gateway_commands import Owner, asked, connected, metadata_of, now_of, reason_of, reports, sent, work
from harness.onboarding import UseCases


async def test_a_command_shows_how_far_it_is_and_ends_with_its_outcome(use_cases: UseCases) -> None:
    owner = Owner()
    gateway, session = await connected(use_cases, owner)
    operation = await asked(use_cases, gateway, work("one"))
    assert metadata_of(operation).state == GATEWAY_COMMAND_STATE_QUEUED
    (command,) = await sent(use_cases, session)
    assert list(command.discover.addresses) == ["one"]
    assert command.repeatable
    assert await sent(use_cases, session) == [], "once per stream"
    report = ConnectRequest.CommandReport(command_id=command.command_id, step="asking 10.0.0.7", percent=40)
    await reports(use_cases, session, report)
    metadata = metadata_of(await now_of(use_cases, "acme", operation.name))
    assert (metadata.step, metadata.percent, metadata.state) == ("asking 10.0.0.7", 40, GATEWAY_COMMAND_STATE_SENT)
    done = ConnectRequest.CommandReport(
        command_id=command.command_id, done=True, discover=DiscoverServersResponse(asked_addresses=3)
    )
    await reports(use_cases, session, done)
    await reports(use_cases, session, done)  # told again by a later stream
    ended, response = await now_of(use_cases, "acme", operation.name), DiscoverServersResponse()
    assert ended.done
    assert ended.response.Unpack(response)
    assert response.asked_addresses == 3
    assert owner.succeeded_ones == ["one"]


async def test_an_outcome_that_its_owner_refuses_is_a_failure(use_cases: UseCases) -> None:
    owner = Owner(refuses=True)
    gateway, session = await connected(use_cases, owner)
    operation = await asked(use_cases, gateway, work("one"))
    (command,) = await sent(use_cases, session)
    done = ConnectRequest.CommandReport(command_id=command.command_id, done=True, discover=DiscoverServersResponse())
    await reports(use_cases, session, done)
    assert reason_of(await now_of(use_cases, "acme", operation.name)) == "OUTCOME_REFUSED"
    assert owner.failed_ones == {"one": "OUTCOME_REFUSED"}


async def test_an_end_without_an_outcome_is_a_failure(use_cases: UseCases) -> None:
    gateway, session = await connected(use_cases, Owner())
    operation = await asked(use_cases, gateway, work())
    (command,) = await sent(use_cases, session)
    await reports(use_cases, session, ConnectRequest.CommandReport(command_id=command.command_id, done=True))
    assert reason_of(await now_of(use_cases, "acme", operation.name)) == "COMMAND_UNANSWERED"


async def test_what_is_asked_for_is_sealed_in_the_database(use_cases: UseCases) -> None:
    gateway, _ = await connected(use_cases, Owner())
    await asked(use_cases, gateway, work("a password"))
    async with use_cases.database.transaction("acme") as connection:
        row = await connection.fetchrow("SELECT request_sealed FROM command")
    assert row is not None
    assert b"password" not in row["request_sealed"]


async def test_a_gateway_that_is_not_connected_is_asked_nothing(use_cases: UseCases) -> None:
    use_cases.commands.register("discover", Owner())
    gateway = await use_cases.gateway()
    with pytest.raises(FailedPrecondition, match="GATEWAY_OFFLINE"):
        await asked(use_cases, gateway, work())


async def test_another_gateway_cannot_speak_of_a_command(use_cases: UseCases) -> None:
    owner = Owner()
    gateway, session = await connected(use_cases, owner)
    operation = await asked(use_cases, gateway, work("one"))
    (command,) = await sent(use_cases, session)
    other = await use_cases.sessions.open(await use_cases.gateway(gateway="g2"), "1.0", 0)
    stranger = await use_cases.sessions.open(await use_cases.gateway(tenant="rival"), "1.0", 0)
    done = ConnectRequest.CommandReport(command_id=command.command_id, done=True, discover=DiscoverServersResponse())
    for foreign in (other, stranger):
        await reports(use_cases, foreign, done)
    for nonsense in ("", "x", f"{command.command_id}0", command.command_id.replace(".1", ".2")):
        await reports(use_cases, session, ConnectRequest.CommandReport(command_id=nonsense, done=True))
    assert not (await now_of(use_cases, "acme", operation.name)).done
    assert not owner.succeeded_ones


async def test_a_stream_that_was_taken_over_takes_no_commands(use_cases: UseCases) -> None:
    gateway, older = await connected(use_cases, Owner())
    await asked(use_cases, gateway, work("one"))
    newer = await use_cases.sessions.open(gateway, "1.0", 0)
    assert await sent(use_cases, older) == []
    (command,) = await sent(use_cases, newer)
    assert list(command.discover.addresses) == ["one"]


async def test_the_wish_to_stop_reaches_the_gateway_once(use_cases: UseCases) -> None:
    gateway, session = await connected(use_cases, Owner())
    operation = await asked(use_cases, gateway, work("one"))
    (command,) = await sent(use_cases, session)
    async with use_cases.database.transaction("acme") as connection:
        await use_cases.operations.request_cancel(connection, operation.name)
    await use_cases.commands.give_up_overdue()
    (order,) = await use_cases.commands.orders(session)
    assert order.cancel_command.command_id == command.command_id
    assert await use_cases.commands.orders(session) == []
    stopped = ConnectRequest.CommandReport(command_id=command.command_id, done=True, cancelled=True, error="stopped")
    await reports(use_cases, session, stopped)
    ended = await now_of(use_cases, "acme", operation.name)
    assert (ended.error.code, reason_of(ended)) == (code_pb2.CANCELLED, "COMMAND_CANCELLED")


async def test_a_write_that_has_begun_is_not_stopped_and_its_own_end_is_told(use_cases: UseCases) -> None:
    go = asyncio.Event()

    async def write(_command: ConnectResponse.Command, _progress: Progress) -> ConnectRequest.CommandReport:
        await go.wait()
        raise RuntimeError("the machine refuses")

    registry = CommandRegistry(now_microseconds)
    registry.register("discover", write)
    gateway, session = await connected(use_cases, Owner())
    operation = await asked(use_cases, gateway, work("one", repeatable=False))
    (command,) = await sent(use_cases, session)
    registry.accept(command)
    await asyncio.sleep(0.05)
    async with use_cases.database.transaction("acme") as connection:
        await use_cases.operations.request_cancel(connection, operation.name)
    await use_cases.commands.give_up_overdue()
    (order,) = await use_cases.commands.orders(session)
    registry.cancel(order.cancel_command.command_id)
    go.set()
    await asyncio.sleep(0.05)
    for report in registry.take():
        await reports(use_cases, session, report)
    assert reason_of(await now_of(use_cases, "acme", operation.name)) == "OUTCOME_UNKNOWN"
