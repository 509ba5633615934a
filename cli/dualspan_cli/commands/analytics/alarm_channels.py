"""`dualspan analytics alarms …`: whom alarms are told to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1.alarms_pb2_grpc import NotificationChannelServiceStub
from dualspan_cli.commands.analytics.alarms import PRIORITIES, alarms
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, print_done, print_json, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.alarms_pb2_grpc import NotificationChannelServiceAsyncStub

ChannelArgument = Annotated[str, typer.Argument(help="The channel's id.")]
_COLUMNS = ("channel", "target", "priority", "rules", "escalations_only")
_DELIVERIES = ("time", "channel", "alarm", "state", "attempts", "detail")


def _stub(session: Session) -> NotificationChannelServiceAsyncStub:
    return NotificationChannelServiceStub(session.analytics_channel)


def _row(channel: contract.NotificationChannel) -> dict[str, str]:
    return {
        "channel": channel.name.rpartition("/")[2],
        "target": channel.webhook.url or ", ".join(channel.email.addresses),
        "priority": contract.AlarmPriority.Name(channel.minimum_priority or contract.ALARM_PRIORITY_LOW)
        .removeprefix("ALARM_PRIORITY_")
        .lower(),
        "rules": ", ".join(channel.alarm_rules) or "all",
        "escalations_only": "yes" if channel.escalations_only else "no",
    }


@alarms.command("channels")
def list_channels(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List whom alarms are told to."""

    async def use(session: Session) -> list[contract.NotificationChannel]:
        request = contract.ListNotificationChannelsRequest(parent=required_tenant(session), page_size=1000)
        call = partial(_stub(session).ListNotificationChannels)
        return await all_pages(call, request, lambda page: page.notification_channels)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(each) for each in found])
    else:
        print_rows([_row(each) for each in found], as_json=False, columns=_COLUMNS)


@alarms.command("add-channel")
def add_channel(
    channel: ChannelArgument,
    url: Annotated[str, typer.Option(help="A program to call: https://…")] = "",
    secret: Annotated[
        str,
        typer.Option(
            help="With which the calls are signed; asked for when not given.", envvar="DUALSPAN_WEBHOOK_SECRET"
        ),
    ] = "",
    email: Annotated[list[str] | None, typer.Option(help="Whom to write to; may be given several times.")] = None,
    priority: Annotated[str, typer.Option(help="Only alarms at least so urgent.")] = "low",
    rule: Annotated[list[str] | None, typer.Option(help="Only alarms of this rule; several times for more.")] = None,
    escalations_only: Annotated[bool, typer.Option(help="Only what nobody acknowledged in time.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Have alarms told to a program or to people."""
    if bool(url) == bool(email) or priority not in PRIORITIES:
        words = f"Give either --url or --email, and as priority one of {', '.join(PRIORITIES)}."
        raise CommandError("BAD_CHANNEL", words, exit_code=2)
    made = contract.NotificationChannel(
        minimum_priority=PRIORITIES[priority], alarm_rules=rule or (), escalations_only=escalations_only
    )
    if url:
        made.webhook.url = url
        made.webhook.secret = secret or typer.prompt("Secret", hide_input=True)
    else:
        made.email.addresses.extend(email or ())

    async def use(session: Session) -> contract.NotificationChannel:
        request = contract.CreateNotificationChannelRequest(
            parent=required_tenant(session), notification_channel_id=channel, notification_channel=made
        )
        return await _stub(session).CreateNotificationChannel(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
    else:
        print_rows([_row(found)], as_json=False, columns=_COLUMNS)


@alarms.command("remove-channel")
def remove_channel(
    channel: ChannelArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Tell a channel nothing any more."""

    async def use(session: Session) -> None:
        name = f"{required_tenant(session)}/notificationChannels/{channel}"
        await _stub(session).DeleteNotificationChannel(contract.DeleteNotificationChannelRequest(name=name))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Removed {channel}.", {"deleted": channel}, as_json=as_json)


@alarms.command("deliveries")
def deliveries(
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1, max=1000)] = 50,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what was sent and what came of it, newest first."""

    async def use(session: Session) -> list[contract.NotificationDelivery]:
        request = contract.ListNotificationDeliveriesRequest(parent=required_tenant(session), page_size=limit)
        return list((await _stub(session).ListNotificationDeliveries(request)).notification_deliveries)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(each) for each in found])
        return
    rows = [
        {
            "time": each.create_time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S"),
            "channel": each.notification_channel.rpartition("/")[2],
            "alarm": each.alarm.rpartition("/")[2],
            "state": contract.NotificationDeliveryState.Name(each.state)
            .removeprefix("NOTIFICATION_DELIVERY_STATE_")
            .lower(),
            "attempts": str(each.attempts),
            "detail": each.detail,
        }
        for each in found
    ]
    print_rows(rows, as_json=False, columns=_DELIVERIES)
