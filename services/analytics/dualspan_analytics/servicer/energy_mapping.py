"""Messages of energy ⇄ what the model holds."""

import datetime as dt
import re

from dualspan.analytics.v1 import energy_pb2 as contract
from dualspan_analytics.calendars.model import Daily
from dualspan_analytics.energy.carbon import EmissionFactor
from dualspan_analytics.energy.errors import bad_tariff
from dualspan_analytics.energy.profile import Shaving
from dualspan_analytics.energy.tariffs import Rate, Tariff, Window
from dualspan_analytics.energy.use import Use
from dualspan_analytics.service.energy import Peak, Profiled, Span, Used
from dualspan_analytics.servicer.times import read_time, write_length
from dualspan_runtime.names import ResourceName

TARIFF = ResourceName("tenants/{tenant}/tariffs/{tariff}")
EMISSION_FACTOR = ResourceName("tenants/{tenant}/emissionFactors/{emission_factor}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_EVERY_DAY = tuple(range(7))


def span(request: contract.QueryLoadProfileRequest | contract.QueryEnergyUseRequest) -> Span:
    """What is asked about; raises InvalidArgument."""
    return Span(request.asset, read_time(request, "start_time"), read_time(request, "end_time"), request.modulus)


def tariff(message: contract.Tariff, tariff_id: str) -> Tariff:
    """A tariff; raises InvalidArgument `BAD_TARIFF`."""
    return Tariff(
        id=tariff_id,
        display_name=message.display_name,
        time_zone=message.time_zone,
        currency=message.currency,
        rates=tuple(Rate(rate.display_name, rate.price) for rate in message.rates),
        windows=tuple(_window(window) for window in message.windows),
        default_rate=message.default_rate,
        holidays=tuple(_date(day) for day in message.holidays),
        demand_price=message.demand_price,
    )


def tariff_message(tenant: str, model: Tariff) -> contract.Tariff:
    """A tariff as a message."""
    return contract.Tariff(
        name=TARIFF.format(tenant=tenant, tariff=model.id),
        display_name=model.display_name,
        time_zone=model.time_zone,
        currency=model.currency,
        rates=[contract.Tariff.Rate(display_name=rate.name, price=rate.price) for rate in model.rates],
        windows=[
            contract.Tariff.Window(
                rate=window.rate,
                start=_clock(window.hours.start_minute),
                end=_clock(window.hours.end_minute),
                weekdays=[day + 1 for day in window.hours.weekdays],
                months=window.months,
            )
            for window in model.windows
        ],
        default_rate=model.default_rate,
        holidays=[day.isoformat() for day in model.holidays],
        demand_price=model.demand_price,
    )


def factor(message: contract.EmissionFactor, factor_id: str) -> EmissionFactor:
    """An emission factor of a tenant."""
    return EmissionFactor(
        region=message.region,
        year=message.year,
        version=message.version or factor_id,
        value=message.value,
        gas=message.gas,
        source=message.source,
        display_name=message.display_name,
        id=factor_id,
    )


def factor_message(tenant: str, model: EmissionFactor) -> contract.EmissionFactor:
    """An emission factor as a message."""
    return contract.EmissionFactor(
        name=EMISSION_FACTOR.format(tenant=tenant, emission_factor=model.id) if model.id else "",
        region=model.region,
        display_name=model.display_name,
        year=model.year,
        value=model.value,
        gas=model.gas,
        source=model.source,
        version=model.version,
    )


def profile(model: Profiled) -> contract.QueryLoadProfileResponse:
    """A load profile, in columns."""
    found = model.profile
    return contract.QueryLoadProfileResponse(
        start=found.edges[:-1].tolist(),
        power=found.power.tolist(),
        energy=found.energy.tolist(),
        good_share=found.good_share.tolist(),
        base_load=found.base_load,
        peak=found.peak,
        load_factor=found.load_factor,
        total=model.total,
        base_share=model.base_share,
        peaks=[_peak(peak) for peak in model.peaks],
        shavings=[_shaving(shaving) for shaving in model.shavings],
        total_good_share=model.good_share,
        assets=model.assets,
        notes=model.notes,
    )


def used(tenant: str, model: Used) -> contract.QueryEnergyUseResponse:
    """Energy by machine."""
    return contract.QueryEnergyUseResponse(
        uses=[_use(asset, use) for asset, use in model.uses.items()],
        total=_use("", model.total),
        rate_names=[rate.name for rate in model.tariff.rates] if model.tariff else [],
        currency=model.tariff.currency if model.tariff else "",
        demand_cost=model.demand,
        emission_factor=factor_message(tenant, model.factor) if model.factor else None,
        notes=model.notes,
    )


def _use(asset: str, model: Use) -> contract.QueryEnergyUseResponse.Use:
    return contract.QueryEnergyUseResponse.Use(
        asset=asset,
        energy=model.energy,
        good_share=model.good_share,
        rates=model.rates,
        cost=model.cost,
        carbon=model.carbon,
        units=model.units,
        energy_per_unit=model.energy_per_unit,
        notes=model.notes,
    )


def _peak(model: Peak) -> contract.QueryLoadProfileResponse.Peak:
    parts = [contract.QueryLoadProfileResponse.Part(asset=asset, power=power) for asset, power in model.parts]
    return contract.QueryLoadProfileResponse.Peak(interval=model.interval, power=model.power, parts=parts)


def _shaving(model: Shaving) -> contract.QueryLoadProfileResponse.Shaving:
    return contract.QueryLoadProfileResponse.Shaving(
        limit=model.limit,
        intervals=model.intervals,
        energy=model.energy,
        power=model.power,
        longest=write_length(model.longest_us),
        capacity=model.capacity,
    )


def _window(message: contract.Tariff.Window) -> Window:
    weekdays = tuple(day - 1 for day in message.weekdays) or _EVERY_DAY
    return Window(message.rate, Daily(_minute(message.start), _minute(message.end), weekdays), tuple(message.months))


def _minute(text: str) -> int:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise bad_tariff(f"{text[:20]!r} is no time of the day, such as 06:00")
    return int(found[1]) * 60 + int(found[2])


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as err:
        raise bad_tariff(f"{text[:20]!r} is no day, such as 2026-10-01") from err
