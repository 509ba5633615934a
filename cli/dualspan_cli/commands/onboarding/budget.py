"""`dualspan onboarding budget`: what tags ask of an OPC UA server, against what it bears."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.onboarding.v1 import budget_service_pb2 as service
from dualspan.onboarding.v1.budget_service_pb2_grpc import BudgetServiceStub
from dualspan_cli.commands.gateways import ServerArgument, server_name
from dualspan_cli.commands.onboarding.following import follow
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_messages, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import parse_duration

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.budget_service_pb2_grpc import BudgetServiceAsyncStub

budget = typer.Typer(help="What tags ask of an OPC UA server, against what it bears.", no_args_is_help=True)

_SOURCES = {
    service.LIMIT_SOURCE_SERVER: "server",
    service.LIMIT_SOURCE_PROFILE: "profile",
    service.LIMIT_SOURCE_NONE: "",
}
_UNVERIFIED = (
    "verified no: nobody has held the figures against a data sheet, and they may be wrong. Compare them with the data "
    "sheet of your device; --json has where each comes from."
)
EXIT_OVER_BUDGET = 1


def _stub(session: Session) -> BudgetServiceAsyncStub:
    return BudgetServiceStub(session.onboarding_channel)


def print_load(load: service.LoadEstimate) -> None:
    """A load, for a person: the figures, then what would go wrong and what to do."""
    rows = [
        {
            "quantity": figure.quantity,
            "now": f"{figure.present:,.10g}",
            "then": f"{figure.wanted:,.10g}",
            "limit": f"{figure.limit:,.10g}" if figure.limit else "",
            "unit": figure.unit,
            "who says so": _SOURCES.get(figure.source, ""),
            "": "OVER" if figure.over else "",
        }
        for figure in load.figures
    ]
    print_rows(rows, as_json=False, columns=("quantity", "now", "then", "limit", "unit", "who says so", ""))
    for warning in load.warnings:
        messages.print(f"[yellow]{warning}[/]", markup=True, soft_wrap=True)
    verdict = "within budget" if load.within_budget else "[bold red]over budget[/]"
    messages.print(f"{verdict}; profile {load.profile}", markup=True)


@budget.command("estimate")
def estimate(
    server: ServerArgument,
    prefix: Annotated[
        str, typer.Option(help="With every readable variable below this browse path that is no tag yet; / means all.")
    ] = "",
    count: Annotated[int, typer.Option(min=0, help="With so many more tags.")] = 0,
    sampling: Annotated[str, typer.Option(help="Their sampling interval; the server's if empty.")] = "",
    publishing: Annotated[str, typer.Option(help="Their publishing interval.")] = "1s",
    profile: Annotated[str, typer.Option(help="Vendor profile; the one that fits the server if empty.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute the load before anything is subscribed. Exit code 1: over budget."""

    async def use(session: Session) -> service.LoadEstimate:
        request = service.EstimateLoadRequest(
            server=server_name(session, server), browse_path_prefix=prefix, profile=profile
        )
        group = service.EstimateLoadRequest.Group(count=count)
        for message in (request, group):
            message.publishing_interval.FromTimedelta(timedelta(seconds=parse_duration(publishing)))
            if sampling:
                message.sampling_interval.FromTimedelta(timedelta(seconds=parse_duration(sampling)))
        if count and not sampling:
            group.sampling_interval.FromTimedelta(timedelta(seconds=1))
        if count:
            request.groups.append(group)
        return await _stub(session).EstimateLoad(request)

    load = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(load))
    else:
        print_load(load)
    if not load.within_budget:
        raise typer.Exit(EXIT_OVER_BUDGET)


@budget.command("read-limits")
def read_limits(
    server: ServerArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Have the gateway read what the server states of its limits, and keep it."""

    async def use(session: Session) -> service.ServerLimits:
        request = service.ReadServerLimitsRequest(server=server_name(session, server))
        operation = await _stub(session).ReadServerLimits(request)
        return await follow(session, operation, service.ServerLimits(), title="Reading limits")

    _print_limits(with_session(use, tenant=tenant, data=data), as_json=as_json)


@budget.command("limits")
def limits(
    server: ServerArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """What the server last stated of its limits."""

    async def use(session: Session) -> service.ServerLimits:
        request = service.GetServerLimitsRequest(server=server_name(session, server))
        return await _stub(session).GetServerLimits(request)

    _print_limits(with_session(use, tenant=tenant, data=data), as_json=as_json)


def _print_limits(stated: service.ServerLimits, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(stated))
        return
    known = as_dict(stated)
    rows = [
        {"limit": field.name.replace("_", " "), "stated": known.get(field.name, "not stated")}
        for field in stated.DESCRIPTOR.fields
    ]
    print_rows(rows, as_json=False, columns=("limit", "stated"))


@budget.command("profiles")
def profiles(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """The vendor profiles that the platform knows, and where their figures come from."""

    async def use(session: Session) -> list[service.VendorProfile]:
        request = service.ListVendorProfilesRequest(parent=required_tenant(session))
        call = partial(_stub(session).ListVendorProfiles)
        return await all_pages(call, request, lambda page: page.vendor_profiles)

    print_profiles(with_session(use, tenant=tenant, data=data), as_json=as_json)


def print_profiles(found: Sequence[service.VendorProfile], *, as_json: bool) -> None:
    """Profiles, and for a person also what to think of figures that nobody has verified."""
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    rows = [
        {
            "profile": profile.id,
            "for": profile.title,
            "bears": ", ".join(f"{limit.quantity} {limit.value:,.10g}" for limit in profile.limits),
            "verified": "yes" if profile.verified else "no",
        }
        for profile in found
    ]
    print_rows(rows, as_json=False, columns=("profile", "for", "bears", "verified"))
    if not all(profile.verified for profile in found):
        messages.print(f"[yellow]{_UNVERIFIED}[/]", markup=True, soft_wrap=True)


@budget.command("choose-profile")
def choose_profile(
    server: ServerArgument,
    profile: Annotated[str, typer.Argument(help="The profile; empty: as the server says of itself.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which vendor profile goes for a server. Written into the audit log."""

    async def use(session: Session) -> service.LoadEstimate:
        request = service.ChooseVendorProfileRequest(server=server_name(session, server), profile=profile)
        return await _stub(session).ChooseVendorProfile(request)

    load = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(load))
    else:
        print_load(load)
