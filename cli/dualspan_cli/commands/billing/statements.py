"""`dualspan statements list|show|download|time-zone|adjust`."""

from __future__ import annotations

import math
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.marketplace.v1 import billing_pb2 as contract
from dualspan.marketplace.v1.billing_pb2_grpc import BillingServiceStub
from dualspan_cli.commands.billing.using import dimension_of
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows, screen
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.billing_pb2_grpc import BillingServiceAsyncStub

StatementArgument = Annotated[
    str, typer.Argument(metavar="NUMBER", help="Number of a closed statement; current: that of the open month.")
]
_LIST = ("number", "from", "to", "time_zone", "closed", "total")
_LINES = ("kind", "subscription", "plan", "what", "quantity", "unit", "price", "amount")


class Language(StrEnum):
    """Languages of statements."""

    EN = "en"
    ZH = "zh"


def list_all(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List closed statements, the newest first."""

    async def use(session: Session) -> list[contract.Statement]:
        request = contract.ListStatementsRequest(parent=required_tenant(session), page_size=100)
        return await all_pages(_stub(session).ListStatements, request, lambda page: page.statements)

    found = with_session(use, tenant=tenant, data=data)
    print_rows([as_dict(each) if as_json else _row(each) for each in found], as_json=as_json, columns=_LIST)


def show(
    number: StatementArgument = "current", tenant: TenantOption = "", data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Show a statement with its lines, and KPIs before the apps and with them."""

    async def use(session: Session) -> contract.Statement:
        return await _stub(session).GetStatement(contract.GetStatementRequest(name=_name(session, number)))

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    state = f"number {found.number:06d}" if found.number else "open: as if the month ended now"
    screen.print(f"{_time(found, 'start')} – {_time(found, 'end')} UTC ({found.time_zone}), {state}")
    print_rows([_line(each) for each in found.lines], as_json=False, columns=_LINES)
    screen.print(f"Total: {_total(found)}")
    for each in found.comparisons:
        screen.print(_comparison(each), soft_wrap=True, markup=False)


def download(
    number: StatementArgument,
    out: Annotated[Path | None, typer.Option("--out", help="File to write, .pdf or .csv; else its own name.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, for programs; PDF if not given.")] = False,
    language: Annotated[Language, typer.Option(help="Of the PDF.")] = Language.EN,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a statement as PDF or CSV."""
    wants_csv = as_csv or (out is not None and out.suffix == ".csv")

    async def use(session: Session) -> contract.DownloadStatementResponse:
        request = contract.DownloadStatementRequest(
            name=_name(session, number),
            format=contract.STATEMENT_FORMAT_CSV if wants_csv else contract.STATEMENT_FORMAT_PDF,
            language=contract.STATEMENT_LANGUAGE_ZH if language is Language.ZH else contract.STATEMENT_LANGUAGE_EN,
        )
        return await _stub(session).DownloadStatement(request)

    file = with_session(use, tenant=tenant, data=data)
    path = out or Path(file.file_name)
    try:
        path.write_bytes(file.content)
    except OSError as err:
        raise CommandError("FILE_UNWRITABLE", f"{path} cannot be written: {err.strerror}.", exit_code=2) from err
    if as_json:
        print_json({"file": str(path), "bytes": len(file.content), "media_type": file.media_type})
    else:
        messages.print(f"Written to {path}.", soft_wrap=True)


def time_zone(
    zone: Annotated[str, typer.Argument(metavar="[ZONE]", help="IANA name, such as Asia/Shanghai.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show where the months of statements begin and end, or choose another time zone."""

    async def use(session: Session) -> contract.BillingAccount:
        name = f"{required_tenant(session)}/billingAccount"
        if not zone:
            return await _stub(session).GetBillingAccount(contract.GetBillingAccountRequest(name=name))
        wanted = contract.BillingAccount(name=name, time_zone=zone)
        return await _stub(session).UpdateBillingAccount(contract.UpdateBillingAccountRequest(billing_account=wanted))

    found = with_session(use, tenant=tenant, data=data)
    print_done(f"Months of statements are those of {found.time_zone}.", found, as_json=as_json)


def adjust(
    number: StatementArgument,
    adjustment_id: Annotated[str, typer.Argument(metavar="ID", help="Chosen by you; asked twice, it is done once.")],
    amount: Annotated[str, typer.Option(help="In the currency's smallest unit; -500 gives 5.00 CNY back.")],
    currency: Annotated[str, typer.Option(help="ISO 4217, such as CNY.")],
    reason: Annotated[str, typer.Option(help="Why; stands on the next statement.")],
    subscription: Annotated[str, typer.Option(help="That it is about; the whole statement if not given.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Have the next statement give money back, or ask for more. By someone of the platform."""
    given = contract.Adjustment(
        subscription=subscription,
        amount=contract.Amount(currency=currency, minor_units=_minor_units(amount)),
        reason=reason,
    )

    async def use(session: Session) -> contract.Adjustment:
        request = contract.CreateAdjustmentRequest(
            parent=_name(session, number), adjustment_id=adjustment_id, adjustment=given
        )
        return await _stub(session).CreateAdjustment(request)

    made = with_session(use, tenant=tenant, data=data)
    print_done("The next statement has a line of it.", made, as_json=as_json)


def _minor_units(text: str) -> int:
    try:
        return int(text)
    except ValueError as err:
        words = f"{text!r} is no amount: write it in the currency's smallest unit, as a whole number."
        raise CommandError("USAGE", words, exit_code=2) from err


def _name(session: Session, number: str) -> str:
    return f"{required_tenant(session)}/statements/{number.lstrip('0') or number}"


def _row(each: contract.Statement) -> dict[str, object]:
    return {
        "number": f"{each.number:06d}",
        "from": _time(each, "start"),
        "to": _time(each, "end"),
        "time_zone": each.time_zone,
        "closed": f"{each.close_time.ToDatetime(UTC):%Y-%m-%d %H:%M}",
        "total": _total(each),
    }


def _line(each: contract.StatementLine) -> dict[str, object]:
    return {
        "kind": contract.StatementLineKind.Name(each.kind).removeprefix("STATEMENT_LINE_KIND_").lower(),
        "subscription": each.subscription,
        "plan": each.plan,
        "what": dimension_of(each.dimension) if each.dimension else each.reason,
        "quantity": f"{each.quantity:,.6f}".rstrip("0").rstrip(".") if each.unit else "",
        "unit": each.unit,
        "price": f"{each.price_micros / 1e6:.6f}".rstrip("0").rstrip(".") if each.price_micros else "",
        "amount": _money(each.amount) if each.HasField("amount") else "",
    }


def _total(each: contract.Statement) -> str:
    return ", ".join(map(_money, each.totals)) or "nothing to pay"


def _money(given: contract.Amount) -> str:
    from dualspan_marketplace.usage.money import shown

    return f"{shown(given.minor_units, given.currency)} {given.currency}"


def _comparison(each: contract.KpiComparison) -> str:
    before, after = (_figure(value, each.unit) for value in (each.before, each.after))
    shares = f"good data {each.before_good_share:.0%} and {each.after_good_share:.0%}"
    words = f"{each.subscription}: {each.kpi} was {before} before the app and is {after} with it ({shares})."
    return f"{words} {each.doubt}".rstrip()


def _figure(value: float, unit: str) -> str:
    return "not known" if math.isnan(value) else f"{value:.3f} {unit}".rstrip()


def _time(each: contract.Statement, which: str) -> str:
    given = each.start_time if which == "start" else each.end_time
    return f"{given.ToDatetime(UTC):%Y-%m-%d %H:%M}"


def _stub(session: Session) -> BillingServiceAsyncStub:
    return BillingServiceStub(session.marketplace_channel)
