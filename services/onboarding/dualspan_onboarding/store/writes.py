"""Write guards and write commands."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.writes.codec import packed_rules, packed_work, unpacked_rules, unpacked_work
from dualspan_onboarding.writes.model import (
    CommandQuery,
    Guard,
    GuardName,
    MethodTarget,
    WriteCommand,
    WriteCommandName,
    WriteState,
)
from dualspan_runtime.database import Connection

_GUARD = """
    tenant_id, guard_id, gateway_id, server_id, tag_id, object_id, method_id, enabled, needs_approval, lifetime_us,
    rules, updated_at, updater
"""
_COMMAND = """
    tenant_id, command_id, guard_id, gateway_id, server_id, request_id, work, reason, state, requester, created_at,
    expire_at, decider, decided_at, comment, detail, operation_name, outcome, ended_at
"""


def _guard(row: Record) -> Guard:
    tenant, server = row["tenant_id"], ServerName(row["tenant_id"], row["gateway_id"], row["server_id"])
    method = MethodTarget(server, row["object_id"], row["method_id"])
    return Guard(
        name=GuardName(tenant, row["guard_id"]),
        target=method if row["tag_id"] is None else TagName(tenant, row["tag_id"]),
        enabled=row["enabled"],
        needs_approval=row["needs_approval"],
        lifetime=timedelta(microseconds=row["lifetime_us"]),
        rules=unpacked_rules(row["rules"]),
        server=server,
        updated_at=row["updated_at"],
        updater=row["updater"],
    )


def _command(row: Record) -> WriteCommand:
    tenant = row["tenant_id"]
    return WriteCommand(
        name=WriteCommandName(tenant, row["command_id"]),
        guard=GuardName(tenant, row["guard_id"]),
        server=ServerName(tenant, row["gateway_id"], row["server_id"]),
        request_id=row["request_id"],
        work=unpacked_work(row["work"]),
        reason=row["reason"],
        state=WriteState(row["state"]),
        requester=row["requester"],
        created_at=row["created_at"],
        expire_at=row["expire_at"],
        decider=row["decider"],
        decided_at=row["decided_at"],
        comment=row["comment"],
        detail=row["detail"],
        operation_name=row["operation_name"],
        outcome=row["outcome"],
        ended_at=row["ended_at"],
    )


async def save_guard(connection: Connection, guard: Guard, server: ServerName, updater: str) -> bool:
    """Make a guard or change all of it but its target; False if another guard has the target."""
    target = guard.target
    method = target if isinstance(target, MethodTarget) else None
    row = await connection.fetchrow(
        "INSERT INTO write_guard (tenant_id, guard_id, gateway_id, server_id, tag_id, object_id, method_id, enabled,"
        " needs_approval, lifetime_us, rules, updater)"
        " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12"
        " WHERE NOT EXISTS (SELECT FROM write_guard WHERE tenant_id = $1 AND guard_id <> $2"
        " AND ((tag_id IS NOT NULL AND tag_id = $5::bigint) OR (tag_id IS NULL AND $5::bigint IS NULL"
        " AND gateway_id = $3 AND server_id = $4 AND object_id = $6 AND method_id = $7)))"
        " ON CONFLICT (tenant_id, guard_id) DO UPDATE SET enabled = excluded.enabled,"
        " needs_approval = excluded.needs_approval, lifetime_us = excluded.lifetime_us, rules = excluded.rules,"
        " updated_at = now(), updater = excluded.updater RETURNING guard_id",
        guard.name.tenant,
        guard.name.guard,
        server.gateway,
        server.server,
        None if method else target.tag_id if isinstance(target, TagName) else None,
        method.object_id if method else "",
        method.method_id if method else "",
        guard.enabled,
        guard.needs_approval,
        guard.lifetime // timedelta(microseconds=1),
        packed_rules(guard.rules),
        updater,
    )
    return row is not None


async def find_guard(connection: Connection, name: GuardName, *, hold: bool = False) -> Guard | None:
    """One guard; with `hold`, it stays as it is until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_GUARD} FROM write_guard WHERE tenant_id = $1 AND guard_id = $2 {'FOR UPDATE' if hold else ''}",
        name.tenant,
        name.guard,
    )
    return None if row is None else _guard(row)


async def page_of_guards(connection: Connection, tenant: str, after: str, limit: int) -> Sequence[Guard]:
    """The guards after an id, in order of it."""
    rows = await connection.fetch(
        f'SELECT {_GUARD} FROM write_guard WHERE tenant_id = $1 AND guard_id COLLATE "C" > $2'
        ' ORDER BY guard_id COLLATE "C" LIMIT $3',
        tenant,
        after,
        limit,
    )
    return [_guard(row) for row in rows]


