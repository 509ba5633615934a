"""Notification channels: made, listed, removed."""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarm_errors import channel_exists, channel_invalid, channel_unknown, too_many
from dualspan_analytics.sealing import Seal
from dualspan_analytics.service.alarm_rules import check_text
from dualspan_analytics.store import notifications
from dualspan_runtime.database import Database
from dualspan_runtime.names import check_slug

_MOST_CHANNELS = 100
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def channel_name(tenant: str, channel_id: str) -> str:
    """The full name of a channel."""
    return f"tenants/{tenant}/notificationChannels/{channel_id}"


class NotificationChannels:
    """The use cases around channels.

    Args:
        database: Where they are.
        seal: For the secrets of webhooks.
        private_allowed: Plain HTTP and private addresses may be called.
    """

    def __init__(self, database: Database, seal: Seal, *, private_allowed: bool) -> None:
        self._database = database
        self._seal = seal
        self._private_allowed = private_allowed

    async def create(
        self, tenant: str, channel_id: str, message: contract.NotificationChannel
    ) -> notifications.StoredChannel:
        """Make a channel.

        Raises:
            InvalidArgument: Nothing can be sent to it.
            AlreadyExists: There is one of this id.
        """
        check_slug(channel_id, "notification_channel_id")
        check_text(message.display_name, "display_name", 200)
        for rule_id in message.alarm_rules:
            check_slug(rule_id, "alarm_rules")
        sealed = None
        match message.WhichOneof("target"):
            case "webhook":
                self._check_webhook(message.webhook)
                sealed = self._seal.close(message.webhook.secret, channel_name(tenant, channel_id))
            case "email":
                _check_email(message.email)
            case _:
                raise channel_invalid("target", "Give a webhook or an e-mail.")
        kept = contract.NotificationChannel()
        kept.CopyFrom(message)
        kept.ClearField("name")
        if kept.HasField("webhook"):
            kept.webhook.ClearField("secret")
        channel = notifications.StoredChannel(channel_id, kept.SerializeToString(), sealed)
        async with self._database.transaction(tenant) as connection:
            if len(await notifications.channels(connection, tenant, "", _MOST_CHANNELS)) >= _MOST_CHANNELS:
                raise too_many("notification channels", _MOST_CHANNELS)
            if not await notifications.insert_channel(connection, tenant, channel):
                raise channel_exists(channel_id)
        return channel

    async def delete(self, tenant: str, channel_id: str) -> None:
        """Remove a channel, and what waits for it; raises NotFound."""
        async with self._database.transaction(tenant) as connection:
            if not await notifications.delete_channel(connection, tenant, channel_id):
                raise channel_unknown(channel_id)

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[notifications.StoredChannel]:
        """Channels after an id, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await notifications.channels(connection, tenant, after, limit)

    async def deliveries(
        self, tenant: str, before: tuple[datetime, uuid.UUID] | None, limit: int
    ) -> Sequence[notifications.StoredDelivery]:
        """What was sent and what came of it, newest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await notifications.deliveries(connection, tenant, before, limit)

    def _check_webhook(self, webhook: contract.NotificationChannel.Webhook) -> None:
        field = "webhook.url"
        try:
            url = urlsplit(webhook.url)
            port_fits = url.port is None or url.port > 0
        except ValueError as err:
            raise channel_invalid(field, f"is no URL: {err}.") from err
        if len(webhook.url) > 2000 or not url.hostname or not port_fits or any(c.isspace() for c in webhook.url):
            raise channel_invalid(field, "Give a URL of the form https://host/path.")
        if url.username or url.password:
            raise channel_invalid(field, "Leave user and password out: calls are signed.")
        if url.scheme != "https" and not (url.scheme == "http" and self._private_allowed):
            raise channel_invalid(
                field,
                "Must begin with https://. Plain HTTP needs DUALSPAN_ANALYTICS_PRIVATE_WEBHOOKS=true of the platform.",
            )
        if not 16 <= len(webhook.secret) <= 200:
            raise channel_invalid("webhook.secret", "Give 16 to 200 characters that only the receiver knows.")


def _check_email(email: contract.NotificationChannel.Email) -> None:
    if not 1 <= len(email.addresses) <= 20:
        raise channel_invalid("email.addresses", "Give 1 to 20 addresses.")
    wrong = next((each for each in email.addresses if _ADDRESS.fullmatch(each) is None), None)
    if wrong is not None:
        raise channel_invalid("email.addresses", f"{wrong[:80]!r} is no e-mail address.")
