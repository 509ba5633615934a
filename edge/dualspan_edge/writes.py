"""Writes and calls that the platform asks for: checked here too, sent once, read back.

Off unless the plant turns it on at the gateway itself (DUALSPAN_GATEWAY_WRITES). What the platform has checked is
checked again with what the machine says at this moment: limits, the largest step, the machine's mode.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from asyncua import ua

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import writes_pb2 as writes
from dualspan_edge.clock import now_microseconds
from dualspan_edge.commands import CommandRegistry, Progress
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.scalars import ValueRefused, check_limits, clipped, decimal_of, from_variant, same, to_variant
from dualspan_edge.opcua.words import failure_words
from dualspan_edge.opcua.writing import (
    OutcomeUnknown,
    Refused,
    call,
    look_at,
    look_at_method,
    read_value,
    write,
)
from dualspan_edge.supervisor import ServerSet

_log = structlog.get_logger(__name__)
_LONGEST_SECONDS = 120.0
# A controller takes a value over at its next cycle.
_READ_BACK_SECONDS = 3.0
_READ_BACK_EVERY = 0.1
_MOST_OUTPUTS = 50
_SWITCHED_OFF = (
    "writing is switched off at this gateway; whoever answers for the plant sets DUALSPAN_GATEWAY_WRITES=true there"
)
Outcome = writes.WriteOutcome


@dataclass(slots=True)
class _Attempt:
    """What is known of a command while it is carried out; `sent` from the moment that it may have an effect."""

    outcome: Outcome
    sent: bool = False


class WriteDesk:
    """Carries out writes and calls, one at a time for each server.

    Args:
        servers: What can be written to.
        commands: Knows until when a command may begin, and is told when it does.
        enabled: The gateway's own setting.
    """

    def __init__(self, servers: ServerSet, commands: CommandRegistry, *, enabled: bool) -> None:
        self._servers = servers
        self._commands = commands
        self._enabled = enabled
        self._turns: dict[str, asyncio.Lock] = {}

    def register(self) -> None:
        """Takes both kinds of commands; how long one takes is bounded here, from when it has its turn."""
        self._commands.register("write", self.write, begins_itself=True)
        self._commands.register("call", self.call, begins_itself=True)

    async def write(
        self, command: gateway.ConnectResponse.Command, progress: Progress
    ) -> gateway.ConnectRequest.CommandReport:
        """Writes a variable; the outcome says what came of it, whatever that is."""
        work = command.write
        attempt = _Attempt(Outcome())
        async with self._turn(work.server):
            await self._supervised(attempt, self._write(command, attempt, progress))
        _log.info("write", server=work.server, node=work.node_id, **_logged(attempt.outcome))
        return gateway.ConnectRequest.CommandReport(write=attempt.outcome)

    async def call(
        self, command: gateway.ConnectResponse.Command, progress: Progress
    ) -> gateway.ConnectRequest.CommandReport:
        """Calls a method; the outcome says what came of it, whatever that is."""
        work = command.call
        attempt = _Attempt(Outcome())
        async with self._turn(work.server):
            await self._supervised(attempt, self._call(command, attempt, progress))
        _log.info("call", server=work.server, method=work.method_id, **_logged(attempt.outcome))
        return gateway.ConnectRequest.CommandReport(call=attempt.outcome)

    def _turn(self, server: str) -> asyncio.Lock:
        return self._turns.setdefault(server, asyncio.Lock())

    async def _supervised(self, attempt: _Attempt, work: Coroutine[Any, Any, None]) -> None:
        """Every end of a command is an outcome: nothing was done, it was done, or nobody knows."""
        outcome = attempt.outcome
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await work
        except asyncio.CancelledError:
            # Whoever stops it now cannot take it back any more, and must hear what came of it.
            if not attempt.sent:
                raise
            if outcome.result == Outcome.RESULT_UNSPECIFIED:
                outcome.result = Outcome.RESULT_UNKNOWN
            outcome.detail = "the gateway stopped before it knew what came of it; look at the machine"
        except OutcomeUnknown as unknown:
            outcome.result, outcome.detail = Outcome.RESULT_UNKNOWN, f"{unknown}; look at the machine"
        except Refused as refused:
            outcome.result, outcome.status_code, outcome.detail = Outcome.RESULT_REFUSED, refused.code, str(refused)
        except Exception as error:  # noqa: BLE001 - supervised: whatever a server sends, it is said what came of it
            if not attempt.sent:
                outcome.result = Outcome.RESULT_REFUSED
            elif outcome.result == Outcome.RESULT_UNSPECIFIED:
                outcome.result = Outcome.RESULT_UNKNOWN
            outcome.detail = failure_words(error)

    async def _write(self, command: gateway.ConnectResponse.Command, attempt: _Attempt, progress: Progress) -> None:
        self._commands.check_in_time(command)
        work, outcome = command.write, attempt.outcome
        connection = self._connection(work.server)
        progress("looking at the machine", 10)
        await self._check_mode(work.check, outcome)
        target = await look_at(connection, work.node_id)
        outcome.data_type = target.type_name
        if target.present is not None:
            outcome.before.CopyFrom(clipped(target.present))
        (limits,) = work.check.limits or (writes.WriteLimits(),)
        check_limits(work.value, limits, target.present)
        variant = to_variant(work.value, target.built_in, target.type_name)
        progress("writing", 50)
        self._begin(command, attempt)
        outcome.status_code = await write(connection, target.node, variant)
        outcome.result = Outcome.RESULT_EXECUTED
        outcome.execute_time.FromMicroseconds(now_microseconds())
        progress("reading back", 80)
        written = from_variant(variant)
        tolerance = decimal_of(work.tolerance) if work.tolerance else Decimal(0)
        if written is not None:
            await self._read_back(connection, work.node_id, written, tolerance, outcome)

    async def _read_back(
        self, connection: Connection, node_id: str, written: writes.WriteValue, tolerance: Decimal, outcome: Outcome
    ) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + _READ_BACK_SECONDS
        while True:
            after = await read_value(connection, node_id)
            outcome.matches = same(written, after, tolerance)
            if outcome.matches or loop.time() >= ends:
                break
            await asyncio.sleep(_READ_BACK_EVERY)
        if after is not None:
            outcome.after.CopyFrom(clipped(after))
        if not outcome.matches:
            outcome.detail = "the server took the value, but the variable has another one"

    async def _call(self, command: gateway.ConnectResponse.Command, attempt: _Attempt, progress: Progress) -> None:
        self._commands.check_in_time(command)
        work, outcome = command.call, attempt.outcome
        connection = self._connection(work.server)
        progress("looking at the machine", 10)
        await self._check_mode(work.check, outcome)
        method = await look_at_method(connection, work.object_id, work.method_id)
        arguments = _arguments(work, method.arguments)
        progress("calling", 50)
        self._begin(command, attempt)
        outcome.status_code, outputs = await call(connection, method, arguments)
        outcome.result, outcome.matches = Outcome.RESULT_EXECUTED, True
        outcome.execute_time.FromMicroseconds(now_microseconds())
        values = (from_variant(output) for output in outputs[:_MOST_OUTPUTS])
        outcome.outputs.extend(clipped(value) for value in values if value is not None)

    def _begin(self, command: gateway.ConnectResponse.Command, attempt: _Attempt) -> None:
        """The last look at the clock, with nothing between it and the sending."""
        self._commands.begin(command)
        attempt.sent = True

    def _connection(self, server: str) -> Connection:
        if not self._enabled:
            raise ValueRefused(_SWITCHED_OFF)
        return self._servers.connected(server).connection

    async def _check_mode(self, check: writes.WriteCheck, outcome: Outcome) -> None:
        """The machine must be in one of the modes now, not when somebody asked."""
        if not check.mode_node_id:
            return
        mode = await read_value(self._servers.connected(check.mode_server).connection, check.mode_node_id)
        if mode is None:
            raise ValueRefused("the machine's mode cannot be read, so nothing is written")
        outcome.machine_mode.CopyFrom(clipped(mode))
        if not any(same(allowed, mode) for allowed in check.mode_values):
            raise ValueRefused("the machine is in another mode than the guard allows")


def _arguments(work: writes.MethodCall, types: Sequence[tuple[int, str]]) -> list[ua.Variant]:
    if len(work.arguments) != len(types):
        raise ValueRefused(f"the method takes {len(types)} arguments, not {len(work.arguments)}")
    limits = work.check.limits
    if len(limits) != len(types):
        raise ValueRefused(f"the guard has limits for {len(limits)} arguments, the method takes {len(types)}")
    found: list[ua.Variant] = []
    for value, limit, (built_in, name) in zip(work.arguments, limits, types, strict=True):
        check_limits(value, limit, None)
        found.append(to_variant(value, built_in, name))
    return found


def _logged(outcome: Outcome) -> dict[str, str]:
    return {"result": Outcome.Result.Name(outcome.result), "detail": outcome.detail}
