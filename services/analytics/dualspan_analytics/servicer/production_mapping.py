"""Calendars, machine profiles and KPIs ⇄ messages."""

import datetime as dt
import re
from typing import cast, get_args

from dualspan.analytics.v1 import calendars_pb2, kpis_pb2, states_pb2
from dualspan_analytics.calendars.errors import bad_calendar
from dualspan_analytics.calendars.model import Calendar, Daily, Holiday, PlannedStop, Shift
from dualspan_analytics.kpis.profile import Counter, Profile, Rule, RunTime, Source, SourceKind, StateValue
from dualspan_analytics.service.definitions import CustomKpi
from dualspan_analytics.servicer.times import read_length, write_length
from dualspan_analytics.states.model import Element, State, StopReason
from dualspan_runtime.names import ResourceName

CALENDAR = ResourceName("tenants/{tenant}/calendars/{calendar}")
MACHINE_PROFILE = ResourceName("tenants/{tenant}/machineProfiles/{machine_profile}")
STOP_NOTE = ResourceName("tenants/{tenant}/stopNotes/{stop_note}", stop_note="[0-9]{1,18}")
KPI = ResourceName("tenants/{tenant}/kpis/{kpi}")

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_COUNTERS = ("good", "scrap", "rework", "total", "energy")


def read_calendar(given: calendars_pb2.Calendar) -> Calendar:
    """A calendar; raises InvalidArgument where a time or a date is none."""
    return Calendar(
        id=CALENDAR.parse(given.name)["calendar"],
        display_name=given.display_name,
        time_zone=given.time_zone,
        shifts=tuple(Shift(each.display_name, _read_span(each.span)) for each in given.shifts),
        planned_stops=tuple(PlannedStop(each.display_name, _read_span(each.span)) for each in given.planned_stops),
        holidays=tuple(Holiday(_read_date(each.date), each.display_name) for each in given.holidays),
        assets=tuple(given.assets),
    )


def write_calendar(tenant: str, given: Calendar) -> calendars_pb2.Calendar:
    """A calendar as a message."""
    message = calendars_pb2.Calendar
    return message(
        name=CALENDAR.format(tenant=tenant, calendar=given.id),
        display_name=given.display_name,
        time_zone=given.time_zone,
        shifts=[message.Shift(display_name=each.name, span=_write_span(each.hours)) for each in given.shifts],
        planned_stops=[
            message.PlannedStop(display_name=each.name, span=_write_span(each.hours)) for each in given.planned_stops
        ],
        holidays=[message.Holiday(date=each.date.isoformat(), display_name=each.name) for each in given.holidays],
        assets=given.assets,
    )


def _read_span(given: calendars_pb2.DailySpan) -> Daily:
    return Daily(
        _read_clock(given.start),
        _read_clock(given.end),
        tuple(sorted({day - 1 for day in given.weekdays})),
        tuple(sorted({_read_date(date) for date in given.dates})),
    )


def _write_span(given: Daily) -> calendars_pb2.DailySpan:
    return calendars_pb2.DailySpan(
        start=f"{given.start_minute // 60:02}:{given.start_minute % 60:02}",
        end=f"{given.end_minute // 60:02}:{given.end_minute % 60:02}",
        weekdays=[day + 1 for day in given.weekdays],
        dates=[date.isoformat() for date in given.dates],
    )


def _read_clock(text: str) -> int:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise bad_calendar(f"{text[:20]!r} is no time of the day; write it as 06:00, from 00:00 to 23:59")
    return int(found[1]) * 60 + int(found[2])


def _read_date(text: str) -> dt.date:
    try:
        found = dt.date.fromisoformat(text)
    except ValueError as err:
        raise bad_calendar(f"{text[:20]!r} is no day; write it as 2026-12-25") from err
    if not 1970 <= found.year <= 2200:
        raise bad_calendar(f"{text[:20]!r} is not from 1970 to 2200")
    return found


