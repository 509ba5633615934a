"""`dualspan query events`: what OPC UA servers have raised."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan.historian.v1 import event_service_pb2 as service
from dualspan.historian.v1.event_service_pb2_grpc import EventServiceStub
from dualspan.onboarding.v1.sampling_pb2 import TAG_SOURCE_EVENTS
from dualspan_cli.commands.gateways import find_tags
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, screen
from dualspan_cli.session import Session, required_tenant
from dualspan_cli.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from dualspan.historian.v1.event_service_pb2_grpc import EventServiceAsyncStub

_MOST_TAGS = 1000
_STRONG, _WEAK = 700, 400


def events(
    tags: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TAG…]", help="Ids of event notifiers' tags, or part of their path; all if none."),
    ] = None,
    start: Annotated[str, typer.Option("--from", help="-1h, -7d, 2026-05-04T12:30:00Z; included.")] = "-1h",
    end: Annotated[str, typer.Option("--to", help="now, -5m, 2026-05-04T13:30:00Z; not included.")] = "now",
    severity: Annotated[int, typer.Option(min=0, max=1000, help="Only from this severity on.")] = 0,
    conditions: Annotated[bool, typer.Option("--conditions", help="Only events of conditions and alarms.")] = False,
    text: Annotated[str, typer.Option(help="Only where the source's name or the message has this.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 200,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Events and conditions that OPC UA servers have raised."""
    now = datetime.now(UTC)
    request = service.ReadEventsRequest(minimum_severity=severity, conditions_only=conditions, query=text)
    request.start_time.FromMicroseconds(parse_time(start, now))
    request.end_time.FromMicroseconds(parse_time(end, now))

    async def use(session: Session) -> int:
        request.parent = required_tenant(session)
        request.tag_ids.extend(await _notifiers(session, tags or []))
        stub: EventServiceAsyncStub = EventServiceStub(session.historian_channel)
        shown = 0
        async for stored in _all(stub, request):
            _print(stored, as_json=as_json)
            shown += 1
            if shown == limit:
                break
        return shown

    shown = with_session(use, tenant=tenant, data=data)
    if not as_json:
        more = f"; the first {limit}, --limit for more" if limit and shown == limit else ""
        messages.print(f"[dim]{shown} events{more}[/]", markup=True)


async def _notifiers(session: Session, wanted: Sequence[str]) -> list[int]:
    """The ids of the event notifiers' tags that words mean.

    Raises:
        CommandError: There are none, or too many.
    """
    every = [tag for tag in await find_tags(session, "") if tag.source == TAG_SOURCE_EVENTS]
    chosen = [
        tag.tag_id
        for tag in every
        if not wanted or any(word == str(tag.tag_id) or word in tag.browse_path for word in wanted)
    ]
    if not chosen:
        words = "No event notifier is stored. `dualspan gateways accept SERVER --node i=2253 --events` makes one."
        raise CommandError("NO_EVENT_NOTIFIER", words, exit_code=7)
    if len(chosen) > _MOST_TAGS:
        words = f"{len(chosen)} tags match; at most {_MOST_TAGS} go together."
        raise CommandError("TOO_MANY_TAGS", words, exit_code=2)
    return chosen


async def _all(stub: EventServiceAsyncStub, request: service.ReadEventsRequest) -> AsyncGenerator[service.StoredEvent]:
    while True:
        page = await stub.ReadEvents(request)
        for stored in page.events:
            yield stored
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _print(stored: service.StoredEvent, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(stored))
        return
    event = stored.event
    style = "bold red" if event.severity >= _STRONG else "yellow" if event.severity >= _WEAK else "dim"
    time = format_time(event.time.ToMicroseconds())
    screen.print(f"{time}  [{style}]{event.severity:>4}[/]  ", end="", markup=True)
    screen.print(f"{event.source_name}: {event.message}{_state(event)}", markup=False, soft_wrap=True)


def _state(event: OpcUaEvent) -> str:
    """How its condition stands, in brackets; empty for a plain event."""
    if not event.HasField("condition"):
        return ""
    condition, words = event.condition, [event.condition.condition_name]
    if event.HasField("alarm") and event.alarm.HasField("active"):
        words.append("active" if event.alarm.active else "inactive")
    if event.alarm.state_name:
        words.append(event.alarm.state_name)
    if condition.HasField("acknowledged"):
        words.append("acknowledged" if condition.acknowledged else "not acknowledged")
    return f" [{', '.join(word for word in words if word)}]"
