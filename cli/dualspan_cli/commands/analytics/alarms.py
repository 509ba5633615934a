"""`dualspan analytics alarms …`: what asks for attention, what was done about it, how good the whole is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows, screen
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import format_time, parse_duration, parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceAsyncStub

alarms = typer.Typer(
    help="Alarms by ISA-18.2: rules, the list, what was done, how good they are.", no_args_is_help=True
)

PRIORITIES = {
    "low": contract.ALARM_PRIORITY_LOW,
    "medium": contract.ALARM_PRIORITY_MEDIUM,
    "high": contract.ALARM_PRIORITY_HIGH,
    "critical": contract.ALARM_PRIORITY_CRITICAL,
}
AlarmArgument = Annotated[str, typer.Argument(help="The alarm's id, from the list.")]
CommentOption = Annotated[str, typer.Option("--comment", "-m", help="For those who come after you.")]
_COLUMNS = ("alarm", "priority", "state", "message", "value", "raised")
_HISTORY = ("time", "alarm", "cause", "state", "value", "by", "comment")
_MEASURES = ("measure", "value", "advised", "met")


def stub_of(session: Session) -> AlarmServiceAsyncStub:
    """The service, as whoever is signed in."""
    return AlarmServiceStub(session.analytics_channel)


def rule_name(session: Session, rule: str) -> str:
    """The full name of a rule."""
    return rule if rule.startswith("tenants/") else f"{required_tenant(session)}/alarmRules/{rule}"


def _alarm_name(session: Session, alarm: str) -> str:
    return alarm if alarm.startswith("tenants/") else f"{required_tenant(session)}/alarms/{alarm}"


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _word(name: str) -> str:
    for prefix in ("ALARM_STATE_", "ALARM_PRIORITY_", "ALARM_CAUSE_"):
        name = name.removeprefix(prefix)
    return name.lower().replace("_", " ")


def _number(value: float) -> str:
    return "" if value != value else f"{value:g}"  # noqa: PLR0124 - not a number: there is none


def _row(alarm: contract.Alarm) -> dict[str, str]:
    return {
        "alarm": _id(alarm.name),
        "priority": _word(contract.AlarmPriority.Name(alarm.priority)) + (" ↑" if alarm.escalated else ""),
        "state": _word(contract.AlarmState.Name(alarm.state)),
        "message": alarm.message,
        "value": _number(alarm.value),
        "raised": format_time(alarm.raise_time.ToMicroseconds())[:19] if alarm.HasField("raise_time") else "",
    }


@alarms.command("list")
def list_alarms(
    show_all: Annotated[
        bool, typer.Option("--all", help="Normal, shelved, suppressed and out of service too.")
    ] = False,
    asset: Annotated[str, typer.Option(help="Only those of this asset.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what asks for attention, most urgent first."""

    async def use(session: Session) -> list[contract.Alarm]:
        states = [number for number in contract.AlarmState.values() if number] if show_all else []
        request = contract.ListAlarmsRequest(
            parent=required_tenant(session), page_size=1000, states=states, asset=asset
        )
        return await all_pages(partial(stub_of(session).ListAlarms), request, lambda page: page.alarms)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(alarm) for alarm in found])
    elif found:
        print_rows([_row(alarm) for alarm in found], as_json=False, columns=_COLUMNS)
    else:
        messages.print("Nothing asks for attention.")


def _act(
    act: Callable[[Session, str], Awaitable[contract.Alarm]],
    alarm: str,
    tenant: str,
    data: DataOption,
    *,
    as_json: bool,
) -> None:
    async def use(session: Session) -> contract.Alarm:
        return await act(session, _alarm_name(session, alarm))

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    print_rows([_row(found)], as_json=False, columns=_COLUMNS)


