"""Writing to machines: guards, and commands that two people and a gateway carry through."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from dualspan.onboarding.v1.writes_pb2 import WriteOutcome, WriteValue
from dualspan_onboarding.commands import Command
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.writes import (
    guard_unknown,
    request_by_program,
    request_reused,
    write_decided,
    write_unknown,
)
from dualspan_onboarding.notices import MAX_TEXT, Severity, storable
from dualspan_onboarding.rules import check_text
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.commands import Commands
from dualspan_onboarding.service.write_guards import guarded_server, mode_tag
from dualspan_onboarding.service.write_orders import order
from dualspan_onboarding.store import writes
from dualspan_onboarding.store.notices import raise_notice, resolve_notice
from dualspan_onboarding.writes.codec import command_message
from dualspan_onboarding.writes.model import (
    CommandQuery,
    Guard,
    GuardName,
    Work,
    WriteCommand,
    WriteCommandName,
    WriteState,
    shown,
)
from dualspan_onboarding.writes.rules import check_lifetime, check_may_decide, check_passes, state_after
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError
from dualspan_runtime.principal import PrincipalKind

_STEP = 100
_KEPT = timedelta(days=400)
_LONGEST_WORDS = 500
_MOST_OUTPUTS = 50
# What a gateway clips is marked at its end, so a little more than that.
_LONGEST_VALUE, _LONGEST_NUMBER = 1100, 100
_UNKNOWN_REASONS = frozenset({"OUTCOME_UNKNOWN"})
_PENDING, _DOUBT = "WRITE_NEEDS_APPROVAL", "WRITE_TO_BE_LOOKED_AT"
_ACTOR = "services/onboarding"


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for."""

    guard: GuardName
    work: Work
    reason: str
    request_id: str
    lifetime: timedelta | None


def _details(command: WriteCommand) -> dict[str, str]:
    """A command for the audit log: what was to be written is the point of it."""
    value, arguments = command.work.value, command.work.arguments
    done = shown([value]) if value is not None else shown(arguments or ())
    return {"guard": str(command.guard), "server": str(command.server), "value": done, "reason": command.reason}