async def delete_guard(connection: Connection, name: GuardName) -> bool:
    """Remove a guard; False if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM write_guard WHERE tenant_id = $1 AND guard_id = $2 RETURNING guard_id", name.tenant, name.guard
    )
    return row is not None


async def insert(connection: Connection, command: WriteCommand) -> bool:
    """Keep a new command; False if the requester has used its request id already."""
    row = await connection.fetchrow(
        "INSERT INTO write_command (tenant_id, command_id, guard_id, gateway_id, server_id, request_id, work, reason,"
        " state, requester, created_at, expire_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT DO NOTHING RETURNING command_id",
        command.name.tenant,
        command.name.uid,
        command.guard.guard,
        command.server.gateway,
        command.server.server,
        command.request_id,
        packed_work(command.work),
        command.reason,
        command.state,
        command.requester,
        command.created_at,
        command.expire_at,
    )
    return row is not None


async def find(connection: Connection, name: WriteCommandName, *, hold: bool = False) -> WriteCommand | None:
    """One command; with `hold`, nobody else decides on it until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_COMMAND} FROM write_command WHERE tenant_id = $1 AND command_id = $2 {'FOR UPDATE' if hold else ''}",
        name.tenant,
        name.uid,
    )
    return None if row is None else _command(row)


async def find_by_request(connection: Connection, tenant: str, requester: str, request_id: str) -> WriteCommand | None:
    """The command that a requester has made with a request id."""
    row = await connection.fetchrow(
        f"SELECT {_COMMAND} FROM write_command WHERE tenant_id = $1 AND requester = $2 AND request_id = $3",
        tenant,
        requester,
        request_id,
    )
    return None if row is None else _command(row)


async def page(
    connection: Connection,
    tenant: str,
    query: CommandQuery,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[WriteCommand]:
    """The commands before a (creation time, id), the newest first."""
    rows = await connection.fetch(
        f"SELECT {_COMMAND} FROM write_command WHERE tenant_id = $1"
        " AND ($2::smallint IS NULL OR state = $2) AND ($3::text IS NULL OR guard_id = $3)"
        " AND ($4::timestamptz IS NULL OR (created_at, command_id) < ($4, $5::uuid))"
        " ORDER BY created_at DESC, command_id DESC LIMIT $6",
        tenant,
        query.state,
        query.guard.guard if query.guard else None,
        before[0] if before else None,
        before[1] if before else None,
        limit,
    )
    return [_command(row) for row in rows]


async def decide(connection: Connection, command: WriteCommand, state: WriteState, decider: str, comment: str) -> None:
    """Somebody has decided on a command that waited."""
    await connection.execute(
        "UPDATE write_command SET state = $3::smallint, decider = $4, comment = $5, decided_at = now(),"
        " ended_at = CASE WHEN $3::smallint = 2 THEN NULL ELSE now() END WHERE tenant_id = $1 AND command_id = $2",
        command.name.tenant,
        command.name.uid,
        state,
        decider,
        comment,
    )


async def set_operation(connection: Connection, command: WriteCommand, operation_name: str) -> None:
    """The command is on its way to its gateway."""
    await connection.execute(
        "UPDATE write_command SET operation_name = $3 WHERE tenant_id = $1 AND command_id = $2",
        command.name.tenant,
        command.name.uid,
        operation_name,
    )


async def end(
    connection: Connection, command: WriteCommand, state: WriteState, detail: str, outcome: bytes | None
) -> None:
    """The command has come to something."""
    await connection.execute(
        "UPDATE write_command SET state = $3, detail = $4, outcome = $5, ended_at = now()"
        " WHERE tenant_id = $1 AND command_id = $2",
        command.name.tenant,
        command.name.uid,
        state,
        detail,
        outcome,
    )


async def pending_of_guard(connection: Connection, name: GuardName) -> Sequence[WriteCommand]:
    """What waits for approval behind a guard, held until the transaction ends."""
    rows = await connection.fetch(
        f"SELECT {_COMMAND} FROM write_command WHERE tenant_id = $1 AND guard_id = $2 AND state = 1 FOR UPDATE",
        name.tenant,
        name.guard,
    )
    return [_command(row) for row in rows]


async def overdue(connection: Connection, limit: int) -> Sequence[WriteCommand]:
    """What waits for approval in every tenant although its time is over, held until the transaction ends."""
    rows = await connection.fetch(
        f"SELECT {_COMMAND} FROM write_command WHERE state = 1 AND expire_at <= now()"
        " ORDER BY expire_at LIMIT $1 FOR UPDATE SKIP LOCKED",
        limit,
    )
    return [_command(row) for row in rows]


async def forget_ended(connection: Connection, before: datetime, limit: int) -> int:
    """Delete what has ended before a time, in every tenant, the oldest first; return how many."""
    rows = await connection.fetch(
        "DELETE FROM write_command AS command USING (SELECT tenant_id, command_id FROM write_command"
        " WHERE ended_at < $1 ORDER BY ended_at LIMIT $2) AS old"
        " WHERE command.tenant_id = old.tenant_id AND command.command_id = old.command_id RETURNING 1",
        before,
        limit,
    )
    return len(rows)
