"""Sends what the outbox holds: signed HTTP calls and e-mails, again with growing pauses until they are taken."""

import asyncio
import http.client
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

import structlog
from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms.notifications import (
    DELIVERY_HEADER,
    MOST_ATTEMPTS,
    SIGNATURE_HEADER,
    email,
    is_public,
    pause_after,
    signature,
)
from dualspan_analytics.sealing import Seal
from dualspan_analytics.service.notification_channels import channel_name
from dualspan_analytics.store import notifications
from dualspan_analytics.store.notifications import DELIVERED, FAILED, DueDelivery
from dualspan_runtime.database import Database

_log = structlog.stdlib.get_logger()
_TIMEOUT = 10.0
# Longer than an attempt takes, so that nobody else begins the same one.
_LEASE = timedelta(seconds=60)
_AT_ONCE = 20
_MOST_ROUNDS = 50
_KEEP = timedelta(days=30)
# Trying again cannot help; anything else may be better later.
_FINAL = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422, 501})


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mails are handed in.

    Attributes:
        host: "" for none: channels of e-mail fail and say so.
        port: 587 with STARTTLS, 465 with TLS, 25.
        security: `starttls`, `tls` or `none`.
        user: "" for none.
        password: Of the user.
        sender: Who writes.
    """

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str


class RefusedError(Exception):
    """It was not taken, and trying again cannot help."""


class NotNowError(Exception):
    """It was not taken; later it may be."""


class NotificationDelivery:
    """Sweeps the outbox. Several workers may do so at the same time.

    A call whose answer was lost is sent again under the same delivery id, by which the receiver knows it.

    Args:
        database: Where the outbox is.
        seal: For the secrets of webhooks.
        mail: Where e-mails are handed in.
        private_allowed: Private addresses may be called.
    """

    def __init__(self, database: Database, seal: Seal, mail: MailServer, *, private_allowed: bool) -> None:
        self._database = database
        self._seal = seal
        self._mail = mail
        self._private_allowed = private_allowed

    async def sweep(self) -> None:
        """Send everything that is due; forget what ended long ago."""
        for _ in range(_MOST_ROUNDS):
            async with self._database.platform_transaction() as connection:
                due = await notifications.lease_due(connection, _LEASE, _AT_ONCE)
            await asyncio.gather(*(self._send(each) for each in due))
            if len(due) < _AT_ONCE:
                break
        async with self._database.platform_transaction() as connection:
            await notifications.forget_ended(connection, _KEEP)

    async def _send(self, due: DueDelivery) -> None:
        try:
            detail = await asyncio.to_thread(self._attempt, due)
        except RefusedError as error:
            await self._end(due, FAILED, str(error))
        except NotNowError as error:
            if due.attempts >= MOST_ATTEMPTS:
                await self._end(due, FAILED, f"Given up after {due.attempts} attempts: {error}")
            else:
                await self._again(due, str(error))
        else:
            await self._end(due, DELIVERED, detail)

    async def _end(self, due: DueDelivery, state: int, detail: str) -> None:
        if state == FAILED:
            _log.warning("notification failed", tenant=due.tenant, delivery=str(due.delivery_id), detail=detail)
        async with self._database.transaction(due.tenant) as connection:
            await notifications.end(connection, due.tenant, due.delivery_id, state=state, detail=detail[:500])

    async def _again(self, due: DueDelivery, detail: str) -> None:
        async with self._database.transaction(due.tenant) as connection:
            await notifications.try_later(
                connection, due.tenant, due.delivery_id, after=pause_after(due.attempts), detail=detail[:500]
            )

    def _attempt(self, due: DueDelivery) -> str:
        """One attempt, in a thread; what came of it.

        Raises:
            RefusedError: It will never be taken.
            NotNowError: It may be taken later.
        """
        try:
            channel = contract.NotificationChannel.FromString(due.channel.definition)
        except DecodeError as err:
            raise RefusedError("The channel is damaged: remove it and make it anew.") from err
        if channel.HasField("email"):
            return self._write(due, list(channel.email.addresses))
        try:
            secret = self._seal.open(due.channel.secret or b"", channel_name(due.tenant, due.channel.channel_id))
        except (InvalidTag, ValueError) as err:
            raise RefusedError("The channel's secret cannot be opened: remove the channel and make it anew.") from err
        return self._call(due, channel.webhook.url, secret)

    def _call(self, due: DueDelivery, url: str, secret: str) -> str:
        parts = urlsplit(url)
        now, delivery = int(time.time()), str(due.delivery_id)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "DualSpan",
            DELIVERY_HEADER: delivery,
            SIGNATURE_HEADER: signature(secret, delivery, due.body, now),
        }
        try:
            connection = self._connect(parts)
            try:
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("POST", target, due.body, headers)
                status = connection.getresponse().status
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as err:
            raise NotNowError(f"{parts.hostname} cannot be called: {str(err) or type(err).__name__}") from err
        return _outcome(status)

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        """A connection to an address that was looked at first: the name is not looked up a second time.

        Redirects are not followed, so nobody is led to an address that was not looked at.
        """
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._address(host, port)
        raw = socket.create_connection((address, port), timeout=_TIMEOUT)
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        try:
            tls = ssl.create_default_context() if parts.scheme == "https" else None
            connection.sock = raw if tls is None else tls.wrap_socket(raw, server_hostname=host)
        except OSError:
            raw.close()
            raise
        return connection

    def _address(self, host: str, port: int) -> str:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        private = [address for address in found if not is_public(address.partition("%")[0])]
        if private and not self._private_allowed:
            raise RefusedError(
                f"{host} is {private[0]}, which is no address on the internet. Private ones can be called where the "
                "platform's administrator sets DUALSPAN_ANALYTICS_PRIVATE_WEBHOOKS=true."
            )
        return found[0]

    def _write(self, due: DueDelivery, addresses: list[str]) -> str:
        mail = self._mail
        if not mail.host:
            raise RefusedError("The platform has no mail server: its administrator sets DUALSPAN_ANALYTICS_SMTP_HOST.")
        message = email(str(due.delivery_id), due.body, mail.sender, addresses)
        try:
            with self._smtp() as server:
                if mail.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if mail.user:
                    server.login(mail.user, mail.password)
                refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as err:
            raise RefusedError(f"{mail.host} takes mail for none of the addresses.") from err
        except smtplib.SMTPResponseException as err:
            words = f"{mail.host} answers {err.smtp_code}."
            raise (RefusedError if err.smtp_code >= 550 else NotNowError)(words) from err
        except (OSError, smtplib.SMTPException) as err:
            raise NotNowError(f"{mail.host} cannot be reached: {str(err) or type(err).__name__}") from err
        return f"Handed in; not taken for {', '.join(refused)}." if refused else "Handed in."

    def _smtp(self) -> smtplib.SMTP:
        mail = self._mail
        if mail.security == "tls":
            return smtplib.SMTP_SSL(mail.host, mail.port, timeout=_TIMEOUT, context=ssl.create_default_context())
        return smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT)


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return f"Answered {status}."
    if 300 <= status < 400:
        raise RefusedError(f"Answered {status}: redirects are not followed. Give the URL that it leads to.")
    if status in _FINAL:
        raise RefusedError(f"Answered {status}.")
    raise NotNowError(f"Answered {status}.")
