"""`dualspan subscriptions upgrade|upgrades|cancel-upgrade`: a new version beside the old one, then in its place."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from dualspan.marketplace.v1 import upgrades_pb2 as contract
from dualspan.marketplace.v1.upgrades_pb2_grpc import UpgradeServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.commands.subscriptions.following import SubscriptionArgument, found, full_name
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows
from dualspan_cli.session import Session

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.upgrades_pb2_grpc import UpgradeServiceAsyncStub

_COLUMNS = ("number", "from", "to", "phase", "reason")
_POLL_SECONDS = 0.5
_UNDER_WAY = (contract.UPGRADE_PHASE_CANARY, contract.UPGRADE_PHASE_SWITCHING)


def upgrade(
    subscription: SubscriptionArgument,
    version: Annotated[str, typer.Option("--to", help="A version; the newest that is published if not given.")] = "",
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting of the app: name=value.")] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="Agree to what the new version asks for beyond the old one.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Follow it for so many seconds until it has ended; 0: do not.")
    ] = 0.0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Try a new version beside the old one; if both write the same it takes the old one's place, else it goes."""
    from dualspan_cli.publishing.source import read_setting

    values = ParseDict(dict(map(read_setting, settings or ())), Struct())

    async def use(session: Session) -> contract.Upgrade:
        given = await found(session, subscription)
        request = contract.UpgradeSubscriptionRequest(
            name=given.name, version=version, etag=given.etag, configuration=values, consent=consent
        )
        begun = contract.Upgrade()
        (await _stub(session).UpgradeSubscription(request)).metadata.Unpack(begun)
        return await _ended(session, begun, wait)

    _tell(with_session(use, tenant=tenant, data=data), as_json=as_json)


def upgrades(
    subscription: SubscriptionArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """List the upgrades of a subscription, the latest first: what was compared, and why each ended as it did."""

    async def use(session: Session) -> contract.ListUpgradesResponse:
        request = contract.ListUpgradesRequest(parent=full_name(session, subscription), page_size=100)
        return await _stub(session).ListUpgrades(request)

    every = with_session(use, tenant=tenant, data=data).upgrades
    print_rows([as_dict(each) if as_json else _row(each) for each in every], as_json=as_json, columns=_COLUMNS)


def cancel_upgrade(
    subscription: SubscriptionArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Call the upgrade off that is under way: the old version stays."""

    async def use(session: Session) -> contract.Upgrade:
        parent = full_name(session, subscription)
        latest = (await _stub(session).ListUpgrades(contract.ListUpgradesRequest(parent=parent, page_size=1))).upgrades
        if not latest or latest[0].phase not in _UNDER_WAY:
            raise CommandError("NO_UPGRADE", f"No upgrade of {subscription} is under way.")
        return await _stub(session).CancelUpgrade(contract.CancelUpgradeRequest(name=latest[0].name))

    called_off = with_session(use, tenant=tenant, data=data)
    print_done(f"It is called off: {called_off.from_version} stays.", called_off, as_json=as_json)


def _stub(session: Session) -> UpgradeServiceAsyncStub:
    return UpgradeServiceStub(session.marketplace_channel)


async def _ended(session: Session, given: contract.Upgrade, seconds: float) -> contract.Upgrade:
    """Follow an upgrade to its end; each phase is told as it is entered.

    Raises:
        CommandError: The old version stays, for a reason that is said (`UPGRADE_ROLLED_BACK`), or it takes longer
            (`STILL_UNDER_WAY`).
    """
    until = time.monotonic() + seconds
    told = ""
    while seconds and given.phase in _UNDER_WAY:
        words = _doing(given)
        if words != told:
            messages.print(f"  {words}", soft_wrap=True)
            told = words
        if time.monotonic() > until:
            words = f"It has not ended after {seconds:.0f} s, and goes on."
            raise CommandError("STILL_UNDER_WAY", f"{words} Look later: dualspan subscriptions upgrades")
        await asyncio.sleep(_POLL_SECONDS)
        given = await _stub(session).GetUpgrade(contract.GetUpgradeRequest(name=given.name))
    if seconds and given.phase != contract.UPGRADE_PHASE_SWITCHED:
        raise CommandError("UPGRADE_ROLLED_BACK", f"{given.from_version} stays. {given.reason}")
    return given


def _doing(given: contract.Upgrade) -> str:
    if given.phase == contract.UPGRADE_PHASE_SWITCHING:
        return f"{given.to_version} is put in the place of {given.from_version}. {given.reason}"
    if not given.HasField("canary_time"):
        return f"{given.to_version} is started beside {given.from_version}"
    return f"both run until {given.compare_time.ToDatetime():%H:%M:%S} UTC, and are compared then"


def _tell(given: contract.Upgrade, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(given))
    elif given.phase == contract.UPGRADE_PHASE_SWITCHED:
        messages.print(f"{given.to_version} is in place. {given.reason}", soft_wrap=True)
    else:
        identifier = given.name.split("/")[3]
        messages.print(f"{given.to_version} is tried beside {given.from_version}.", soft_wrap=True)
        messages.print(f"See how it goes: dualspan subscriptions upgrades {identifier}", soft_wrap=True)


def _row(given: contract.Upgrade) -> dict[str, object]:
    return {
        "number": given.name.rpartition("/")[2],
        "from": given.from_version,
        "to": given.to_version,
        "phase": contract.UpgradePhase.Name(given.phase).removeprefix("UPGRADE_PHASE_").lower().replace("_", "-"),
        "reason": given.reason,
    }
