"""`dualspan subscriptions propose|create|accept|change|suspend|resume|cancel|revoke-tokens`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_cli.commands.apps.catalogue import AppArgument
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.commands.subscriptions.following import (
    PATIENCE_SECONDS,
    SubscriptionArgument,
    WaitOption,
    found,
    full_name,
    settled,
    stub,
    tell,
)
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows
from dualspan_cli.session import Session, required_tenant

SettingsOption = Annotated[list[str] | None, typer.Option("--set", help="A setting of the app: name=value.")]
AssetsOption = Annotated[
    list[str] | None,
    typer.Option("--assets", help="Which assets play a role: role=asset,asset. All that suit if not given."),
]
_COLUMNS = ("role", "asset", "name", "suits", "tags", "lacks")


def propose(app: AppArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Show which of the enterprise's assets suit an app, and what the others lack. Changes nothing."""

    async def use(session: Session) -> contract.BindingProposal:
        request = contract.ProposeBindingRequest(parent=required_tenant(session), app=app)
        return await stub(session).ProposeBinding(request)

    proposal = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(proposal))
        return
    rows = [_fit(role.role, fit) for role in proposal.roles for fit in role.fits]
    print_rows(rows, as_json=False, columns=_COLUMNS)
    words = "can be subscribed to" if proposal.complete else "finds too few assets here"
    messages.print(f"{app} {proposal.version} {words}.")


def create(
    app: AppArgument,
    plan: Annotated[str, typer.Option(help="Id of a plan; `dualspan apps show` names them.")],
    subscription: Annotated[str, typer.Option("--id", help="Id of the subscription; the app's if not given.")] = "",
    settings: SettingsOption = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept at once what it asks to read, and start it.")
    ] = False,
    assets: AssetsOption = None,
    wait: WaitOption = PATIENCE_SECONDS,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Subscribe to an app. It runs once somebody has accepted what it may read: with --accept, or `accept`."""
    given = contract.Subscription(app=app, plan=plan, configuration=_settings(settings or (), {}))
    roles = read_roles(assets or ())

    async def use(session: Session) -> contract.Subscription:
        request = contract.CreateSubscriptionRequest(
            parent=required_tenant(session), subscription_id=subscription or app, subscription=given
        )
        made = await stub(session).CreateSubscription(request)
        if not accept:
            return made
        return await _accepted(session, made, roles, wait)

    made = with_session(use, tenant=tenant, data=data)
    tell(made, as_json=as_json)
    if not (accept or as_json):
        messages.print(f"See what it asks to read: dualspan subscriptions propose {app}", soft_wrap=True)
        messages.print(f"Accept that:             dualspan subscriptions accept {subscription or app}", soft_wrap=True)


def accept(
    subscription: SubscriptionArgument,
    assets: AssetsOption = None,
    wait: WaitOption = PATIENCE_SECONDS,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Grant the app the tags of the assets that are chosen, and no others; it is started, or started anew."""
    roles = read_roles(assets or ())

    async def use(session: Session) -> contract.Subscription:
        return await _accepted(session, await found(session, subscription), roles, wait)

    tell(with_session(use, tenant=tenant, data=data), as_json=as_json)


def change(
    subscription: SubscriptionArgument,
    plan: Annotated[str, typer.Option(help="Id of another plan.")] = "",
    settings: SettingsOption = None,
    wait: WaitOption = PATIENCE_SECONDS,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change plan and settings; what is not named stays."""

    async def use(session: Session) -> contract.Subscription:
        given = await found(session, subscription)
        given.plan = plan or given.plan
        given.configuration.CopyFrom(_settings(settings or (), MessageToDict(given.configuration)))
        changed = await stub(session).UpdateSubscription(contract.UpdateSubscriptionRequest(subscription=given))
        return await settled(session, changed, wait)

    tell(with_session(use, tenant=tenant, data=data), as_json=as_json)


def suspend(
    subscription: SubscriptionArgument,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Stop the app; it may read nothing until it is resumed."""

    async def ask(session: Session, name: str) -> contract.Subscription:
        return await stub(session).SuspendSubscription(contract.SuspendSubscriptionRequest(name=name))

    _asked(ask, subscription, 0, tenant, data, as_json=as_json)


def resume(
    subscription: SubscriptionArgument,
    wait: WaitOption = PATIENCE_SECONDS,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Start the app again."""

    async def ask(session: Session, name: str) -> contract.Subscription:
        return await stub(session).ResumeSubscription(contract.ResumeSubscriptionRequest(name=name))

    _asked(ask, subscription, wait, tenant, data, as_json=as_json)


def cancel(
    subscription: SubscriptionArgument,
    wait: WaitOption = PATIENCE_SECONDS,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """End it: the app reads nothing from this moment. What it wrote can be fetched until a day that is said; then all
    that it had and wrote is deleted, and what it used and cost stays.
    """

    async def ask(session: Session, name: str) -> contract.Subscription:
        return await stub(session).CancelSubscription(contract.CancelSubscriptionRequest(name=name))

    ended = _asked(ask, subscription, wait, tenant, data, as_json=as_json)
    if ended.hand_back_end_time.seconds and not as_json:
        until = f"{ended.hand_back_end_time.ToDatetime():%Y-%m-%d %H:%M} UTC"
        messages.print(f"Until {until} you can fetch what it had and wrote; then that is deleted:", soft_wrap=True)
        messages.print(f"  dualspan subscriptions export {subscription}", soft_wrap=True)


def revoke_tokens(
    subscription: SubscriptionArgument,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Void every access token that the app has, at once; where it runs it gets another."""

    async def ask(session: Session, name: str) -> contract.Subscription:
        return await stub(session).RevokeAppTokens(contract.RevokeAppTokensRequest(name=name))

    _asked(ask, subscription, 0, tenant, data, as_json=as_json)


def _asked(
    ask: Callable[[Session, str], Awaitable[contract.Subscription]],
    subscription: str,
    wait: float,
    tenant: str,
    data: Path | None,
    *,
    as_json: bool,
) -> contract.Subscription:
    async def use(session: Session) -> contract.Subscription:
        return await settled(session, await ask(session, full_name(session, subscription)), wait)

    found = with_session(use, tenant=tenant, data=data)
    tell(found, as_json=as_json)
    return found


async def _accepted(
    session: Session, given: contract.Subscription, roles: Sequence[contract.RoleAssets], wait: float
) -> contract.Subscription:
    request = contract.AcceptBindingRequest(name=given.name, roles=roles, etag=given.etag)
    return await settled(session, await stub(session).AcceptBinding(request), wait)


def _fit(role: str, fit: contract.BindingFit) -> dict[str, object]:
    return {
        "role": role,
        "asset": fit.asset,
        "name": fit.display_name,
        "suits": fit.suits,
        "tags": fit.tag_count,
        "lacks": "; ".join(f"{each.property}: {each.reason}" for each in fit.missing),
    }


def read_roles(given: Sequence[str]) -> list[contract.RoleAssets]:
    """From `machine=press-1,press-2`."""
    roles: list[contract.RoleAssets] = []
    for text in given:
        role, separator, assets = text.partition("=")
        if not (role and separator and assets):
            raise CommandError("USAGE", f"{text!r}: write assets as role=asset,asset.", exit_code=2)
        roles.append(contract.RoleAssets(role=role, assets=[each.strip() for each in assets.split(",")]))
    return roles


def _settings(given: Sequence[str], before: dict[str, Any]) -> Struct:
    """What was before, with those that are given."""
    from dualspan_cli.publishing.source import read_setting

    return ParseDict(before | dict(map(read_setting, given)), Struct())
