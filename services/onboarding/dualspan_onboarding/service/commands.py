"""Commands: long-running operations whose work a gateway does, told over its stream, whatever happens to it.

What may be done twice is sent again after the stream was lost. What must not (a write, a method call) is sent once:
if nothing more is heard of it, its operation says that its outcome is unknown.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography.exceptions import InvalidTag
from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.onboarding.v1.commands_pb2 import GatewayCommandMetadata, GatewayCommandState
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_onboarding.commands import Command, CommandNews, CommandState, Patience, overdue
from dualspan_onboarding.errors import too_many
from dualspan_onboarding.errors.commands import (
    command_cancelled,
    command_failed,
    command_sealed,
    command_unanswered,
    command_unknown,
)
from dualspan_onboarding.errors.fleet import gateway_offline, server_unknown
from dualspan_onboarding.model import Session, Timing
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.store import commands, gateways, outbox
from dualspan_onboarding.vault import Vault
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError, FailedPrecondition
from dualspan_runtime.operations import OperationStore

_WIRE_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,9})", re.ASCII)
_STEP = 200
_UNFINISHED_PER_GATEWAY = 200
_LONGEST_STEP = 500


class CommandKind(Protocol):
    """Whose commands of one kind are: told what came of each, in the transaction in which the operation ends."""

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        """Keep an outcome and return the operation's response.

        Raises:
            FailedPrecondition: the outcome cannot be used; the command failed with this then.
        """
        ...

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        """It came to nothing, or (OUTCOME_UNKNOWN) nobody knows what it came to."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """What a gateway is to do.

    Attributes:
        request: With `work` set, and nothing else.
        server: The id of the server that it is about; empty if it is about none.
        repeatable: Doing it twice does no harm.
        lifetime: It is not begun after so long.
        reference: What `CommandKind` wants to have back with the outcome.
    """

    request: ConnectResponse.Command
    server: str = ""
    repeatable: bool = True
    lifetime: timedelta = timedelta(minutes=5)
    reference: str = ""


def _moment(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def _metadata(command: Command) -> GatewayCommandMetadata:
    return GatewayCommandMetadata(
        gateway=str(command.gateway),
        server=str(command.resource) if command.server else "",
        kind=command.kind,
        state=GatewayCommandState.ValueType(command.state),
        step=command.step,
        percent=command.percent,
        start_time=_moment(command.created_at),
        expire_time=_moment(command.expire_at),
    )


class Commands:
    """The use cases around commands.

    Args:
        database: Where they are.
        operations: Where their outcome is.
        vault: Seals what they ask for.
        timing: When a gateway counts as offline.
        patience: How long they wait for what.
    """

    def __init__(
        self,
        database: Database,
        operations: OperationStore,
        vault: Vault,
        timing: Timing,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._operations = operations
        self._vault = vault
        self._timing = timing
        self._patience = patience or Patience()
        self._kinds: dict[str, CommandKind] = {}

    def register(self, kind: str, owner: CommandKind) -> None:
        """Say whose commands of a kind are, before any is submitted or heard of."""
        self._kinds[kind] = owner

    async def submit(self, connection: Connection, gateway: GatewayName, work: Work) -> Operation:
        """Queue work for a gateway's stream, in the caller's transaction; it writes the audit log.

        Raises:
            FailedPrecondition: the gateway is not connected.
            ResourceExhausted: it has too much to do already.
        """
        found = await gateways.find(connection, gateway, self._timing.offline_after)
        if found is None or not found.online:
            raise gateway_offline(gateway)
        if await commands.count(connection, gateway) >= _UNFINISHED_PER_GATEWAY:
            raise too_many("TOO_MANY_COMMANDS", "commands that this gateway has not finished", _UNFINISHED_PER_GATEWAY)
        command = self._new_command(gateway, work)
        operation = await self._operations.create(
            connection, gateway.tenant, metadata=_metadata(command), resource=str(command.resource)
        )
        command = replace(command, operation_name=operation.name)
        sealed = self._vault.seal_bytes(work.request.SerializeToString(), str(command.command_id))
        await commands.insert(connection, commands.SealedCommand(command, sealed))
        await outbox.notify_gateway(connection, gateway)
        return operation

    def _new_command(self, gateway: GatewayName, work: Work) -> Command:
        kind = work.request.WhichOneof("work")
        if kind not in self._kinds:
            raise LookupError(f"nobody registered commands of the kind {kind}")
        now = datetime.now(UTC)
        return Command(
            command_id=uuid.uuid4(),
            gateway=gateway,
            server=work.server,
            operation_name="",
            kind=kind,
            reference=work.reference,
            repeatable=work.repeatable,
            state=CommandState.QUEUED,
            attempt=0,
            step="",
            percent=0,
            cancel_wanted=False,
            created_at=now,
            expire_at=now + work.lifetime,
        )

    async def orders(self, session: Session) -> Sequence[ConnectResponse]:
        """What a stream is to send now: commands, and which of them to stop. Each comes once per stream."""
        responses: list[ConnectResponse] = []
        async with self._database.transaction(session.gateway.tenant) as connection:
            if not await commands.hold_session(connection, session):
                return responses
            for sealed in await commands.claim_queued(connection, session):
                request = await self._opened(connection, sealed)
                if request is not None:
                    responses.append(ConnectResponse(command=request))
                    await self._show(connection, sealed.command)
            for command in await commands.claim_cancelled(connection, session):
                cancel = ConnectResponse.CancelCommand(command_id=command.wire_id)
                responses.append(ConnectResponse(cancel_command=cancel))
        return responses

    async def _opened(self, connection: Connection, sealed: commands.SealedCommand) -> ConnectResponse.Command | None:
        command = sealed.command
        try:
            content = self._vault.open_bytes(sealed.request_sealed, str(command.command_id))
        except InvalidTag:
            await self._fail(connection, command, command_sealed())
            return None
        request = ConnectResponse.Command.FromString(content)
        request.command_id, request.repeatable = command.wire_id, command.repeatable
        request.expire_time.FromDatetime(command.expire_at)
        return request

    async def stream_lost(self, connection: Connection, gateway: GatewayName, but: uuid.UUID | None) -> None:
        """Streams of a gateway, all but one, have ended: what they had sent is queued again, or lost."""
        for command in await commands.stream_lost(connection, gateway, but):
            await self._show(connection, command)

    async def save(self, session: Session, news: CommandNews) -> None:
        """Keep what a gateway says of a command. What belongs to no attempt that counts is passed over."""
        try:
            await self._save(session, news)
        except FailedPrecondition as refusal:
            await self._save(session, _as_failure(news, refusal), refusal)

    async def _save(self, session: Session, news: CommandNews, error: DomainError | None = None) -> None:
        wire_id = _WIRE_ID.fullmatch(news.wire_id)
        if wire_id is None:
            return
        async with self._database.transaction(session.gateway.tenant) as connection:
            command = await commands.find(connection, session.gateway, uuid.UUID(wire_id[1]), int(wire_id[2]))
            if command is None:
                return
            if not news.done:
                percent = min(max(news.percent, 0), 100)
                command = await commands.progress(connection, session, command, news.step[:_LONGEST_STEP], percent)
                await self._show(connection, command)
            elif news.outcome is not None and news.kind == command.kind in self._kinds and not news.error:
                await self._succeed(connection, command, news.outcome)
            else:
                await self._fail(connection, command, _error_of(command, news, error))

    async def _succeed(self, connection: Connection, command: Command, outcome: Message) -> None:
        response = await self._kinds[command.kind].succeeded(connection, command, outcome)
        await commands.remove(connection, command)
        await self._operations.finish(connection, command.gateway.tenant, command.operation_name, response)

    async def _fail(self, connection: Connection, command: Command, error: DomainError) -> None:
        if command.kind in self._kinds:  # a release that was taken back leaves commands that nobody knows
            await self._kinds[command.kind].failed(connection, command, error)
        await commands.remove(connection, command)
        await self._operations.fail(connection, command.gateway.tenant, command.operation_name, error)

    async def _show(self, connection: Connection, command: Command) -> None:
        await self._operations.progress(connection, command.gateway.tenant, command.operation_name, _metadata(command))

    async def abandon(self, connection: Connection, server: ServerName) -> None:
        """End what is not finished about a server that goes away."""
        for command in await commands.of_server(connection, server.parent, server.server):
            gone = command_unknown(command.gateway, "was told of it before its server was deleted")
            await self._fail(connection, command, gone if command.in_doubt else server_unknown(server))

    async def give_up_overdue(self) -> None:
        """Fail the commands that were waited for long enough, and carry on the wish that one stop."""
        after = ("", uuid.UUID(int=0))
        while True:
            async with self._database.platform_transaction() as connection:
                unfinished = await commands.unfinished(connection, after, _STEP)
                for one in unfinished:
                    await self._review(connection, one)
            if len(unfinished) < _STEP:
                return
            last = unfinished[-1].command
            after = (last.gateway.tenant, last.command_id)

    async def _review(self, connection: Connection, unfinished: commands.UnfinishedCommand) -> None:
        command = unfinished.command
        tenant = command.gateway.tenant
        if not command.cancel_wanted and await self._operations.cancelled(connection, tenant, command.operation_name):
            await commands.want_cancelled(connection, command)
            await outbox.notify_gateway(connection, command.gateway)
            command = replace(command, cancel_wanted=True)
        error = overdue(command, datetime.now(UTC), unfinished.progressed_at, self._patience)
        if error is not None:
            await self._fail(connection, command, error)


def _error_of(command: Command, news: CommandNews, refusal: DomainError | None) -> DomainError:
    """Why there is no outcome; words alone do not say that what was sent has not been carried out."""
    if news.cancelled and command.cancel_wanted:
        return command_cancelled(command.resource)
    if command.in_doubt:
        return command_unknown(command.gateway, f"ended it without an outcome ({news.error or 'and said nothing'})")
    if refusal is not None:
        return refusal
    return command_failed(news.error) if news.error else command_unanswered(command.gateway)


def _as_failure(news: CommandNews, refusal: DomainError) -> CommandNews:
    return replace(news, error=refusal.message, outcome=None)
