"""One attempt to hand something in, by HTTP or by mail: it ends in time, and so does the connection."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TypeVar

from dualspan_analytics.turns import Turns
from dualspan_runtime.webhooks import Caller, Found, NotNowError, RefusedError

T = TypeVar("T")


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


class Sending:
    """Attempts.

    Args:
        mail: Where e-mails are handed in.
        threads: For what cannot be done without: looking names up, and mail.
        turns: Of these threads. One that outlives its attempt, as a name server may make it, still counts.
        private_allowed: Private addresses may be called.
        deadline: Seconds that an attempt takes at most, name, handshake and answer included.
    """

    def __init__(
        self, mail: MailServer, threads: Executor, turns: Turns, *, private_allowed: bool, deadline: float
    ) -> None:
        self._mail = mail
        self._threads = threads
        self._turns = turns
        self._deadline = deadline
        setting = "DUALSPAN_ANALYTICS_PRIVATE_WEBHOOKS"
        self._caller = Caller(self._look_up, setting=setting, private_allowed=private_allowed, deadline=deadline)

    @property
    def deadline(self) -> float:
        """Seconds that an attempt takes at most."""
        return self._deadline

    @property
    def sender(self) -> str:
        """Who writes e-mails."""
        return self._mail.sender

    async def call(self, tenant: str, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        """Post to a URL; what was answered, in words. Raises as `Caller.call`."""
        return await self._caller.call(tenant, url, body, headers)

    async def _look_up(self, tenant: str, host: str, port: int) -> Sequence[Found]:
        return await self._in_thread(tenant, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    async def write(self, tenant: str, message: EmailMessage) -> str:
        """Hand an e-mail in; what became of it, in words.

        Raises:
            RefusedError: It will never be taken.
            NotNowError: It may be taken later.
        """
        mail = self._mail
        if not mail.host:
            raise RefusedError("The platform has no mail server: its administrator sets DUALSPAN_ANALYTICS_SMTP_HOST.")
        server = _Client(is_tls=mail.security == "tls", timeout=self._deadline)
        try:
            async with asyncio.timeout(self._deadline):
                refused = await self._in_thread(tenant, lambda: _handed_in(server, mail, message))
        except TimeoutError as err:
            raise NotNowError(f"{mail.host} has not taken it within {self._deadline:g} s.") from err
        except smtplib.SMTPRecipientsRefused as err:
            raise RefusedError(f"{mail.host} takes mail for none of the addresses.") from err
        except smtplib.SMTPResponseException as err:
            words = f"{mail.host} answers {err.smtp_code}."
            raise (RefusedError if err.smtp_code >= 550 else NotNowError)(words) from err
        except (OSError, smtplib.SMTPException) as err:
            raise NotNowError(f"{mail.host} cannot be reached: {str(err) or type(err).__name__}") from err
        finally:
            server.hang_up()
        return f"Handed in; not taken for {', '.join(refused)}." if refused else "Handed in."

    async def _in_thread(self, tenant: str, work: Callable[[], T]) -> T:
        await self._turns.take(tenant)
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        running.add_done_callback(lambda ended: self._end(tenant, ended))
        return await asyncio.shield(running)

    def _end(self, tenant: str, ended: "asyncio.Future[T]") -> None:
        if not ended.cancelled():
            ended.exception()  # nobody may be left to hear it
        self._turns.give_back(tenant)


class _Client(smtplib.SMTP):
    """A connection that somebody else can end, whatever its thread waits for.

    Args:
        is_tls: From the first byte on.
        timeout: For each step of it, in seconds.
    """

    def __init__(self, *, is_tls: bool, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._is_tls = is_tls
        self._line: socket.socket | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        raw = socket.create_connection((host, port), timeout)
        # Of its own: what becomes of the other one in a handshake does not matter.
        self._line = raw.dup()
        return ssl.create_default_context().wrap_socket(raw, server_hostname=host) if self._is_tls else raw

    def hang_up(self) -> None:
        """End the connection; a thread that waits for it goes on, with an error."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
            self._line.close()


def _handed_in(server: _Client, mail: MailServer, message: EmailMessage) -> Mapping[str, object]:
    server.connect(mail.host, mail.port)
    with server:
        if mail.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if mail.user:
            server.login(mail.user, mail.password)
        return server.send_message(message)