@alarms.command("acknowledge")
def acknowledge(
    alarm: AlarmArgument,
    comment: CommentOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say that you have seen an alarm."""

    def act(session: Session, name: str) -> Awaitable[contract.Alarm]:
        return stub_of(session).AcknowledgeAlarm(contract.AcknowledgeAlarmRequest(name=name, comment=comment))

    _act(act, alarm, tenant, data, as_json=as_json)


@alarms.command("reset")
def reset(
    alarm: AlarmArgument,
    comment: CommentOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """End a latched alarm whose condition is gone and that somebody acknowledged."""

    def act(session: Session, name: str) -> Awaitable[contract.Alarm]:
        return stub_of(session).ResetAlarm(contract.ResetAlarmRequest(name=name, comment=comment))

    _act(act, alarm, tenant, data, as_json=as_json)


@alarms.command("shelve")
def shelve(
    alarm: AlarmArgument,
    shelve_for: Annotated[str, typer.Option("--for", help="For how long: 8h; 7d at the most.")],
    comment: CommentOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Put an alarm aside for a while."""
    request = contract.ShelveAlarmRequest(comment=comment)
    request.shelve_for.FromTimedelta(timedelta(seconds=parse_duration(shelve_for)))

    def act(session: Session, name: str) -> Awaitable[contract.Alarm]:
        request.name = name
        return stub_of(session).ShelveAlarm(request)

    _act(act, alarm, tenant, data, as_json=as_json)


@alarms.command("unshelve")
def unshelve(
    alarm: AlarmArgument,
    comment: CommentOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take an alarm back from the shelf."""

    def act(session: Session, name: str) -> Awaitable[contract.Alarm]:
        return stub_of(session).UnshelveAlarm(contract.UnshelveAlarmRequest(name=name, comment=comment))

    _act(act, alarm, tenant, data, as_json=as_json)


@alarms.command("suppress")
def suppress(
    alarm: AlarmArgument,
    end: Annotated[bool, typer.Option("--end", help="End the suppression instead.")] = False,
    comment: CommentOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Suppress an alarm by design, until you end that."""

    def act(session: Session, name: str) -> Awaitable[contract.Alarm]:
        if end:
            return stub_of(session).UnsuppressAlarm(contract.UnsuppressAlarmRequest(name=name, comment=comment))
        return stub_of(session).SuppressAlarm(contract.SuppressAlarmRequest(name=name, comment=comment))

    _act(act, alarm, tenant, data, as_json=as_json)


@alarms.command("out-of-service")
def out_of_service(
    alarm: AlarmArgument,
    end: Annotated[bool, typer.Option("--end", help="Return it to service instead.")] = False,
    comment: CommentOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take an alarm out of service for maintenance, until you return it."""

    def act(session: Session, name: str) -> Awaitable[contract.Alarm]:
        if end:
            back = contract.ReturnAlarmToServiceRequest(name=name, comment=comment)
            return stub_of(session).ReturnAlarmToService(back)
        out = contract.TakeAlarmOutOfServiceRequest(name=name, comment=comment)
        return stub_of(session).TakeAlarmOutOfService(out)

    _act(act, alarm, tenant, data, as_json=as_json)


@alarms.command("history")
def history(
    alarm: Annotated[str, typer.Argument(help="Only this alarm.")] = "",
    since: Annotated[str, typer.Option(help="From when: -1d, or ISO 8601.")] = "-1d",
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1)] = 100,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what happened to alarms, newest first."""

    async def use(session: Session) -> list[contract.AlarmTransition]:
        request = contract.ListAlarmTransitionsRequest(
            parent=required_tenant(session), page_size=min(limit, 1000), alarm=_id(alarm)
        )
        request.start_time.FromMicroseconds(parse_time(since, datetime.fromtimestamp(time.time(), UTC)))
        found: list[contract.AlarmTransition] = []
        while len(found) < limit:
            page = await stub_of(session).ListAlarmTransitions(request)
            found.extend(page.alarm_transitions)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        return found[:limit]

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(each) for each in found])
        return
    print_rows([_history_row(each) for each in found], as_json=False, columns=_HISTORY)


def _history_row(transition: contract.AlarmTransition) -> dict[str, str]:
    return {
        "time": format_time(transition.event_time.ToMicroseconds())[:23],
        "alarm": _id(transition.alarm),
        "cause": _word(contract.AlarmCause.Name(transition.cause)),
        "state": _word(contract.AlarmState.Name(transition.to_state)),
        "value": _number(transition.value),
        "by": transition.actor,
        "comment": transition.comment,
    }


@alarms.command("statistics")
def statistics(
    since: Annotated[str, typer.Option(help="From when: -7d, or ISO 8601.")] = "-7d",
    operators: Annotated[int, typer.Option(help="Positions among whom the alarms are shared.", min=1)] = 1,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say how good the alarm system is, by ISA-18.2 and EEMUA 191."""

    async def use(session: Session) -> contract.AlarmStatistics:
        request = contract.GetAlarmStatisticsRequest(parent=required_tenant(session), operator_positions=operators)
        request.start_time.FromMicroseconds(parse_time(since, datetime.fromtimestamp(time.time(), UTC)))
        return await stub_of(session).GetAlarmStatistics(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        {
            "measure": each.display_name,
            "value": f"{each.value:.3g}",
            "advised": f"≤ {each.target:g}",
            "met": "yes" if each.met else "no",
        }
        for each in found.measures
    ]
    print_rows(rows, as_json=False, columns=_MEASURES)
    for each in found.top_ten:
        screen.print(f"{each.annunciations:6} {each.share:6.1%}  {_id(each.alarm)}", markup=False)
    for title, names in (("Chattering", found.chattering), ("Fleeting", found.fleeting), ("Stale", found.stale)):
        if names:
            screen.print(f"{title}: {', '.join(map(_id, names))}", markup=False, soft_wrap=True)
