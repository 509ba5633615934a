"""`dualspan analytics energy …`: load profiles, what energy was used for, tariffs and emission factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from google.protobuf.json_format import ParseDict, ParseError

from dualspan.analytics.v1 import energy_pb2 as contract
from dualspan.analytics.v1.energy_pb2_grpc import EnergyServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows, screen
from dualspan_cli.plotting import Line, plot
from dualspan_cli.session import Session
from dualspan_cli.times import format_time, parse_duration, parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.energy_pb2_grpc import EnergyServiceAsyncStub

energy = typer.Typer(help="Load profiles, energy use, tariffs and emission factors.", no_args_is_help=True)
tariffs = typer.Typer(help="What electricity costs, by local time.", no_args_is_help=True)
factors = typer.Typer(help="What a kWh emits, by region and year.", no_args_is_help=True)
energy.add_typer(tariffs, name="tariffs")
energy.add_typer(factors, name="factors")
_WIDEST = 140

AssetArgument = Annotated[
    str, typer.Argument(metavar="[ASSET]", help="Asset and what is below it; everything if not given.")
]
FromOption = Annotated[str, typer.Option("--from", help="-1d, -7d, 2026-05-04T00:00:00+08:00; included.")]
ToOption = Annotated[str, typer.Option("--to", help="now, -1h, 2026-05-11T00:00:00+08:00; not included.")]
ModulusOption = Annotated[float, typer.Option(help="Where meters begin again with 0; 0: never.")]


def _stub(session: Session) -> EnergyServiceAsyncStub:
    return EnergyServiceStub(session.analytics_channel)


@energy.command("profile")
def profile(
    asset: AssetArgument = "",
    start: FromOption = "-1d",
    end: ToOption = "now",
    interval: Annotated[str, typer.Option(help="Length of the intervals, such as 15m.")] = "15m",
    limit: Annotated[
        list[float] | None, typer.Option(help="A limit in kW that a hint is wanted for; repeatable.")
    ] = None,
    peaks: Annotated[int, typer.Option(min=1, max=100, help="How many peaks.")] = 5,
    modulus: ModulusOption = 0.0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Mean power by interval, base load, peaks, and what lower limits would have needed."""
    request = contract.QueryLoadProfileRequest(asset=asset, limits=limit or (), peaks=peaks, modulus=modulus)
    request.interval.FromTimedelta(timedelta(seconds=parse_duration(interval)))
    _set_span(request, start, end)

    async def use(session: Session) -> contract.QueryLoadProfileResponse:
        request.parent = session.tenant
        return await _stub(session).QueryLoadProfile(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    base = [found.base_load] * len(found.power)
    marked = {peak.interval for peak in found.peaks}
    screen.print(f"[bold]kW[/] of {', '.join(found.assets)}, peaks marked, base load as a line", soft_wrap=True)
    screen.print(plot(found.power, marked, [Line(base, "─", "green")], width=min(screen.width, _WIDEST)), end="")
    base_words = f"base load {_number(found.base_load)} kW ({_share(found.base_share)} of the energy)"
    peak_words = f"peak {_number(found.peak)} kW, load factor {_share(found.load_factor)}"
    screen.print(f"{_number(found.total)} kWh; {base_words}, {peak_words}; good data {found.total_good_share:.1%}.")
    _print_peaks(found)
    _print_notes(found.notes)


@energy.command("use")
def use_of(
    asset: AssetArgument = "",
    start: FromOption = "-7d",
    end: ToOption = "now",
    tariff: Annotated[str, typer.Option(help="Id of the tariff that says what it costs.")] = "",
    region: Annotated[str, typer.Option(help="Region whose emission factor counts, such as CN-GD.")] = "",
    units: Annotated[str, typer.Option(help="Counter of what is made.")] = "good-count",
    modulus: ModulusOption = 0.0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Energy by machine: per unit, by tariff period, with cost and carbon."""
    request = contract.QueryEnergyUseRequest(
        asset=asset, tariff=tariff, region=region, unit_property=units, modulus=modulus
    )
    _set_span(request, start, end)

    async def use(session: Session) -> contract.QueryEnergyUseResponse:
        request.parent = session.tenant
        return await _stub(session).QueryEnergyUse(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [_use_row(one, found) for one in (*found.uses, found.total)]
    columns = ["asset", "kWh", *found.rate_names, *([found.currency] if found.currency else [])]
    columns += ["kg CO2"] * bool(region) + ["units", "kWh each", "good data"]
    print_rows(rows, as_json=False, columns=columns)
    if found.currency and found.demand_cost:
        screen.print(f"Demand costs {found.demand_cost:,.2f} {found.currency} besides.")
    if found.HasField("emission_factor"):
        factor = found.emission_factor
        words = f"{factor.value:.4f} kg {factor.gas} per kWh, {factor.region} {factor.year}, {factor.version}"
        screen.print(f"Emission factor: {words}. Source: {factor.source}.", soft_wrap=True)
    _print_notes(
        [*found.notes, *(f"{one.asset or 'sum'}: {note}" for one in (*found.uses, found.total) for note in one.notes)]
    )


@tariffs.command("list")
def list_tariffs(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List tariffs."""

    async def use(session: Session) -> list[contract.Tariff]:
        request = contract.ListTariffsRequest(parent=session.tenant, page_size=1000)
        return list((await _stub(session).ListTariffs(request)).tariffs)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(one) for one in found])
        return
    rows = [
        {
            "tariff": one.name.rpartition("/")[2],
            "name": one.display_name,
            "time_zone": one.time_zone,
            "rates": ", ".join(f"{rate.display_name} {rate.price:g}" for rate in one.rates),
            "currency": one.currency,
        }
        for one in found
    ]
    print_rows(rows, as_json=False, columns=("tariff", "name", "time_zone", "rates", "currency"))


