"""`dualspan subscriptions open`: an address that opens an app once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, settings_with
from dualspan_cli.commands.subscriptions.following import SubscriptionArgument, full_name
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, screen
from dualspan_cli.session import Access, choose_access, open_session


def open_app(
    subscription: SubscriptionArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Print an address that opens the app's pages once, within a minute, as yourself."""
    access = as_somebody(choose_access(settings_with(data), is_named=data is not None))

    async def ask() -> contract.OpenAppResponse:
        async with open_session(access, tenant) as session:
            request = contract.OpenAppRequest(name=full_name(session, subscription))
            return await AccessServiceStub(session.marketplace_channel).OpenApp(request)

    opened = asyncio.run(ask())
    if as_json:
        print_json(as_dict(opened))
        return
    screen.print(opened.uri, soft_wrap=True, markup=False)
    messages.print("It opens the app once, until a minute from now, for whoever has it: keep it to yourself.")


def as_somebody(access: Access) -> Access:
    """Who may read a platform's own files acts as its first administrator here: the audit log names a person."""
    return replace(access, service_secret="") if access.exchange_secret else access
