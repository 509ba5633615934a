"""`dualspan onboarding write`, `call`, `approve` …: machines are written to through guards."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.onboarding.v1 import writes_pb2 as writes
from dualspan.onboarding.v1.writes_pb2_grpc import WriteServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_message, print_messages
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import parse_duration

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.writes_pb2_grpc import WriteServiceAsyncStub

_POLL_SECONDS = 0.3
_LONGEST_WAIT_SECONDS = 180.0
COMMAND_COLUMNS = ("name", "guard", "state", "requester", "decider", "reason", "detail")
_WAITING = {writes.WRITE_STATE_PENDING_APPROVAL, writes.WRITE_STATE_QUEUED}
GuardArgument = Annotated[str, typer.Argument(help="The guard's id.")]
CommandArgument = Annotated[str, typer.Argument(help="The command, as `dualspan onboarding writes` lists it.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the second person and the audit log.")]


class Form(StrEnum):
    """What a value is."""

    AUTO = "auto"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    HEX = "hex"


FormOption = Annotated[Form, typer.Option("--as", help="What the value is; by its looks if not given.")]


def stub_of(session: Session) -> WriteServiceAsyncStub:
    """The service of writes."""
    return WriteServiceStub(session.onboarding_channel)


def guard_name(session: Session, guard: str) -> str:
    """The full name of a guard."""
    return guard if guard.startswith("tenants/") else f"{required_tenant(session)}/writeGuards/{guard}"


def command_name(session: Session, command: str) -> str:
    """The full name of a write command."""
    return command if command.startswith("tenants/") else f"{required_tenant(session)}/writeCommands/{command}"


def value_of(text: str, form: Form = Form.AUTO) -> writes.WriteValue:
    """A value from what was typed.

    Raises:
        CommandError: It is not of that form.
    """
    number = _decimal(text)
    match form:
        case Form.TEXT:
            return writes.WriteValue(text=text)
        case Form.HEX:
            try:
                return writes.WriteValue(binary=bytes.fromhex(text))
            except ValueError as err:
                raise CommandError("BAD_VALUE", f"{text!r} is not hexadecimal.", exit_code=2) from err
        case Form.BOOLEAN if text.lower() in {"true", "false"}:
            return writes.WriteValue(boolean=text.lower() == "true")
        case Form.NUMBER | Form.AUTO if number is not None:
            return writes.WriteValue(number=str(number))
        case Form.AUTO if text.lower() in {"true", "false"}:
            return writes.WriteValue(boolean=text.lower() == "true")
        case Form.AUTO:
            return writes.WriteValue(text=text)
        case _:
            raise CommandError("BAD_VALUE", f"{text!r} is not a {form}.", exit_code=2)


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def write(
    guard: GuardArgument,
    value: Annotated[str, typer.Argument(help="What to write; `--` before one that begins with a minus.")],
    reason: ReasonOption = "",
    form: FormOption = Form.AUTO,
    lifetime: Annotated[str, typer.Option(help="Give it up after this; the guard's own if not given.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a value through a guard, and wait for what comes of it."""
    wanted = writes.WriteCommand(value=value_of(value, form), reason=reason)
    _ask(guard, wanted, lifetime, tenant=tenant, data=data, as_json=as_json)


