"""`dualspan gaps`: the ledger of what is known to be missing."""

from __future__ import annotations

from typing import Annotated

import typer

from dualspan.historian.v1 import resources_pb2 as resources
from dualspan.historian.v1 import service_pb2 as service
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, messages, print_messages
from dualspan_cli.session import Session, all_pages, required_tenant

gaps = typer.Typer(help="The gap ledger: which samples are missing, and why.", no_args_is_help=True)

_COLUMNS = (
    "start_time",
    "end_time",
    "cause",
    "state",
    "gateway",
    "server",
    "tag_id",
    "lost_samples",
    "repaired_samples",
    "detail",
    "resolution",
)


@gaps.command("list")
def list_gaps(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not repaired.")] = False,
    tag: Annotated[
        int, typer.Option("--tag", help="Only of the tag with this id; gaps of its server or gateway count.")
    ] = 0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the gaps, newest first."""

    async def use(session: Session) -> list[resources.Gap]:
        request = service.ListGapsRequest(parent=required_tenant(session), page_size=1000, tag_id=tag)
        call = session.historian.ListGaps
        return await all_pages(call, request, lambda page: page.gaps)

    found = with_session(use, tenant=tenant, data=data)
    shown = [gap for gap in found if not only_open or gap.state == resources.GAP_STATE_OPEN]
    print_messages(shown, as_json=as_json, columns=_COLUMNS)
    if not shown and not as_json:
        messages.print("Nothing is missing.")
