"""`dualspan analytics calendar|profile …`: when plants are to run, and how machines' states are known."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import calendars_pb2, states_pb2
from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, print_done, print_messages, print_rows
from dualspan_cli.session import Session
from dualspan_cli.times import parse_duration, parse_time

if TYPE_CHECKING:  # exist in the stub files only
    from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceAsyncStub
    from dualspan.analytics.v1.states_pb2_grpc import StateServiceAsyncStub

calendar = typer.Typer(help="Shifts, planned stops and holidays of sites.", no_args_is_help=True)
profile = typer.Typer(help="How the states and quantities of machines are known.", no_args_is_help=True)

_SPAN = re.compile(r"(?P<name>[^=]*)=(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?:@(?P<days>[0-9,-]+))?")
_WEEKDAYS = frozenset("1234567")
_ELEMENTS = {"production": 1, "setup": 2, "delay": 3, "down": 4, "planned-down": 5}
_COUNTERS = ("good", "scrap", "rework", "total", "energy")
_PROPERTIES = ("state", "reason", "product", "order", "rate")
FromOption = Annotated[str, typer.Option("--from", help="-7d, 2026-05-04T06:00:00Z; included.")]
ToOption = Annotated[str, typer.Option("--to", help="now, -1h, 2026-05-04T14:00:00Z; not included.")]
AssetsArgument = Annotated[list[str] | None, typer.Argument(help="Sites, lines or machines; all if none is named.")]
AssetsOption = Annotated[list[str] | None, typer.Option("--asset", help="Asset that it is for; repeatable.")]


def calendars(session: Session) -> CalendarServiceAsyncStub:
    """The calls of calendars."""
    return CalendarServiceStub(session.analytics_channel)


def states(session: Session) -> StateServiceAsyncStub:
    """The calls of states."""
    return StateServiceStub(session.analytics_channel)


def time_of(text: str) -> Timestamp:
    """A time as people type it."""
    message = Timestamp()
    message.FromMicroseconds(parse_time(text, datetime.now(UTC)))
    return message


@calendar.command("set")
def set_calendar(
    calendar_id: Annotated[str, typer.Argument(metavar="CALENDAR", help="Id, such as works.")],
    zone: Annotated[str, typer.Option("--zone", help="IANA time zone, such as Asia/Shanghai.")],
    shift: Annotated[list[str], typer.Option(help="NAME=06:00-14:00@1-5; 1 is Monday, all days without @.")],
    asset: AssetsOption = None,
    stop: Annotated[list[str] | None, typer.Option("--break", help="Planned stop: lunch=12:00-12:30@1-5.")] = None,
    holiday: Annotated[list[str] | None, typer.Option(help="2026-12-25=Christmas; no weekly shift begins.")] = None,
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a working calendar, or replace it."""
    message = calendars_pb2.Calendar
    given = message(
        display_name=name,
        time_zone=zone,
        shifts=[message.Shift(display_name=label, span=span) for label, span in map(_span, shift)],
        planned_stops=[message.PlannedStop(display_name=label, span=span) for label, span in map(_span, stop or [])],
        holidays=[
            message.Holiday(date=date, display_name=label)
            for date, _, label in (h.partition("=") for h in holiday or [])
        ],
        assets=asset or [],
    )

    async def use(session: Session) -> calendars_pb2.Calendar:
        given.name = f"{session.tenant}/calendars/{calendar_id}"
        return await calendars(session).UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=given))

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"Calendar {calendar_id} is set: {len(made.shifts)} shifts in {made.time_zone}.", made, as_json=as_json)