class Writing:
    """The use cases around write commands, and the owner of the commands `write` and `call`.

    Args:
        database: Where they are.
        commands: Carries them to the gateway, each once.
    """

    def __init__(self, database: Database, commands: Commands) -> None:
        self._database = database
        self._commands = commands
        for kind in ("write", "call"):
            commands.register(kind, self)

    async def request(self, wanted: Request) -> WriteCommand:
        """Ask for a write or a call; it goes to the gateway, or waits for a second person.

        Raises:
            InvalidArgument: Something of it is malformed, or not of the target's kind.
            NotFound: There is no such guard, or its tag is gone.
            FailedPrecondition: The guard does not let it through, or the gateway is not connected.
            PermissionDenied: It needs approval, and no person asks.
            AlreadyExists: The request id was used for something else.
        """
        principal, tenant = current_principal(), wanted.guard.tenant
        reason = check_text(wanted.reason, "reason", _LONGEST_WORDS)
        request_id = _check_request_id(wanted.request_id)
        async with self._database.transaction(tenant) as connection:
            if request_id:
                known = await writes.find_by_request(connection, tenant, principal.actor, request_id)
                if known is not None:
                    return _same_request(known, wanted)
            guard = await self._guard(connection, wanted.guard)
            check_passes(guard, wanted.work)
            if guard.needs_approval and principal.kind is not PrincipalKind.USER:
                raise request_by_program()
            lifetime = guard.lifetime if wanted.lifetime is None else check_lifetime(wanted.lifetime)
            now = datetime.now(UTC)
            command = WriteCommand(
                name=WriteCommandName(tenant, uuid.uuid4()),
                guard=guard.name,
                server=await guarded_server(connection, guard),
                request_id=request_id,
                work=wanted.work,
                reason=reason,
                state=WriteState.PENDING_APPROVAL if guard.needs_approval else WriteState.QUEUED,
                requester=principal.actor,
                created_at=now,
                expire_at=now + min(lifetime, guard.lifetime),
            )
            if not await writes.insert(connection, command):
                raise request_reused()
            await audit(connection, tenant, "write.request", command.name, **_details(command))
            if guard.needs_approval:
                await self._ask_for_approval(connection, command)
                return command
            return await self._send(connection, guard, command)

    async def _ask_for_approval(self, connection: Connection, command: WriteCommand) -> None:
        words = f"{command.requester} asks for a write through {command.guard.guard}: {_details(command)['value']}."
        await raise_notice(
            connection,
            command.name.tenant,
            _PENDING,
            Severity.INFO,
            command.name,
            storable(words, MAX_TEXT),
            f"Approve or reject it before {command.expire_at:%H:%M:%S} UTC: dualspan onboarding approve.",
        )

    async def _send(self, connection: Connection, guard: Guard, command: WriteCommand) -> WriteCommand:
        """Give a command to its gateway, in the transaction in which it was allowed."""
        mode = await mode_tag(connection, guard)
        work = await order(connection, guard, command, mode)
        operation = await self._commands.submit(connection, command.gateway, work)
        await writes.set_operation(connection, command, operation.name)
        await audit(connection, command.name.tenant, "write.send", command.name, **_details(command))
        return replace(command, operation_name=operation.name)

    async def approve(self, name: WriteCommandName, comment: str) -> WriteCommand:
        """Let a command that somebody else asked for go to its gateway.

        Raises:
            NotFound: There is no such command, or its guard or tag is gone.
            FailedPrecondition: It does not wait, its time is over, its guard does not let it through any more, or the
                gateway is not connected.
            PermissionDenied: The caller asked for it.
        """
        comment = check_text(comment, "comment", _LONGEST_WORDS)
        async with self._database.transaction(name.tenant) as connection:
            command, actor = await self._waiting(connection, name)
            guard = await self._guard(connection, command.guard)
            check_passes(guard, command.work)
            await writes.decide(connection, command, WriteState.QUEUED, actor, comment)
            await audit(connection, name.tenant, "write.approve", name, comment=comment, **_details(command))
            await resolve_notice(connection, name.tenant, _PENDING, name)
            await self._send(connection, guard, command)
            return await self._found(connection, name)

    async def reject(self, name: WriteCommandName, comment: str) -> WriteCommand:
        """Refuse a command that somebody else asked for; raises as `approve`."""
        comment = check_text(comment, "comment", _LONGEST_WORDS)
        async with self._database.transaction(name.tenant) as connection:
            command, actor = await self._waiting(connection, name)
            await writes.decide(connection, command, WriteState.REJECTED, actor, comment)
            await audit(connection, name.tenant, "write.reject", name, comment=comment, **_details(command))
            await resolve_notice(connection, name.tenant, _PENDING, name)
            return await self._found(connection, name)

    async def cancel(self, name: WriteCommandName) -> WriteCommand:
        """Take back a command that waits for approval.

        Raises:
            NotFound: There is no such command.
            FailedPrecondition: It does not wait any more.
        """
        async with self._database.transaction(name.tenant) as connection:
            command = await self._found(connection, name, hold=True)
            if command.state is not WriteState.PENDING_APPROVAL:
                raise write_decided(name, command.state.name)
            actor = current_principal().actor
            await writes.decide(connection, command, WriteState.CANCELLED, actor, "")
            await audit(connection, name.tenant, "write.cancel", name, **_details(command))
            await resolve_notice(connection, name.tenant, _PENDING, name)
            return await self._found(connection, name)

    async def get(self, name: WriteCommandName) -> WriteCommand:
        """One command; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await self._found(connection, name)

    async def page(
        self, tenant: str, query: CommandQuery, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[WriteCommand]:
        """The commands before a (creation time, id), the newest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await writes.page(connection, tenant, query, before, limit)

    async def expire(self) -> None:
        """End what nobody has approved in time."""
        async with self._database.platform_transaction() as connection:
            for command in await writes.overdue(connection, _STEP):
                await writes.end(connection, command, WriteState.EXPIRED, "Nobody approved it in time.", None)
                await resolve_notice(connection, command.name.tenant, _PENDING, command.name)
                await audit(
                    connection, command.name.tenant, "write.expire", command.name, actor=_ACTOR, **_details(command)
                )

    async def forget_old(self) -> None:
        """Delete commands that ended long ago; the audit log has who did what."""
        async with self._database.platform_transaction() as connection:
            await writes.forget_ended(connection, datetime.now(UTC) - _KEPT, _STEP)

    async def _waiting(self, connection: Connection, name: WriteCommandName) -> tuple[WriteCommand, str]:
        """A command that the caller may decide on, held; and who the caller is."""
        command, principal = await self._found(connection, name, hold=True), current_principal()
        check_may_decide(command, principal, datetime.now(UTC))
        return command, principal.actor

    @staticmethod
    async def _found(connection: Connection, name: WriteCommandName, *, hold: bool = False) -> WriteCommand:
        command = await writes.find(connection, name, hold=hold)
        if command is None:
            raise write_unknown(name)
        return command

    @staticmethod
    async def _guard(connection: Connection, name: GuardName) -> Guard:
        guard = await writes.find_guard(connection, name, hold=True)
        if guard is None:
            raise guard_unknown(name)
        return guard

    # What came of the gateway's work.

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        """Keep what the gateway says came of a command; the operation's response is the command."""
        said = _clean(outcome) if isinstance(outcome, WriteOutcome) else WriteOutcome()
        found = await self._found(connection, _name_of(command), hold=True)
        state = state_after(
            executed=said.result == WriteOutcome.RESULT_EXECUTED,
            matches=said.matches,
            unknown=said.result not in {WriteOutcome.RESULT_EXECUTED, WriteOutcome.RESULT_REFUSED},
        )
        await self._end(connection, found, state, said.detail, said.SerializeToString())
        return command_message(await self._found(connection, found.name))

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        """The gateway never began it, or nobody knows what it did."""
        found = await writes.find(connection, _name_of(command), hold=True)
        if found is None or found.ended:
            return
        state = WriteState.UNKNOWN if error.reason in _UNKNOWN_REASONS else WriteState.FAILED
        await self._end(connection, found, state, storable(error.message, MAX_TEXT), None)

    async def _end(
        self, connection: Connection, command: WriteCommand, state: WriteState, detail: str, outcome: bytes | None
    ) -> None:
        await writes.end(connection, command, state, detail, outcome)
        details = _details(command) | {"state": state.name, "detail": detail[:_LONGEST_WORDS]}
        await audit(
            connection, command.name.tenant, "write.outcome", command.name, actor=_gateway_actor(command), **details
        )
        if state in {WriteState.UNKNOWN, WriteState.MISMATCHED}:
            words = f"{_details(command)['value']} through {command.guard.guard} is {state.name}: {detail}"
            await raise_notice(
                connection,
                command.name.tenant,
                _DOUBT,
                Severity.CRITICAL,
                command.name,
                storable(words, MAX_TEXT),
                "Look at the machine, set it right there, then acknowledge this.",
            )


