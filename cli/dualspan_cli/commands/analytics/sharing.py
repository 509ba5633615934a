"""`dualspan analytics sharing …`: quartiles across enterprises, for those who share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.analytics.v1 import sharing_pb2 as contract
from dualspan.analytics.v1.sharing_pb2_grpc import SharingServiceStub
from dualspan_cli.commands.analytics.comparison import figure
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_messages, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.sharing_pb2_grpc import SharingServiceAsyncStub

sharing = typer.Typer(help="Quartiles across enterprises, for those who share.", no_args_is_help=True)
KpiArgument = Annotated[str, typer.Argument(metavar="KPI", help="A KPI of ISO 22400-2, such as oee.")]
_QUARTILES = ("month", "kpi", "group", "quartile 1", "median", "quartile 3", "yours", "enterprises", "refused because")


class GroupKind(StrEnum):
    """What enterprises are grouped by."""

    MODEL = "model"
    INDUSTRY = "industry"


_KINDS = {
    GroupKind.MODEL: contract.SHARING_GROUP_KIND_MODEL,
    GroupKind.INDUSTRY: contract.SHARING_GROUP_KIND_INDUSTRY,
}


def _stub(session: Session) -> SharingServiceAsyncStub:
    return SharingServiceStub(session.analytics_channel)


@sharing.command("consents")
def consents(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Which KPIs the enterprise shares, and which it did."""

    async def use(session: Session) -> contract.ListSharingConsentsResponse:
        request = contract.ListSharingConsentsRequest(parent=required_tenant(session))
        return await _stub(session).ListSharingConsents(request)

    found = with_session(use, tenant=tenant, data=data)
    _print_consents(found.sharing_consents, as_json=as_json)


@sharing.command("grant")
def grant(kpi: KpiArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Consent to share a KPI, from this month on. Written into the audit log."""

    async def use(session: Session) -> contract.SharingConsent:
        name = f"{required_tenant(session)}/sharingConsents/{kpi}"
        return await _stub(session).GrantSharing(contract.GrantSharingRequest(name=name))

    given = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(given))
    else:
        _print_consents([given], as_json=False)


@sharing.command("withdraw")
def withdraw(kpi: KpiArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Withdraw the consent: what was contributed is deleted at once. Written into the audit log."""

    async def use(session: Session) -> contract.SharingConsent:
        name = f"{required_tenant(session)}/sharingConsents/{kpi}"
        return await _stub(session).WithdrawSharing(contract.WithdrawSharingRequest(name=name))

    given = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(given))
    else:
        _print_consents([given], as_json=False)


def _print_consents(found: Sequence[contract.SharingConsent], *, as_json: bool) -> None:
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    rows = [
        {
            "KPI": each.name.rpartition("/")[2],
            "shared": each.granted,
            "who said so": each.actor,
            "when": each.change_time.ToJsonString(),
        }
        for each in found
    ]
    print_rows(rows, as_json=False, columns=("KPI", "shared", "who said so", "when"))


def _shown(value: float, unit: str) -> str:
    """A published figure with the digits that it has."""
    return f"{value:.0%}" if unit == "1" else f"{value:.2g} {unit}".rstrip()


@sharing.command("contributions")
def contributions(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """All that is stored of the enterprise's own for others' quartiles."""

    async def use(session: Session) -> list[contract.SharingContribution]:
        request = contract.ListSharingContributionsRequest(parent=required_tenant(session))
        call = partial(_stub(session).ListSharingContributions)
        return await all_pages(call, request, lambda page: page.sharing_contributions)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    rows = [
        {
            "month": each.month,
            "kpi": each.kpi,
            "group": each.group.id,
            "value": figure(each.value, each.unit),
            "machines": each.machines,
            "good data": f"{each.good_share:.1%}",
        }
        for each in found
    ]
    print_rows(rows, as_json=False, columns=("month", "kpi", "group", "value", "machines", "good data"))


@sharing.command("benchmarks")
def benchmarks(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """What was published with the enterprise's figures in it, and what was refused."""

    async def use(session: Session) -> list[contract.Benchmark]:
        request = contract.ListBenchmarksRequest(parent=required_tenant(session))
        call = partial(_stub(session).ListBenchmarks)
        return await all_pages(call, request, lambda page: page.benchmarks)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


@sharing.command("benchmark")
def benchmark(
    kpi: KpiArgument,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="Built-in asset model, or industry.")],
    kind: Annotated[GroupKind, typer.Option(help="Which of the two it is.")] = GroupKind.MODEL,
    month: Annotated[str, typer.Option(help="Such as 2026-09; the newest if empty.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """The quartiles of a group in a month, with the enterprise's own figure."""

    async def use(session: Session) -> contract.Benchmark:
        of = contract.SharingGroup(kind=_KINDS[kind], id=group)
        request = contract.GetBenchmarkRequest(parent=required_tenant(session), group=of, kpi=kpi, month=month)
        return await _stub(session).GetBenchmark(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
    else:
        _print([found], as_json=False)


def _print(found: list[contract.Benchmark], *, as_json: bool) -> None:
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    rows = [
        {
            "month": each.month,
            "kpi": each.kpi,
            "group": each.group.id,
            "quartile 1": "" if each.refusal else _shown(each.lower_quartile, each.unit),
            "median": "" if each.refusal else _shown(each.median, each.unit),
            "quartile 3": "" if each.refusal else _shown(each.upper_quartile, each.unit),
            "yours": figure(each.own_value, each.unit),
            "enterprises": "" if each.refusal else f"{each.enterprises_at_least} or more",
            "refused because": each.refusal,
        }
        for each in found
    ]
    print_rows(rows, as_json=False, columns=_QUARTILES)
    if not rows:
        messages.print(
            "Nothing was published with your figures in it yet. Months are published some days after they end."
        )