def read_profile(given: states_pb2.MachineProfile) -> Profile:
    """A machine profile."""
    counters = {name: Counter(each.property, each.modulus) for name in _COUNTERS for each in (getattr(given, name),)}
    return Profile(
        id=MACHINE_PROFILE.parse(given.name)["machine_profile"],
        display_name=given.display_name,
        assets=tuple(given.assets),
        models=tuple(given.models),
        states=tuple(State(each.id, each.display_name or each.id, Element(each.element)) for each in given.states),
        source=_read_source(given),
        reason_property=given.reason_property,
        reasons=tuple(
            StopReason(each.code, each.display_name or each.code, Element(each.element)) for each in given.reasons
        ),
        minor_stop_us=read_length(given.minor_stop, "minor_stop"),
        product_property=given.product_property,
        order_property=given.order_property,
        run_times=tuple(RunTime(each.product, read_length(each.per_item, "per_item")) for each in given.run_times),
        rate_property=given.rate_property,
        **counters,
    )


def _read_source(given: states_pb2.MachineProfile) -> Source | None:
    kind = given.WhichOneof("source")
    if kind not in get_args(SourceKind):
        return None
    if kind == "rules":
        rules = tuple(Rule(each.when, each.state) for each in given.rules.rules)
        return Source("rules", rules=rules, otherwise=given.rules.otherwise)
    if kind == "packml":
        return Source("packml", given.packml.property)
    values = tuple(StateValue(each.value, each.state) for each in given.values.values)
    return Source(cast("SourceKind", kind), given.values.property, values)


def write_profile(tenant: str, given: Profile) -> states_pb2.MachineProfile:
    """A machine profile as a message."""
    message = states_pb2.MachineProfile
    found = message(
        name=MACHINE_PROFILE.format(tenant=tenant, machine_profile=given.id),
        display_name=given.display_name,
        assets=given.assets,
        models=given.models,
        states=[
            message.State(id=each.id, display_name=each.display_name, element=element(each.element))
            for each in given.states
        ],
        reason_property=given.reason_property,
        reasons=[
            message.Reason(code=each.code, display_name=each.display_name, element=element(each.element))
            for each in given.reasons
        ],
        minor_stop=write_length(given.minor_stop_us) if given.minor_stop_us else None,
        product_property=given.product_property,
        order_property=given.order_property,
        run_times=[
            message.RunTime(product=each.product, per_item=write_length(each.per_item_us)) for each in given.run_times
        ],
        rate_property=given.rate_property,
    )
    for name in _COUNTERS:
        counter: Counter = getattr(given, name)
        if counter.property or counter.modulus:
            getattr(found, name).CopyFrom(message.Counter(property=counter.property, modulus=counter.modulus))
    _write_source(found, given.source)
    return found


def _write_source(message: states_pb2.MachineProfile, source: Source | None) -> None:
    if source is None:
        return
    if source.kind == "packml":
        message.packml.property = source.property
        message.packml.SetInParent()
    elif source.kind == "rules":
        message.rules.otherwise = source.otherwise
        message.rules.rules.extend(
            states_pb2.MachineProfile.Rule(when=each.when, state=each.state) for each in source.rules
        )
    else:
        message.values.property = source.property
        message.values.values.extend(
            states_pb2.MachineProfile.StateValue(value=each.value, state=each.state) for each in source.values
        )


def element(given: Element) -> states_pb2.TimeElement.ValueType:
    """A time element; the numbers are the same."""
    return cast("states_pb2.TimeElement.ValueType", int(given))


def read_kpi(given: kpis_pb2.Kpi) -> CustomKpi:
    """A custom KPI."""
    return CustomKpi(KPI.parse(given.name)["kpi"], given.display_name, given.formula, given.unit)


def write_kpi(tenant: str, given: CustomKpi, *, standard: bool) -> kpis_pb2.Kpi:
    """A KPI as a message."""
    return kpis_pb2.Kpi(
        name=KPI.format(tenant=tenant, kpi=given.id),
        display_name=given.display_name,
        formula=given.formula,
        unit=given.unit,
        standard=standard,
    )