def _gateway_actor(command: WriteCommand) -> str:
    return f"gateways/{command.gateway.gateway}"


def _name_of(command: Command) -> WriteCommandName:
    return WriteCommandName(command.gateway.tenant, uuid.UUID(command.reference))


def _clean(said: WriteOutcome) -> WriteOutcome:
    """A gateway's outcome as it can be kept: texts that the database takes, not more than anybody reads."""
    kept = WriteOutcome()
    kept.CopyFrom(said)
    kept.detail, kept.data_type = storable(said.detail, MAX_TEXT), storable(said.data_type, 200)
    del kept.outputs[_MOST_OUTPUTS:]
    for field in ("before", "after", "machine_mode"):
        if kept.HasField(field):
            _clip(getattr(kept, field))
    for value in kept.outputs:
        _clip(value)
    return kept


def _clip(value: WriteValue) -> None:
    """The gateway has clipped its values and said so; this holds whatever a gateway sends."""
    match value.WhichOneof("value"):
        case "number":
            value.number = storable(value.number, _LONGEST_NUMBER)
        case "text":
            value.text = storable(value.text, _LONGEST_VALUE)
        case "binary":
            value.binary = value.binary[:_LONGEST_VALUE]
        case _:
            pass


def _same_request(known: WriteCommand, wanted: Request) -> WriteCommand:
    if (known.guard, known.work) != (wanted.guard, wanted.work):
        raise request_reused()
    return known


def _check_request_id(request_id: str) -> str:
    try:
        return str(uuid.UUID(request_id)) if request_id else ""
    except ValueError as err:
        raise malformed("MALFORMED_REQUEST_ID", "request_id", "request_id must be a UUID.") from err