@tariffs.command("set")
def set_tariff(
    tariff: Annotated[str, typer.Argument(help="Id of the tariff.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML or JSON, as `tariffs list --json`.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a tariff from a file, or replace it."""
    message = contract.Tariff()
    _parse(file, message)

    async def use(session: Session) -> contract.Tariff:
        message.name = f"{session.tenant}/tariffs/{tariff}"
        return await _stub(session).UpdateTariff(contract.UpdateTariffRequest(tariff=message))

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"Tariff {tariff} is stored.", made, as_json=as_json)


@tariffs.command("delete")
def delete_tariff(
    tariff: Annotated[str, typer.Argument(help="Id of the tariff.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete a tariff."""

    async def use(session: Session) -> None:
        name = f"{session.tenant}/tariffs/{tariff}"
        await _stub(session).DeleteTariff(contract.DeleteTariffRequest(name=name))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Tariff {tariff} is deleted.", {"deleted": tariff}, as_json=as_json)


@factors.command("list")
def list_factors(
    region: Annotated[str, typer.Argument(help="Only regions that begin with this, such as CN.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List emission factors with their sources."""

    async def use(session: Session) -> list[contract.EmissionFactor]:
        request = contract.ListEmissionFactorsRequest(parent=session.tenant, region=region, page_size=1000)
        return list((await _stub(session).ListEmissionFactors(request)).emission_factors)

    found = with_session(use, tenant=tenant, data=data)
    rows = [{**as_dict(one), "kg_per_kWh": f"{one.value:.4f}"} for one in found]
    columns = ("region", "display_name", "year", "kg_per_kWh", "gas", "version", "source")
    print_rows(rows, as_json=as_json, columns=columns)


@factors.command("set")
def set_factor(
    factor: Annotated[str, typer.Argument(help="Id of the factor.")],
    region: Annotated[str, typer.Option(help="Region, such as CN-GD.")],
    year: Annotated[int, typer.Option(help="For which it was found.")],
    value: Annotated[float, typer.Option(help="kg per kWh.")],
    source: Annotated[str, typer.Option(help="Who published it, and where.")],
    gas: Annotated[str, typer.Option(help="CO2, or CO2e with other greenhouse gases in it.")] = "CO2",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add an emission factor of your own, such as that of a supply contract, or replace it."""

    async def use(session: Session) -> contract.EmissionFactor:
        name = f"{session.tenant}/emissionFactors/{factor}"
        given = contract.EmissionFactor(name=name, region=region, year=year, value=value, gas=gas, source=source)
        return await _stub(session).UpdateEmissionFactor(contract.UpdateEmissionFactorRequest(emission_factor=given))

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"Emission factor {factor} is stored.", made, as_json=as_json)


@factors.command("delete")
def delete_factor(
    factor: Annotated[str, typer.Argument(help="Id of the factor.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete an emission factor of your own."""

    async def use(session: Session) -> None:
        name = f"{session.tenant}/emissionFactors/{factor}"
        await _stub(session).DeleteEmissionFactor(contract.DeleteEmissionFactorRequest(name=name))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Emission factor {factor} is deleted.", {"deleted": factor}, as_json=as_json)


def _print_peaks(found: contract.QueryLoadProfileResponse) -> None:
    rows = [
        {
            "peak": format_time(found.start[peak.interval])[:16] + "Z",
            "kW": _number(peak.power),
            "most": ", ".join(f"{part.asset} {_number(part.power)}" for part in peak.parts),
        }
        for peak in found.peaks
    ]
    print_rows(rows, as_json=False, columns=("peak", "kW", "most"))
    hints = [
        {
            "limit_kW": _number(one.limit),
            "intervals_above": one.intervals,
            "kWh_to_shift": _number(one.energy),
            "kW_to_drop": _number(one.power),
            "longest": str(one.longest.ToTimedelta()),
            "store_kWh": "no store would do" if math.isnan(one.capacity) else _number(one.capacity),
        }
        for one in found.shavings
    ]
    columns = ("limit_kW", "intervals_above", "kWh_to_shift", "kW_to_drop", "longest", "store_kWh")
    print_rows(hints, as_json=False, columns=columns)


def _use_row(one: contract.QueryEnergyUseResponse.Use, found: contract.QueryEnergyUseResponse) -> dict[str, object]:
    row: dict[str, object] = {
        "asset": one.asset or "sum",
        "kWh": _number(one.energy),
        "kg CO2": _number(one.carbon),
        "units": _number(one.units),
        "kWh each": _number(one.energy_per_unit),
        "good data": f"{one.good_share:.1%}",
    }
    row |= {name: _number(value) for name, value in zip(found.rate_names, one.rates, strict=True)}
    return row | {found.currency: _number(one.cost)}


def _print_notes(notes: Sequence[str]) -> None:
    for note in notes:
        messages.print(f"[yellow]note:[/] {note}")


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def _set_span(request: contract.QueryLoadProfileRequest | contract.QueryEnergyUseRequest, start: str, end: str) -> None:
    now = datetime.now(UTC)
    request.start_time.FromMicroseconds(parse_time(start, now))
    request.end_time.FromMicroseconds(parse_time(end, now))


def _parse(file: Path, message: Any) -> None:
    import yaml

    try:
        ParseDict(yaml.safe_load(file.read_text(encoding="utf-8")), message)
    except (yaml.YAMLError, ParseError, UnicodeDecodeError, TypeError, AttributeError) as err:
        raise CommandError("BAD_FILE", f"{file} is not as it should be: {err}", exit_code=2) from err