def call(
    guard: GuardArgument,
    arguments: Annotated[list[str] | None, typer.Argument(help="Input arguments, in order.")] = None,
    reason: ReasonOption = "",
    form: FormOption = Form.AUTO,
    lifetime: Annotated[str, typer.Option(help="Give it up after this; the guard's own if not given.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Call a method through a guard, and wait for what comes of it."""
    values = [value_of(argument, form) for argument in arguments or ()]
    wanted = writes.WriteCommand(call=writes.WriteCommand.Call(arguments=values), reason=reason)
    _ask(guard, wanted, lifetime, tenant=tenant, data=data, as_json=as_json)


def _ask(
    guard: str, wanted: writes.WriteCommand, lifetime: str, *, tenant: str, data: DataOption, as_json: bool
) -> None:
    async def use(session: Session) -> writes.WriteCommand:
        wanted.guard = guard_name(session, guard)
        request = writes.CreateWriteCommandRequest(
            parent=required_tenant(session),
            write_command=wanted,
            # A call that is repeated below must not write twice.
            request_id=str(uuid.uuid4()),
        )
        if lifetime:
            request.lifetime.FromTimedelta(timedelta(seconds=parse_duration(lifetime)))
        made = await stub_of(session).CreateWriteCommand(request)
        return await _followed(session, made)

    _show(with_session(use, tenant=tenant, data=data), as_json=as_json)


async def _followed(session: Session, command: writes.WriteCommand) -> writes.WriteCommand:
    """Waits until the gateway has said what came of a command; one that waits for a person is not waited for."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + _LONGEST_WAIT_SECONDS
    with messages.status("Waiting for the gateway…"):
        while command.state == writes.WRITE_STATE_QUEUED and loop.time() < ends:
            await asyncio.sleep(_POLL_SECONDS)
            request = writes.GetWriteCommandRequest(name=command.name)
            command = await stub_of(session).GetWriteCommand(request)
    return command


def _show(command: writes.WriteCommand, *, as_json: bool) -> None:
    state = writes.WriteState.Name(command.state).removeprefix("WRITE_STATE_")
    done = command.state in {*_WAITING, writes.WRITE_STATE_SUCCEEDED}
    if as_json:
        print_json(as_dict(command))
        if not done:
            raise typer.Exit(1)
        return
    if not done:
        raise CommandError(f"WRITE_{state}", command.detail or f"The command is {state.lower()}.")
    print_message(command, as_json=False, columns=COMMAND_COLUMNS)
    if command.state == writes.WRITE_STATE_PENDING_APPROVAL:
        ident = command.name.rpartition("/")[2]
        messages.print(f"Somebody else has to agree: dualspan onboarding approve {ident}", markup=False)
    elif command.HasField("outcome"):
        messages.print(_outcome_words(command.outcome), markup=False)


def _outcome_words(outcome: writes.WriteOutcome) -> str:
    words = [f"read back {_text(outcome.after)}"] if outcome.HasField("after") else []
    if outcome.HasField("before"):
        words.append(f"it was {_text(outcome.before)}")
    words += [f"it answered {_text(output)}" for output in outcome.outputs]
    return f"Done: {', '.join(words) or 'the server took it'}."


def _text(value: writes.WriteValue) -> str:
    form = value.WhichOneof("value")
    return "" if form is None else str(getattr(value, form))


def approve(
    command: CommandArgument,
    comment: Annotated[str, typer.Option(help="For the audit log.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve what somebody else asked for, and wait for what comes of it."""

    async def use(session: Session) -> writes.WriteCommand:
        request = writes.ApproveWriteCommandRequest(name=command_name(session, command), comment=comment)
        approved = await stub_of(session).ApproveWriteCommand(request)
        return await _followed(session, approved)

    _show(with_session(use, tenant=tenant, data=data), as_json=as_json)


def reject(
    command: CommandArgument,
    comment: Annotated[str, typer.Option(help="Why, for the one who asked.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Refuse what somebody else asked for."""

    async def use(session: Session) -> writes.WriteCommand:
        request = writes.RejectWriteCommandRequest(name=command_name(session, command), comment=comment)
        return await stub_of(session).RejectWriteCommand(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=COMMAND_COLUMNS)


def cancel(
    command: CommandArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Take back what waits for approval."""

    async def use(session: Session) -> writes.WriteCommand:
        request = writes.CancelWriteCommandRequest(name=command_name(session, command))
        return await stub_of(session).CancelWriteCommand(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=COMMAND_COLUMNS)


def list_writes(
    guard: Annotated[str, typer.Option(help="Only this guard's.")] = "",
    pending: Annotated[bool, typer.Option("--pending", help="Only what waits for approval.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what was asked of machines and what came of it, the newest first."""

    async def use(session: Session) -> list[writes.WriteCommand]:
        request = writes.ListWriteCommandsRequest(
            parent=required_tenant(session),
            state=writes.WRITE_STATE_PENDING_APPROVAL if pending else writes.WRITE_STATE_UNSPECIFIED,
            guard=guard_name(session, guard) if guard else "",
        )
        fetch = partial(stub_of(session).ListWriteCommands)
        return await all_pages(fetch, request, lambda page: page.write_commands)

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=COMMAND_COLUMNS)