@calendar.command("list")
def list_calendars(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List working calendars."""

    async def use(session: Session) -> list[calendars_pb2.Calendar]:
        request = calendars_pb2.ListCalendarsRequest(parent=session.tenant, page_size=1000)
        return list((await calendars(session).ListCalendars(request)).calendars)

    found = with_session(use, tenant=tenant, data=data)
    print_messages(found, as_json=as_json, columns=("name", "display_name", "time_zone", "assets"))


@calendar.command("shifts")
def list_shifts(
    calendar_id: Annotated[str, typer.Argument(metavar="CALENDAR", help="Id of the calendar.")],
    start: Annotated[str, typer.Option("--from", help="-7d, 2026-05-04T06:00:00Z.")] = "-1d",
    end: Annotated[str, typer.Option("--to", help="+7d, now.")] = "+7d",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List shifts as they occur, right across changes of the clock."""

    async def use(session: Session) -> list[calendars_pb2.ListShiftsResponse.Occurrence]:
        name = f"{session.tenant}/calendars/{calendar_id}"
        request = calendars_pb2.ListShiftsRequest(name=name, start_time=time_of(start), end_time=time_of(end))
        return list((await calendars(session).ListShifts(request)).occurrences)

    found = with_session(use, tenant=tenant, data=data)
    print_messages(found, as_json=as_json, columns=("date", "display_name", "start_time", "end_time"))


@calendar.command("delete")
def delete_calendar(
    calendar_id: Annotated[str, typer.Argument(metavar="CALENDAR", help="Id of the calendar.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete a working calendar."""

    async def use(session: Session) -> None:
        name = f"{session.tenant}/calendars/{calendar_id}"
        await calendars(session).DeleteCalendar(calendars_pb2.DeleteCalendarRequest(name=name))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Calendar {calendar_id} is deleted.", {"deleted": calendar_id}, as_json=as_json)


@profile.command("set")
def set_profile(
    profile_id: Annotated[str, typer.Argument(metavar="PROFILE", help="Id, such as moulding.")],
    asset: AssetsOption = None,
    model: Annotated[list[str] | None, typer.Option(help="Asset model that it is for; repeatable.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Value of the state property: 0=running; repeatable.")] = None,
    packml: Annotated[bool, typer.Option("--packml", help="The state property has PackML's numbers.")] = False,
    rule: Annotated[
        list[str] | None, typer.Option(help="running=EXPRESSION; the first that holds counts; repeatable.")
    ] = None,
    otherwise: Annotated[str, typer.Option(help="State where no rule holds.")] = "",
    reason: Annotated[
        list[str] | None, typer.Option(help="205=Robot fault, or 902=Maintenance:planned-down; repeatable.")
    ] = None,
    run_time: Annotated[
        list[str] | None, typer.Option(help="Planned run time per item: HA-1180=42s, or 42s for every product.")
    ] = None,
    minor_stop: Annotated[
        str, typer.Option(help="Failures shorter than this are delays, such as 30s; 15m at most.")
    ] = "",
    counter: Annotated[
        list[str] | None,
        typer.Option(help="good=PROPERTY, or good=PROPERTY@65536 where it rolls over; scrap, rework, total, energy."),
    ] = None,
    prop: Annotated[
        list[str] | None,
        typer.Option("--property", help="state=PROPERTY; reason, product, order, rate. - for none."),
    ] = None,
    define: Annotated[
        list[str] | None, typer.Option(help="A state that the asset model lacks: washing=planned-down; repeatable.")
    ] = None,
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say how the states and quantities of machines are known."""
    given = states_pb2.MachineProfile(assets=asset or [], models=model or [], display_name=name)
    _add_source(given, state or [], rule or [], otherwise, packml=packml)
    _add_properties(given, counter or [], prop or [])
    given.states.extend(_state(each) for each in define or [])
    given.reasons.extend(_reason(each) for each in reason or [])
    for each in run_time or []:
        product, _, length = each.rpartition("=")
        given.run_times.add(product=product, per_item=_length(length))
    if minor_stop:
        given.minor_stop.CopyFrom(_length(minor_stop))

    async def use(session: Session) -> states_pb2.MachineProfile:
        given.name = f"{session.tenant}/machineProfiles/{profile_id}"
        return await states(session).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=given))

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"Machine profile {profile_id} is set. Ask with `dualspan analytics kpi query`.", made, as_json=as_json)


@profile.command("list")
def list_profiles(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List machine profiles."""

    async def use(session: Session) -> list[states_pb2.MachineProfile]:
        request = states_pb2.ListMachineProfilesRequest(parent=session.tenant, page_size=1000)
        return list((await states(session).ListMachineProfiles(request)).machine_profiles)

    found = with_session(use, tenant=tenant, data=data)
    rows = [
        as_dict(each) | {"states_from": each.WhichOneof("source") or "", "reason_count": len(each.reasons)}
        for each in found
    ]
    print_rows(rows, as_json=as_json, columns=("name", "assets", "models", "states_from", "reason_count"))


@profile.command("delete")
def delete_profile(
    profile_id: Annotated[str, typer.Argument(metavar="PROFILE", help="Id of the profile.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete a machine profile."""

    async def use(session: Session) -> None:
        name = f"{session.tenant}/machineProfiles/{profile_id}"
        await states(session).DeleteMachineProfile(states_pb2.DeleteMachineProfileRequest(name=name))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Machine profile {profile_id} is deleted.", {"deleted": profile_id}, as_json=as_json)


def _span(text: str) -> tuple[str, calendars_pb2.DailySpan]:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise CommandError("BAD_SPAN", f"{text!r} is no span. Write it like early=06:00-14:00@1-5.", exit_code=2)
    span = calendars_pb2.DailySpan(start=found["start"], end=found["end"], weekdays=_days(found["days"] or "1-7"))
    return found["name"], span


def _days(text: str) -> list[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in _WEEKDAYS or (dash and last not in _WEEKDAYS):
            raise CommandError("BAD_DAYS", f"{text!r} are no weekdays. Write 1-5 or 1,3,5; 1 is Monday.", exit_code=2)
        days.update(range(int(first), int(last or first) + 1))
    return sorted(days)


def _add_source(
    given: states_pb2.MachineProfile, state: list[str], rule: list[str], otherwise: str, *, packml: bool
) -> None:
    if sum([bool(state), bool(rule), packml]) != 1:
        raise CommandError(
            "NO_SOURCE", "Say where states come from: --state, --rule or --packml, one kind.", exit_code=2
        )
    if packml:
        given.packml.SetInParent()
    for each in state:
        value, name = _pair(each, "--state 0=running")
        given.values.values.add(value=value, state=name)
    for each in rule:
        name, when = _pair(each, "--rule 'running=speed > 10'")
        given.rules.rules.add(when=when, state=name)
    if rule:
        given.rules.otherwise = otherwise


def _pair(text: str, example: str) -> tuple[str, str]:
    """What stands before and behind the first `=`."""
    first, _, rest = text.partition("=")
    if not first.strip() or not rest.strip():
        raise CommandError("BAD_PAIR", f"{text!r} lacks one of its two parts. Write it like {example}.", exit_code=2)
    return first.strip(), rest.strip()


def _add_properties(given: states_pb2.MachineProfile, counters: list[str], properties: list[str]) -> None:
    for each in counters:
        what, rest = _pair(each, "--counter good=good-count")
        name, _, modulus = rest.partition("@")
        if what not in _COUNTERS or not (modulus or "0").replace(".", "", 1).isdecimal():
            words = f"{each!r} is no counter. Write {', '.join(_COUNTERS)}, such as good=good-count@65536."
            raise CommandError("BAD_COUNTER", words, exit_code=2)
        counter: states_pb2.MachineProfile.Counter = getattr(given, what)
        counter.MergeFrom(states_pb2.MachineProfile.Counter(property=name, modulus=float(modulus or 0)))
    for each in properties:
        what, name = _pair(each, "--property reason=fault-code")
        source = given.packml if given.HasField("packml") else given.values if given.HasField("values") else None
        if what not in _PROPERTIES or (what == "state" and source is None):
            words = f"{each!r} names nothing. Write {', '.join(_PROPERTIES)}; state only with --state or --packml."
            raise CommandError("BAD_PROPERTY", words, exit_code=2)
        if what == "state" and source is not None:
            source.property = name
        else:
            setattr(given, f"{what}_property", name)


def _state(text: str) -> states_pb2.MachineProfile.State:
    name, word = _pair(text, "--define washing=planned-down")
    if word not in _ELEMENTS:
        raise CommandError("BAD_STATE", f"{word!r} is none of {', '.join(_ELEMENTS)}.", exit_code=2)
    element = states_pb2.TimeElement.ValueType(_ELEMENTS[word])
    return states_pb2.MachineProfile.State(id=name, display_name=name.capitalize(), element=element)


def _reason(text: str) -> states_pb2.MachineProfile.Reason:
    code, _, rest = text.partition("=")
    label, _, word = rest.rpartition(":") if rest.rpartition(":")[2] in _ELEMENTS else (rest, "", "")
    element = states_pb2.TimeElement.ValueType(_ELEMENTS.get(word, 0))
    return states_pb2.MachineProfile.Reason(code=code, display_name=label, element=element)


def _length(text: str) -> Duration:
    message = Duration()
    message.FromMicroseconds(round(parse_duration(text) * 1e6))
    return message
