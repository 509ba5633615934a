"""What a gateway is asked to carry out: how a command stands, and what may become of it. No I/O."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from google.protobuf.message import Message

from dualspan_onboarding.errors.commands import command_cancelled, command_expired, command_stalled, command_unknown
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_runtime.errors import DomainError


class CommandState(IntEnum):
    """How far a command is; the numbers of the contract."""

    QUEUED = 1
    SENT = 2
    LOST = 3


@dataclass(frozen=True, slots=True)
class Command:
    """Work for a gateway, behind a long-running operation.

    Attributes:
        command_id: Of the command, whichever attempt it is.
        gateway: Who carries it out.
        server: The id of the server that it is about; empty if it is about none.
        operation_name: `tenants/{tenant}/operations/{operation}`.
        kind: The name of its field in `ConnectResponse.Command.work`.
        reference: What the one who asked wants to have back with the outcome.
        repeatable: Doing it twice does no harm; if not, it is sent once and never again.
        state: How far it is.
        attempt: How often it was sent.
        step: What is being done, in the gateway's words.
        percent: How much of it is done.
        cancel_wanted: Somebody asked for it to stop.
        created_at: When it was asked for.
        expire_at: Not begun after this.
    """

    command_id: uuid.UUID
    gateway: GatewayName
    server: str
    operation_name: str
    kind: str
    reference: str
    repeatable: bool
    state: CommandState
    attempt: int
    step: str
    percent: int
    cancel_wanted: bool
    created_at: datetime
    expire_at: datetime

    @property
    def wire_id(self) -> str:
        """Names this attempt towards the gateway."""
        return f"{self.command_id}.{self.attempt}"

    @property
    def in_doubt(self) -> bool:
        """It may have been carried out, and must not be carried out again: only an outcome says what became of it."""
        return not self.repeatable and self.state in {CommandState.SENT, CommandState.LOST}

    @property
    def resource(self) -> GatewayName | ServerName:
        """What it is about."""
        if not self.server:
            return self.gateway
        return ServerName(self.gateway.tenant, self.gateway.gateway, self.server)


@dataclass(frozen=True, slots=True)
class CommandNews:
    """What a gateway says of a command.

    Attributes:
        wire_id: Which attempt of which command.
        step: What is being done now.
        percent: How much of it is done, 0 to 100.
        done: Nothing more will be said.
        error: Why it failed, if it did.
        cancelled: It ended because that was asked for.
        kind: Which outcome is there; empty if none is.
        outcome: The outcome, if there is one.
    """

    wire_id: str
    step: str
    percent: int
    done: bool
    error: str
    cancelled: bool
    kind: str
    outcome: Message | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a command waits for what.

    Attributes:
        silence: A gateway that has a command says nothing of it for so long: it is given up.
        lost: A gateway that lost its stream with something that must not be done twice may still say so long what
            became of it.
    """

    silence: timedelta = timedelta(minutes=5)
    lost: timedelta = timedelta(minutes=2)


def overdue(command: Command, now: datetime, progressed_at: datetime, patience: Patience) -> DomainError | None:
    """Why a command is given up now; None if it is not.

    Args:
        command: Which.
        now: The platform's clock.
        progressed_at: When something of it was last heard, or its state changed.
        patience: How long to wait.
    """
    silent = now - progressed_at
    match command.state:
        case CommandState.QUEUED if command.cancel_wanted:
            return command_cancelled(command.resource)
        case CommandState.QUEUED if now >= command.expire_at:
            return command_expired(command.gateway)
        case CommandState.SENT if silent > patience.silence:
            return command_stalled(command.gateway) if command.repeatable else command_unknown(command.gateway)
        case CommandState.LOST if silent > patience.lost:
            return command_unknown(command.gateway)
        case _:
            return None
