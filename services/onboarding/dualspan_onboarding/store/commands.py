"""Commands that gateways have not finished."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_onboarding.commands import Command, CommandState
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import GatewayName
from dualspan_runtime.database import Connection

_COLUMNS = """
    tenant_id, command_id, gateway_id, server_id, operation_name, kind, reference, repeatable, state, attempt, step,
    percent, cancel_wanted, created_at, expire_at
"""


@dataclass(frozen=True, slots=True)
class SealedCommand:
    """A command with what is to be done, sealed."""

    command: Command
    request_sealed: bytes


@dataclass(frozen=True, slots=True)
class UnfinishedCommand:
    """A command and when something of it was last heard."""

    command: Command
    progressed_at: datetime


def _command(row: Record) -> Command:
    return Command(
        command_id=row["command_id"],
        gateway=GatewayName(row["tenant_id"], row["gateway_id"]),
        server=row["server_id"],
        operation_name=row["operation_name"],
        kind=row["kind"],
        reference=row["reference"],
        repeatable=row["repeatable"],
        state=CommandState(row["state"]),
        attempt=row["attempt"],
        step=row["step"],
        percent=row["percent"],
        cancel_wanted=row["cancel_wanted"],
        created_at=row["created_at"],
        expire_at=row["expire_at"],
    )


async def insert(connection: Connection, sealed: SealedCommand) -> None:
    """Queue a command."""
    command = sealed.command
    await connection.execute(
        "INSERT INTO command (tenant_id, command_id, gateway_id, server_id, operation_name, kind, request_sealed,"
        " reference, repeatable, created_at, expire_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        command.gateway.tenant,
        command.command_id,
        command.gateway.gateway,
        command.server,
        command.operation_name,
        command.kind,
        sealed.request_sealed,
        command.reference,
        command.repeatable,
        command.created_at,
        command.expire_at,
    )


async def count(connection: Connection, gateway: GatewayName) -> int:
    """How many a gateway has not finished."""
    return await connection.fetchval(
        "SELECT count(*) FROM command WHERE tenant_id = $1 AND gateway_id = $2", gateway.tenant, gateway.gateway
    )


async def hold_session(connection: Connection, session: Session) -> bool:
    """Keep any other stream from taking over until the transaction ends; False if one has.

    Without it, a stream could take commands at the moment at which it ends, and nobody would send them.
    """
    return bool(
        await connection.fetchval(
            "SELECT true FROM gateway WHERE tenant_id = $1 AND gateway_id = $2 AND session_id = $3 FOR SHARE",
            session.gateway.tenant,
            session.gateway.gateway,
            session.session_id,
        )
    )


async def claim_queued(connection: Connection, session: Session) -> Sequence[SealedCommand]:
    """Take every queued command of a gateway for the stream that sends it, oldest first."""
    rows = await connection.fetch(
        "UPDATE command SET state = 2, attempt = attempt + 1, session_id = $3, progressed_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND state = 1 AND expire_at > now() AND NOT cancel_wanted"
        f" RETURNING {_COLUMNS}, request_sealed",
        session.gateway.tenant,
        session.gateway.gateway,
        session.session_id,
    )
    claimed = [SealedCommand(_command(row), row["request_sealed"]) for row in rows]
    return sorted(claimed, key=lambda sealed: sealed.command.created_at)


async def claim_cancelled(connection: Connection, session: Session) -> Sequence[Command]:
    """What a stream has sent and is to be stopped, once."""
    rows = await connection.fetch(
        "UPDATE command SET cancel_told = true WHERE tenant_id = $1 AND gateway_id = $2 AND session_id = $3"
        f" AND state = 2 AND cancel_wanted AND NOT cancel_told RETURNING {_COLUMNS}",
        session.gateway.tenant,
        session.gateway.gateway,
        session.session_id,
    )
    return [_command(row) for row in rows]


async def stream_lost(connection: Connection, gateway: GatewayName, but: uuid.UUID | None) -> Sequence[Command]:
    """What other streams of a gateway have sent: repeatable commands are queued again, the others are lost.

    Args:
        connection: Of the transaction.
        gateway: Whose.
        but: The stream that is alive; None if none is.

    Returns:
        The commands as they stand now.
    """
    rows = await connection.fetch(
        "UPDATE command SET state = CASE WHEN repeatable THEN 1 ELSE 3 END, session_id = NULL, cancel_told = false,"
        " progressed_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND state = 2 AND session_id IS DISTINCT FROM $3::uuid"
        f" RETURNING {_COLUMNS}",
        gateway.tenant,
        gateway.gateway,
        but,
    )
    return [_command(row) for row in rows]


async def find(connection: Connection, gateway: GatewayName, command_id: uuid.UUID, attempt: int) -> Command | None:
    """The command that a gateway speaks of, held until the transaction ends; None if that attempt counts no more."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM command WHERE tenant_id = $1 AND gateway_id = $2 AND command_id = $3 AND attempt = $4"
        " FOR UPDATE",
        gateway.tenant,
        gateway.gateway,
        command_id,
        attempt,
    )
    return None if row is None else _command(row)


async def progress(connection: Connection, session: Session, command: Command, step: str, percent: int) -> Command:
    """The gateway of a stream is at it: keep how far it is."""
    row = await connection.fetchrow(
        "UPDATE command SET state = 2, session_id = $3, step = $4, percent = $5, progressed_at = now()"
        f" WHERE tenant_id = $1 AND command_id = $2 RETURNING {_COLUMNS}",
        command.gateway.tenant,
        command.command_id,
        session.session_id,
        step,
        percent,
    )
    return command if row is None else _command(row)


async def want_cancelled(connection: Connection, command: Command) -> None:
    """Somebody asked for it to stop."""
    await connection.execute(
        "UPDATE command SET cancel_wanted = true WHERE tenant_id = $1 AND command_id = $2",
        command.gateway.tenant,
        command.command_id,
    )


async def remove(connection: Connection, command: Command) -> None:
    """The command has an outcome, which its operation holds."""
    await connection.execute(
        "DELETE FROM command WHERE tenant_id = $1 AND command_id = $2", command.gateway.tenant, command.command_id
    )


async def of_server(connection: Connection, gateway: GatewayName, server: str) -> Sequence[Command]:
    """What is not finished about one server, held until the transaction ends."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM command WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 FOR UPDATE",
        gateway.tenant,
        gateway.gateway,
        server,
    )
    return [_command(row) for row in rows]


async def unfinished(connection: Connection, after: tuple[str, uuid.UUID], limit: int) -> Sequence[UnfinishedCommand]:
    """Commands of every tenant after a (tenant, command id), held until the transaction ends.

    What another transaction holds has just been heard of and is left out.
    """
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, progressed_at FROM command WHERE (tenant_id, command_id) > ($1, $2)"
        " ORDER BY tenant_id, command_id LIMIT $3 FOR UPDATE SKIP LOCKED",
        *after,
        limit,
    )
    return [UnfinishedCommand(_command(row), row["progressed_at"]) for row in rows]
