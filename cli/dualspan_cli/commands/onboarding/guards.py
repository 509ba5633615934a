"""`dualspan onboarding guards …`: what may be written, and under what conditions."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated

import grpc
import typer

from dualspan.onboarding.v1 import writes_pb2 as writes
from dualspan_cli.commands.gateways import server_name
from dualspan_cli.commands.onboarding.writes import GuardArgument, guard_name, stub_of, value_of
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, print_done, print_json, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import parse_duration

guards = typer.Typer(help="What may be written to machines. Off until somebody turns it on.", no_args_is_help=True)
_COLUMNS = ("guard", "target", "enabled", "needs_approval", "limits", "machine_mode")


def _row(guard: writes.WriteGuard) -> dict[str, str]:
    method = guard.method
    limits = guard.argument_limits or [guard.limits]
    return {
        "guard": guard.name.rpartition("/")[2],
        "target": guard.tag or f"{method.object_id} {method.method_id}",
        "enabled": "yes" if guard.enabled else "no",
        "needs_approval": "yes" if guard.needs_approval else "no",
        "limits": "; ".join(_limits(each) for each in limits),
        "machine_mode": _mode(guard),
    }


def _limits(limits: writes.WriteLimits) -> str:
    parts = {"≥": limits.minimum, "≤": limits.maximum, "step ≤": limits.maximum_step}
    words = [f"{word} {value}" for word, value in parts.items() if value]
    if limits.allowed_values:
        words.append("one of " + ", ".join(_text(value) for value in limits.allowed_values))
    return ", ".join(words) or "any"


def _mode(guard: writes.WriteGuard) -> str:
    if not guard.HasField("machine_mode"):
        return ""
    mode = guard.machine_mode
    return f"{mode.tag.rpartition('/')[2]} in {', '.join(_text(value) for value in mode.allowed_values)}"


def _text(value: writes.WriteValue) -> str:
    form = value.WhichOneof("value")
    return "" if form is None else str(getattr(value, form))


@guards.command("list")
def list_guards(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the guards of a tenant."""

    async def use(session: Session) -> list[writes.WriteGuard]:
        request = writes.ListWriteGuardsRequest(parent=required_tenant(session))
        fetch = partial(stub_of(session).ListWriteGuards)
        return await all_pages(fetch, request, lambda page: page.write_guards)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(guard) for guard in found])
    else:
        print_rows([_row(guard) for guard in found], as_json=False, columns=_COLUMNS)


@guards.command("set")
def set_guard(
    guard: GuardArgument,
    tag: Annotated[int, typer.Option(help="The tag that it guards, by its id.")] = 0,
    server: Annotated[str, typer.Option(help="The method's server, as GATEWAY/SERVER.")] = "",
    object_id: Annotated[str, typer.Option("--object", help="The method's object, nsu=…;…")] = "",
    method_id: Annotated[str, typer.Option("--method", help="The method, nsu=…;…")] = "",
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether anything may pass.")] = None,
    approval: Annotated[
        bool | None, typer.Option("--approval/--no-approval", help="Whether a second person must agree.")
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option("--limits", help="MIN:MAX[:STEP], parts may be empty; for a method once for each argument."),
    ] = None,
    allow: Annotated[list[str] | None, typer.Option(help="One allowed value; several are given one by one.")] = None,
    mode_tag: Annotated[int, typer.Option(help="The tag that has the machine's mode.")] = 0,
    mode_value: Annotated[list[str] | None, typer.Option(help="A mode in which it may be; one by one.")] = None,
    lifetime: Annotated[str, typer.Option(help="How long a command may take, approval included.")] = "",
    tolerance: Annotated[str, typer.Option(help="By how much the value read back may differ.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a guard, or change what is given here of one that is there."""

    async def use(session: Session) -> writes.WriteGuard:
        wanted = await _present(session, guard)
        if tag:
            wanted.tag = f"{required_tenant(session)}/tags/{tag}"
        elif method_id:
            target = writes.MethodTarget(server=server_name(session, server), object_id=object_id, method_id=method_id)
            wanted.method.CopyFrom(target)
        _set_conditions(session, wanted, mode_tag, mode_value or [])
        _set_limits(wanted, limits, allow)
        wanted.enabled = wanted.enabled if enabled is None else enabled
        wanted.needs_approval = wanted.needs_approval if approval is None else approval
        wanted.tolerance = tolerance or wanted.tolerance
        if lifetime:
            wanted.lifetime.FromTimedelta(timedelta(seconds=parse_duration(lifetime)))
        request = writes.UpdateWriteGuardRequest(write_guard=wanted, allow_missing=True)
        return await stub_of(session).UpdateWriteGuard(request)

    made = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(made))
    else:
        print_rows([_row(made)], as_json=False, columns=_COLUMNS)


async def _present(session: Session, guard: str) -> writes.WriteGuard:
    """The guard as it is; an empty one if there is none."""
    name = guard_name(session, guard)
    try:
        return await stub_of(session).GetWriteGuard(writes.GetWriteGuardRequest(name=name))
    except grpc.aio.AioRpcError as err:
        if err.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return writes.WriteGuard(name=name)


def _set_conditions(session: Session, wanted: writes.WriteGuard, mode_tag: int, values: list[str]) -> None:
    if bool(mode_tag) != bool(values):
        raise CommandError("MODE_INCOMPLETE", "Give both --mode-tag and --mode-value.", exit_code=2)
    if mode_tag:
        mode = writes.MachineMode(
            tag=f"{required_tenant(session)}/tags/{mode_tag}", allowed_values=[value_of(value) for value in values]
        )
        wanted.machine_mode.CopyFrom(mode)


def _set_limits(wanted: writes.WriteGuard, limits: list[str] | None, allow: list[str] | None) -> None:
    stated = [_stated_limits(text) for text in limits or ()]
    allowed = [value_of(value) for value in allow or ()]
    if wanted.HasField("method"):
        if stated:
            del wanted.argument_limits[:]
            wanted.argument_limits.extend(stated)
        return
    if len(stated) > 1:
        raise CommandError("TOO_MANY_LIMITS", "A tag has one value: give --limits once.", exit_code=2)
    if stated:
        stated[0].allowed_values.extend(wanted.limits.allowed_values)
        wanted.limits.CopyFrom(stated[0])
    if allowed:
        del wanted.limits.allowed_values[:]
        wanted.limits.allowed_values.extend(allowed)


def _stated_limits(text: str) -> writes.WriteLimits:
    parts = text.split(":")
    if not 2 <= len(parts) <= 3:
        raise CommandError("BAD_LIMITS", f"Write limits as MIN:MAX or MIN:MAX:STEP, not {text!r}.", exit_code=2)
    return writes.WriteLimits(minimum=parts[0], maximum=parts[1], maximum_step=parts[2] if len(parts) > 2 else "")


@guards.command("delete")
def delete_guard(
    guard: GuardArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Remove a guard: what it let through can be written no more."""

    async def use(session: Session) -> None:
        request = writes.DeleteWriteGuardRequest(name=guard_name(session, guard))
        await stub_of(session).DeleteWriteGuard(request)

    with_session(use, tenant=tenant, data=data)
    print_done("Removed.", {"deleted": guard}, as_json=as_json)
