"""`dualspan subscriptions export`: all that an app has and has written, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.commands.subscriptions.following import SubscriptionArgument, full_name, stub
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, messages, print_json
from dualspan_cli.session import Session

_TOLD_BYTES = 16 << 20


def export(
    subscription: SubscriptionArgument,
    to: Annotated[Path | None, typer.Option("--to", help="The file; <subscription>.zip here if not given.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch what the app has and has written: settings, machines, and a CSV file of each result, in a ZIP archive."""
    path = to or Path(f"{subscription}.zip")
    if path.exists():
        raise CommandError("FILE_EXISTS", f"{path} is there already. Name another file with --to.")

    async def use(session: Session) -> int:
        request = contract.ExportSubscriptionRequest(name=full_name(session, subscription))
        # What broke off must not pass for all of it.
        part = path.with_name(path.name + ".part")
        size = told = 0
        try:
            with part.open("wb") as file:
                async for each in stub(session).ExportSubscription(request):
                    size += file.write(each.content)
                    if size - told >= _TOLD_BYTES:
                        told = size
                        messages.print(f"  {size >> 20} MiB")
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
        return size

    size = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json({"file": str(path), "bytes": size})
        return
    messages.print(f"{path}: {max(1, size // 1024)} KiB.", soft_wrap=True)
