"""`dualspan analytics alarms …`: rules. Limits on the command line; anything else as a file of the contract's JSON."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import ParseDict, ParseError

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_cli.commands.analytics.alarms import PRIORITIES, alarms, rule_name, stub_of
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import format_time, parse_duration, parse_time

RuleArgument = Annotated[str, typer.Argument(help="The rule's id.")]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file", help="The whole rule as JSON or YAML, as `show --json` prints it.", exists=True, dir_okay=False
    ),
]
ModelOption = Annotated[str, typer.Option("--model", help="All assets of this model.")]
AssetOption = Annotated[list[str] | None, typer.Option("--asset", help="This asset; may be given several times.")]
PropertyOption = Annotated[str, typer.Option("--property", help="The property that is watched.")]
LimitOption = Annotated[
    list[str] | None, typer.Option("--limit", help="HH=95, H=90, L=10 or LL=5; may be given several times.")
]
DeadbandOption = Annotated[float, typer.Option(help="How far behind a limit the alarm clears.")]
UnitOption = Annotated[str, typer.Option(help="Unit of the limits (UCUM); the property's own if not given.")]
OnDelayOption = Annotated[str, typer.Option(help="It must hold for so long, such as 10s.")]
OffDelayOption = Annotated[str, typer.Option(help="It must be gone for so long, such as 30s.")]
PriorityOption = Annotated[str, typer.Option(help="low, medium, high or critical.")]
NameOption = Annotated[str, typer.Option("--name", help="What operators read.")]
ResponseOption = Annotated[str, typer.Option("--response", help="What the operator does then.")]
_COLUMNS = ("rule", "name", "watches", "raised", "priority", "enabled", "troubles")
_TRIED = ("asset", "level", "raised", "active", "unknown")


def _duration(text: str) -> timedelta:
    return timedelta(seconds=parse_duration(text))


def _limits(given: Sequence[str]) -> list[contract.AlarmRule.Limit]:
    found: list[contract.AlarmRule.Limit] = []
    for each in given:
        level, _, value = each.partition("=")
        try:
            found.append(contract.AlarmRule.Limit(level=level.strip().upper(), value=float(value)))
        except ValueError as err:
            raise CommandError("BAD_LIMIT", f"{each!r} is no limit. Write it like HH=95.", exit_code=2) from err
    return found


def _from_file(path: Path) -> contract.AlarmRule:
    import yaml

    try:
        given = yaml.safe_load(path.read_text())
        return ParseDict(given, contract.AlarmRule())
    except (yaml.YAMLError, ParseError, TypeError, AttributeError, UnicodeDecodeError) as err:
        raise CommandError("BAD_RULE", f"{path} has no alarm rule: {err}", exit_code=2) from err


def _rule(
    file: Path | None,
    *,
    model: str,
    assets: Sequence[str],
    watched: str,
    limits: Sequence[str],
    deadband: float,
    unit: str,
    on_delay: str,
    off_delay: str,
    priority: str,
    name: str,
    response: str,
) -> contract.AlarmRule:
    if file is not None:
        return _from_file(file)
    if priority not in PRIORITIES:
        raise CommandError("BAD_PRIORITY", f"{priority!r} is none of {', '.join(PRIORITIES)}.", exit_code=2)
    rule = contract.AlarmRule(
        display_name=name,
        response=response,
        scope=contract.AlarmRule.Scope(assets=assets, model=model),
        property=watched,
        unit=unit,
        limits=contract.AlarmRule.Limits(limits=_limits(limits), deadband=deadband),
        priority=PRIORITIES[priority],
    )
    rule.on_delay.FromTimedelta(_duration(on_delay))
    rule.off_delay.FromTimedelta(_duration(off_delay))
    return rule


def _row(rule: contract.AlarmRule) -> dict[str, str]:
    scope = rule.scope
    what = scope.model or ", ".join(scope.assets) or "OPC UA"
    return {
        "rule": rule.name.rpartition("/")[2],
        "name": rule.display_name,
        "watches": f"{what}/{rule.property}" if rule.property else what,
        "raised": _raised(rule),
        "priority": contract.AlarmPriority.Name(rule.priority).removeprefix("ALARM_PRIORITY_").lower(),
        "enabled": "no" if rule.disabled else "yes",
        "troubles": str(len(rule.troubles)) if rule.troubles else "",
    }


def _raised(rule: contract.AlarmRule) -> str:
    match rule.WhichOneof("condition"):
        case "limits":
            return ", ".join(f"{each.level} {each.value:g}" for each in rule.limits.limits)
        case "rate":
            return f"{rule.rate.per_minute:g} per minute"
        case "states":
            return ("not " if rule.states.negated else "") + ", ".join(rule.states.values)
        case "stale":
            return f"silent for {rule.stale.after.seconds} s"
        case kind:
            return str(kind or "").replace("_", " ")


@alarms.command("rules")
def list_rules(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the alarm rules, and what is wrong with them."""

    async def use(session: Session) -> list[contract.AlarmRule]:
        request = contract.ListAlarmRulesRequest(parent=required_tenant(session), page_size=1000)
        return await all_pages(partial(stub_of(session).ListAlarmRules), request, lambda page: page.alarm_rules)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(rule) for rule in found])
        return
    print_rows([_row(rule) for rule in found], as_json=False, columns=_COLUMNS)
    for rule in found:
        for trouble in rule.troubles:
            messages.print(f"{rule.name.rpartition('/')[2]}: {trouble}", style="yellow", soft_wrap=True)


