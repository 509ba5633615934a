"""`dualspan onboarding gateways`: the fleet at a glance, renaming, replacing a box."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from dualspan.onboarding.v1 import fleet_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceStub
from dualspan_cli.commands.gateways import GatewayArgument, found_gateway, gateway_name
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_message, screen
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import parse_duration

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceAsyncStub

gateways = typer.Typer(help="The fleet of gateways: how each is, and what to do.", invoke_without_command=True)

EXIT_ATTENTION = 1
_MARKS = {
    fleet_pb2.GATEWAY_HEALTH_WELL: ("●", "green"),
    fleet_pb2.GATEWAY_HEALTH_ATTENTION: ("▲", "yellow"),
    fleet_pb2.GATEWAY_HEALTH_FAILED: ("✖", "bold red"),
    fleet_pb2.GATEWAY_HEALTH_NONE: ("○", "dim"),
}
_BAD = {fleet_pb2.GATEWAY_HEALTH_ATTENTION, fleet_pb2.GATEWAY_HEALTH_FAILED}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))
_COLUMNS = ("name", "display_name", "site", "state")


def _stub(session: Session) -> FleetServiceAsyncStub:
    return FleetServiceStub(session.onboarding_channel)


@gateways.callback()
def list_gateways(
    context: typer.Context, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Show how each gateway is. Exit code 1: something needs attention."""
    if context.invoked_subcommand is not None:
        return

    async def use(session: Session) -> list[fleet_pb2.FleetGateway]:
        request = fleet_pb2.ListGatewayHealthRequest(parent=required_tenant(session), page_size=1000)
        call = partial(_stub(session).ListGatewayHealth)
        return await all_pages(call, request, lambda page: page.gateways)

    fleet = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(one) for one in fleet])
    elif fleet:
        _print_fleet(fleet)
    else:
        messages.print("No gateways yet. Make this machine one: dualspan onboarding quickstart --server opc.tcp://…")
    if any(one.health in _BAD for one in fleet):
        raise typer.Exit(EXIT_ATTENTION)


def _print_fleet(fleet: list[fleet_pb2.FleetGateway]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (
        "",
        "gateway",
        "site",
        "seen",
        "version",
        "servers",
        "tags",
        "buffer",
        "clock",
        "config",
        "certificate",
    ):
        table.add_column(column, justify="right" if column in {"servers", "tags"} else "left", overflow="fold")
    now = datetime.now(UTC)
    for one in fleet:
        table.add_row(*_cells(one, now))
    screen.print(table)
    for one in fleet:
        for words in one.attention:
            mark, style = _MARKS.get(one.health, ("?", "dim"))
            line = Text(f"{mark} {one.gateway.name.rpartition('/')[2]}  ", style=style)
            screen.print(line.append(words, style="default"), soft_wrap=True)
        _print_last_words(one)


def _cells(one: fleet_pb2.FleetGateway, now: datetime) -> list[Text | str]:
    gateway, status = one.gateway, one.gateway.status
    mark, style = _MARKS.get(one.health, ("?", "dim"))
    name = gateway.name.rpartition("/")[2]
    online = gateway.state == resources.GATEWAY_STATE_ONLINE
    called = "" if gateway.display_name in {"", name} else f"\n{gateway.display_name}"
    ends = gateway.certificate_expire_time
    return [
        Text(mark, style=style),
        Text(name).append(called, style="dim"),
        gateway.site,
        "now" if online else _ago(gateway, now),
        status.software_version,
        f"{one.connected_servers}/{one.servers}",
        f"{one.active_tags}/{one.tags}",
        _buffer(status),
        f"{status.clock_offset.ToMilliseconds():+d} ms" if online else "",
        f"{gateway.observed_revision}/{gateway.desired_revision}",
        span(ends.ToDatetime(UTC) - now) if gateway.HasField("certificate_expire_time") else "",
    ]


def _ago(gateway: resources.Gateway, now: datetime) -> str:
    if not gateway.HasField("last_seen_time"):
        return "never"
    return f"{span(now - gateway.last_seen_time.ToDatetime(UTC))} ago"


def _buffer(status: resources.GatewayStatus) -> str:
    """Frames that wait, their size and their age."""
    if not status.buffered_frames:
        return "empty"
    age = span(status.oldest_buffered_age.ToTimedelta())
    full = ", FULL" if status.buffer_full else ""
    return f"{status.buffered_frames} frames, {status.buffered_bytes / 1e6:.1f} MB, {age}{full}"


def _print_last_words(one: fleet_pb2.FleetGateway) -> None:
    words = one.last_words
    if words.end not in {resources.GATEWAY_END_FAILED, resources.GATEWAY_END_KILLED}:
        return
    ended = "failed" if words.end == resources.GATEWAY_END_FAILED else "was killed or lost its power"
    when = words.end_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
    said = f": {words.detail}" if words.detail else " without a word"
    name = one.gateway.name.rpartition("/")[2]
    screen.print(f"  last run of {name} {ended} at {when} UTC{said}", style="dim", markup=False, soft_wrap=True)


def span(length: timedelta) -> str:
    """Such as `29 d`, `5 h`, `12 min` or `3 s`."""
    seconds = max(0, int(length.total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@gateways.command("rename")
def rename(
    gateway: GatewayArgument,
    display_name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    site: Annotated[str | None, typer.Option("--site", help="The plant that it stands in.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change what people call a gateway, or its site. Its id stays."""
    if display_name is None and site is None:
        raise CommandError("NOTHING_TO_CHANGE", "Say --name or --site.", exit_code=2)

    async def use(session: Session) -> resources.Gateway:
        changed = resources.Gateway(
            name=gateway_name(session, gateway), display_name=display_name or "", site=site or ""
        )
        request = fleet_pb2.UpdateGatewayRequest(gateway=changed)
        stated = {"display_name": display_name, "site": site}
        request.update_mask.paths.extend(field for field, value in stated.items() if value is not None)
        return await _stub(session).UpdateGateway(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_COLUMNS)


@gateways.command("replace")
def replace(
    gateway: GatewayArgument,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    lifetime: Annotated[str, typer.Option(help="How long the token works; an hour at the most.")] = "1h",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a new box take over: revokes the old box, keeps servers and tags, prints the token for the new one."""
    seconds = parse_duration(lifetime)
    if not yes and not as_json:
        known = with_session(partial(found_gateway, gateway=gateway), tenant=tenant, data=data)
        label = known.name.rpartition("/")[2]
        typer.confirm(f"The box that is {label} now stops streaming within a minute. Go on?", abort=True, err=True)

    async def use(session: Session) -> fleet_pb2.ReplaceGatewayResponse:
        request = fleet_pb2.ReplaceGatewayRequest(name=gateway_name(session, gateway), reason=reason)
        request.lifetime.FromTimedelta(timedelta(seconds=seconds))
        return await _stub(session).ReplaceGateway(request)

    answer = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(answer))
        return
    typer.echo(answer.enrolment_token)
    messages.print(
        f"Works once, until {answer.expire_time.ToJsonString()}. On the new box: dualspan-gateway enroll TOKEN"
    )
    messages.print("What the old box did not deliver is in the gap ledger, and repaired from the servers' history.")
