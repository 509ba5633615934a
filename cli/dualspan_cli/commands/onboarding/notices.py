"""`dualspan onboarding notices`: what somebody has to look at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.onboarding.v1 import notice_pb2
from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, messages, print_message, print_messages, screen
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceAsyncStub

notices = typer.Typer(help="What somebody has to look at, and what to do about it.", invoke_without_command=True)

_COLUMNS = ("name", "kind", "severity", "resource", "state")
_STYLES = {
    notice_pb2.NOTICE_SEVERITY_CRITICAL: "bold red",
    notice_pb2.NOTICE_SEVERITY_WARNING: "yellow",
}


def _stub(session: Session) -> NoticeServiceAsyncStub:
    return NoticeServiceStub(session.onboarding_channel)


def _print(notice: notice_pb2.Notice) -> None:
    """One notice, for a person: what and where, what is wrong, what to do, how to answer."""
    severity = notice_pb2.NoticeSeverity.Name(notice.severity).removeprefix("NOTICE_SEVERITY_").lower()
    style = _STYLES.get(notice.severity, "cyan")
    resource = notice.resource.partition("/")[2].partition("/")[2] or notice.resource
    screen.print(f"[{style}]{severity}[/] {notice.kind}  {resource}", markup=True, soft_wrap=True)
    screen.print(f"  {notice.text}", markup=False, soft_wrap=True)
    if notice.remedy:
        screen.print(f"  To do: {notice.remedy}", markup=False, soft_wrap=True)
    when = notice.create_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
    state = f"since {when} UTC"
    if notice.HasField("resolve_time"):
        state += ", resolved"
    elif notice.acknowledged_by:
        state += f", acknowledged by {notice.acknowledged_by}"
        state += f": {notice.acknowledge_note}" if notice.acknowledge_note else ""
    screen.print(f"  {state}; {notice.name.rpartition('/')[2]}", markup=False, soft_wrap=True, style="dim")


@notices.callback()
def list_notices(
    context: typer.Context,
    show_resolved: Annotated[bool, typer.Option("--all", help="Those whose reason is gone too.")] = False,
    resource: Annotated[
        str, typer.Option("--about", help="Only those about this gateway or server: GATEWAY or GATEWAY/SERVER.")
    ] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List notices, newest first."""
    if context.invoked_subcommand is not None:
        return

    async def use(session: Session) -> list[notice_pb2.Notice]:
        parent = required_tenant(session)
        gateway, _, server = resource.partition("/")
        about = f"{parent}/gateways/{gateway}" + (f"/servers/{server}" if server else "") if gateway else ""
        request = notice_pb2.ListNoticesRequest(
            parent=parent, page_size=1000, show_resolved=show_resolved, resource=about
        )
        call = partial(_stub(session).ListNotices)
        return await all_pages(call, request, lambda page: page.notices)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    for notice in found:
        _print(notice)
    if not found:
        messages.print("Nothing needs attention.")


@notices.command("acknowledge")
def acknowledge(
    notice: Annotated[str, typer.Argument(help="The notice's id, from the list.")],
    note: Annotated[str, typer.Option(help="What is being done about it, for others.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say that you take care of a notice. It stays until its reason is gone."""

    async def use(session: Session) -> notice_pb2.Notice:
        name = notice if notice.startswith("tenants/") else f"{required_tenant(session)}/notices/{notice}"
        request = notice_pb2.AcknowledgeNoticeRequest(name=name, note=note)
        return await _stub(session).AcknowledgeNotice(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_COLUMNS)
