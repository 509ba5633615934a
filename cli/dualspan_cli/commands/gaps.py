"""`dualspan gaps`: the ledger of what is known to be missing."""

from __future__ import annotations

from typing import Annotated

import typer

from dualspan.historian.v1 import resources_pb2 as resources
from dualspan.historian.v1 import service_pb2 as service
from dualspan.onboarding.v1 import fleet_pb2 as fleet
from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, messages, print_json, print_messages
from dualspan_cli.session import Session, all_pages, required_tenant

gaps = typer.Typer(help="The gap ledger: which samples are missing, and why.", no_args_is_help=True)

_COLUMNS = (
    "start_time",
    "end_time",
    "cause",
    "state",
    "gateway",
    "server",
    "tag_id",
    "lost_samples",
    "repaired_samples",
    "detail",
    "resolution",
)
_ENDED = frozenset({resources.GAP_STATE_UNREPAIRABLE, resources.GAP_STATE_PARTLY_REPAIRED})
_AT_ONCE = 1000


@gaps.command("list")
def list_gaps(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not repaired.")] = False,
    tag: Annotated[
        int, typer.Option("--tag", help="Only of the tag with this id; gaps of its server or gateway count.")
    ] = 0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the gaps, newest first."""

    async def use(session: Session) -> tuple[list[resources.Gap], list[fleet.FleetGateway]]:
        parent = required_tenant(session)
        request = service.ListGapsRequest(parent=parent, page_size=1000, tag_id=tag)
        found = await all_pages(session.historian.ListGaps, request, lambda page: page.gaps)
        return found, await all_pages(
            FleetServiceStub(session.onboarding_channel).ListGatewayHealth,
            fleet.ListGatewayHealthRequest(parent=parent, page_size=1000),
            lambda page: page.gateways,
        )

    found, gateways = with_session(use, tenant=tenant, data=data)
    shown = [gap for gap in found if not only_open or gap.state == resources.GAP_STATE_OPEN]
    print_messages(shown, as_json=as_json, columns=_COLUMNS)
    if as_json:
        return
    # A gateway writes down what it missed once it is back: until then its ledger says nothing of the present.
    silent = [each.gateway.name for each in gateways if each.health == fleet.GATEWAY_HEALTH_FAILED]
    for name in silent:
        gateway = name.rpartition("/")[2]
        messages.print(
            f"Nothing arrives from {gateway}: what it misses meanwhile is listed when it is back. "
            "`dualspan onboarding gateways` says what to look at."
        )
    if not shown and not silent:
        messages.print("Nothing is missing.")


@gaps.command("retry")
def retry_gaps(
    names: Annotated[
        list[str] | None, typer.Argument(help="Ids of gaps, as `gaps list --json` has them; all if none is named.")
    ] = None,
    server: Annotated[str, typer.Option("--server", help="Only gaps of this server, by its id.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Have gaps read from history again that could not be, or only in part: after the PLC lets the gateway read it."""

    async def use(session: Session) -> int:
        parent = required_tenant(session)
        chosen = [name if "/" in name else f"{parent}/gaps/{name}" for name in names or ()]
        if not chosen:
            request = service.ListGapsRequest(parent=parent, page_size=1000)
            found = await all_pages(session.historian.ListGaps, request, lambda page: page.gaps)
            chosen = [gap.name for gap in found if gap.state in _ENDED and (not server or gap.server == server)]
        opened = 0
        for first in range(0, len(chosen), _AT_ONCE):
            some = chosen[first : first + _AT_ONCE]
            opened += (await session.historian.RetryGaps(service.RetryGapsRequest(parent=parent, names=some))).gaps
        return opened

    opened = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json({"gaps": opened})
    else:
        messages.print(f"{opened} gaps are open again; the gateways read their history next.")
