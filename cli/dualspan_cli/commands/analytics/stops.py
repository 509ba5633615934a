"""`dualspan analytics stops …`: what machines did, why they stood, and what that cost."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from dualspan.analytics.v1 import states_pb2
from dualspan_cli.commands.analytics.production import AssetsArgument, FromOption, ToOption, states, time_of
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_messages, print_rows
from dualspan_cli.session import Session
from dualspan_cli.times import format_time

stops = typer.Typer(help="What machines did, why they stood, and what that cost.", no_args_is_help=True)


class Key(StrEnum):
    """By what losses are added up."""

    REASON = "reason"
    STATE = "state"
    ASSET = "asset"
    ELEMENT = "element"


@stops.command("list")
def list_stops(
    asset: Annotated[str, typer.Argument(help="The machine.")],
    start: FromOption = "-8h",
    end: ToOption = "now",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a machine did, span by span."""

    async def use(session: Session) -> states_pb2.ListStateIntervalsResponse:
        request = states_pb2.ListStateIntervalsRequest(
            parent=session.tenant, asset=asset, start_time=time_of(start), end_time=time_of(end)
        )
        return await states(session).ListStateIntervals(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    print_rows([interval_row(each) for each in found.intervals], as_json=False, columns=INTERVAL)
    messages.print(f"{found.good_share:.1%} good data")


@stops.command("losses")
def losses(
    assets: AssetsArgument = None,
    by: Annotated[Key, typer.Option(help="By what.")] = Key.REASON,
    planned: Annotated[bool, typer.Option("--planned", help="Planned down time counts too.")] = False,
    start: FromOption = "-7d",
    end: ToOption = "now",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Pareto of losses: what cost most time comes first."""

    async def use(session: Session) -> states_pb2.ListLossesResponse:
        request = states_pb2.ListLossesRequest(
            parent=session.tenant,
            assets=assets or [],
            start_time=time_of(start),
            end_time=time_of(end),
            key=states_pb2.LossKey.Value(f"LOSS_KEY_{by.name}"),
            include_planned=planned,
        )
        return await states(session).ListLosses(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        {
            by.value: each.key or "(none given)",
            "what": each.display_name,
            "stops": each.count,
            "hours": f"{each.duration.ToMicroseconds() / 3.6e9:.2f}",
            "share": f"{each.share:.1%}",
            "cumulative": f"{each.cumulative_share:.1%}",
        }
        for each in found.losses
    ]
    print_rows(rows, as_json=False, columns=(by.value, "what", "stops", "hours", "share", "cumulative"))
    messages.print(f"{found.good_share:.1%} good data")


@stops.command("note")
def note(
    asset: Annotated[str, typer.Argument(help="The machine.")],
    reason: Annotated[str, typer.Argument(help="Code of a reason, or a word of your own.")],
    start: FromOption,
    end: ToOption = "now",
    comment: Annotated[str, typer.Option(help="Further words.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say why a machine stood; it goes before what the machine said."""

    async def use(session: Session) -> states_pb2.StopNote:
        given = states_pb2.StopNote(
            asset=asset, start_time=time_of(start), end_time=time_of(end), reason=reason, comment=comment
        )
        request = states_pb2.CreateStopNoteRequest(parent=session.tenant, stop_note=given)
        return await states(session).CreateStopNote(request)

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"Noted as {made.name.rpartition('/')[2]}.", made, as_json=as_json)


@stops.command("notes")
def list_notes(
    asset: Annotated[str, typer.Argument(help="The machine; all if none is named.")] = "",
    start: FromOption = "-7d",
    end: ToOption = "now",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what people said about stops."""

    async def use(session: Session) -> list[states_pb2.StopNote]:
        request = states_pb2.ListStopNotesRequest(
            parent=session.tenant, asset=asset, start_time=time_of(start), end_time=time_of(end)
        )
        return list((await states(session).ListStopNotes(request)).stop_notes)

    found = with_session(use, tenant=tenant, data=data)
    columns = ("name", "asset", "start_time", "end_time", "reason", "comment", "author")
    print_messages(found, as_json=as_json, columns=columns)


@stops.command("forget")
def forget(
    note_id: Annotated[str, typer.Argument(metavar="NOTE", help="Number of the note.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take a note back: the machine's own reason counts again."""

    async def use(session: Session) -> None:
        name = f"{session.tenant}/stopNotes/{note_id}"
        await states(session).DeleteStopNote(states_pb2.DeleteStopNoteRequest(name=name))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Note {note_id} is taken back.", {"deleted": note_id}, as_json=as_json)


INTERVAL = ("from", "to", "minutes", "state", "counts as", "reason")


def interval_row(given: states_pb2.StateInterval) -> dict[str, Any]:
    """A span of a machine for people; its columns are `INTERVAL`."""
    begin, end = given.start_time.ToMicroseconds(), given.end_time.ToMicroseconds()
    element = states_pb2.TimeElement.Name(given.element).removeprefix("TIME_ELEMENT_")
    return {
        "from": format_time(begin)[:19],
        "to": format_time(end)[:19],
        "minutes": f"{(end - begin) / 6e7:.1f}",
        "state": given.state,
        "counts as": "unknown" if element == "UNSPECIFIED" else element.lower().replace("_", " "),
        "reason": f"{given.reason} {given.reason_text}{' (by hand)' if given.by_hand else ''}".strip(),
    }