@alarms.command("show")
def show_rule(rule: RuleArgument, tenant: TenantOption = "", data: DataOption = None) -> None:
    """Print one rule, whole, as JSON: what `add --file` and `change --file` take."""

    async def use(session: Session) -> contract.AlarmRule:
        return await stub_of(session).GetAlarmRule(contract.GetAlarmRuleRequest(name=rule_name(session, rule)))

    print_json(as_dict(with_session(use, tenant=tenant, data=data)))


@alarms.command("add")
def add_rule(
    rule: RuleArgument,
    file: FileOption = None,
    model: ModelOption = "",
    asset: AssetOption = None,
    watched: PropertyOption = "",
    limit: LimitOption = None,
    deadband: DeadbandOption = 0.0,
    unit: UnitOption = "",
    on_delay: OnDelayOption = "0s",
    off_delay: OffDelayOption = "0s",
    priority: PriorityOption = "low",
    name: NameOption = "",
    response: ResponseOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a rule: limits with these options, anything else with --file."""
    made = _rule(
        file,
        model=model,
        assets=asset or (),
        watched=watched,
        limits=limit or (),
        deadband=deadband,
        unit=unit,
        on_delay=on_delay,
        off_delay=off_delay,
        priority=priority,
        name=name,
        response=response,
    )

    async def use(session: Session) -> contract.AlarmRule:
        request = contract.CreateAlarmRuleRequest(parent=required_tenant(session), alarm_rule_id=rule, alarm_rule=made)
        return await stub_of(session).CreateAlarmRule(request)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


@alarms.command("change")
def change_rule(
    rule: RuleArgument,
    file: Annotated[Path, typer.Option("--file", help="The whole rule as JSON or YAML.", exists=True, dir_okay=False)],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change all of a rule. If the file has a revision, nobody may have changed it since."""
    made = _from_file(file)

    async def use(session: Session) -> contract.AlarmRule:
        made.name = rule_name(session, rule)
        return await stub_of(session).UpdateAlarmRule(contract.UpdateAlarmRuleRequest(alarm_rule=made))

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


@alarms.command("remove")
def remove_rule(
    rule: RuleArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Remove a rule. Its alarms end; what happened to them stays."""

    async def use(session: Session) -> None:
        await stub_of(session).DeleteAlarmRule(contract.DeleteAlarmRuleRequest(name=rule_name(session, rule)))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Removed {rule}.", {"deleted": rule}, as_json=as_json)


@alarms.command("try")
def try_rule(
    rule: Annotated[str, typer.Argument(help="A rule that there is; leave it out and describe one.")] = "",
    since: Annotated[str, typer.Option(help="From when: -7d, or ISO 8601.")] = "-7d",
    until: Annotated[str, typer.Option(help="Until when.")] = "now",
    file: FileOption = None,
    model: ModelOption = "",
    asset: AssetOption = None,
    watched: PropertyOption = "",
    limit: LimitOption = None,
    deadband: DeadbandOption = 0.0,
    unit: UnitOption = "",
    on_delay: OnDelayOption = "0s",
    off_delay: OffDelayOption = "0s",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say how often a rule would have been raised by what is stored. Nothing is kept."""
    now = datetime.fromtimestamp(time.time(), UTC)
    request = contract.TestAlarmRuleRequest()
    request.start_time.FromMicroseconds(parse_time(since, now))
    request.end_time.FromMicroseconds(parse_time(until, now))
    described = _rule(
        file,
        model=model,
        assets=asset or (),
        watched=watched,
        limits=limit or (),
        deadband=deadband,
        unit=unit,
        on_delay=on_delay,
        off_delay=off_delay,
        priority="low",
        name="tried",
        response="tried",
    )

    async def use(session: Session) -> contract.TestAlarmRuleResponse:
        request.parent = required_tenant(session)
        if rule:
            known = contract.GetAlarmRuleRequest(name=rule_name(session, rule))
            request.alarm_rule.CopyFrom(await stub_of(session).GetAlarmRule(known))
        else:
            request.alarm_rule.CopyFrom(described)
        return await stub_of(session).TestAlarmRule(request, timeout=300)

    with messages.status("Evaluating what is stored…"):
        found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    _print_trial(found)


def _print_trial(found: contract.TestAlarmRuleResponse) -> None:
    rows = [
        {
            "asset": entry.asset + (f"[{entry.index}]" if entry.index else ""),
            "level": entry.level,
            "raised": str(entry.raised),
            "active": str(timedelta(seconds=entry.active.seconds)),
            "unknown": f"{entry.unknown_share:.1%}",
        }
        for entry in found.entries
    ]
    print_rows(rows, as_json=False, columns=_TRIED)
    messages.print(f"Raised {found.raised} times, {found.raised_per_hour:.2f} an hour.")
    if found.chattering:
        messages.print(f"{found.chattering} would chatter: add a deadband or a delay.", style="yellow")
    first = next((entry for entry in found.entries if entry.raise_times), None)
    if first is not None:
        messages.print(f"First on {first.asset}: {format_time(first.raise_times[0].ToMicroseconds())}")
    for trouble in found.troubles:
        messages.print(trouble, style="yellow", soft_wrap=True)


def _print(rule: contract.AlarmRule, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(rule))
    else:
        print_rows([_row(rule)], as_json=False, columns=_COLUMNS)
