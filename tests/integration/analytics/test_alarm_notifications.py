"""What is told of alarms reaches real receivers: signed HTTP calls, mail through a real SMTP server, once each."""

import asyncio
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub, NotificationChannelServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import alarms
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_frame import ValueKind
from harness.analytics import AnalyticsPlatform, Bound, Plant, line, machine, running_analytics, site
from harness.databases import clone, drop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "0123456789abcdef"
HEAT = PropertyRef("imm01", "mould-temperature", 1)
ASSETS = [
    site("wuhan"),
    line("moulding", "wuhan"),
    machine("imm01", "injection-moulding-machine", [Bound("mould-temperature", 1, ValueKind.FLOAT64)], "moulding"),
]


@dataclass
class Receiver:
    """A program that is called."""

    url: str
    answers: list[int] = field(default_factory=list)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiver() -> Generator[Receiver]:
    """One that answers as told, then 200."""
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            found.calls.append((dict(self.headers), content))
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the interface's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/hook?line=1"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


class Mailbox:
    """What a mail server got."""

    def __init__(self) -> None:
        self.messages: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        self.messages.append(envelope)
        return "250 OK"


@pytest.fixture(scope="module")
def mail() -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


async def until(holds: Callable[[], bool], timeout: float = 20.0) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


@contextmanager
def dripping() -> Generator[tuple[str, list[socket.socket]]]:
    """A program that answers a byte now and then, for as long as anybody listens; its callers."""
    callers: list[socket.socket] = []

    def drip(caller: socket.socket) -> None:
        with caller, suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000:
                caller.sendall(bytes([letter]))
                time.sleep(0.5)

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                callers.append(server.accept()[0])
                threading.Thread(target=drip, args=(callers[-1],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        listening = threading.Thread(target=serve, args=(server,), daemon=True)
        listening.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", callers
        server.shutdown(socket.SHUT_RDWR)
    listening.join()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telling(
    migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, mail: tuple[Mailbox, int]
) -> AsyncGenerator[AnalyticsPlatform]:
    """A platform that may call 127.0.0.1 and has a mail server."""
    database = await clone(migrated_postgres, "test_alarm_notifications")
    settings: dict[str, Any] = {
        "private_webhooks": True,
        "smtp_host": "127.0.0.1",
        "smtp_port": mail[1],
        "smtp_security": "none",
        "smtp_sender": "alarms@plant.example",
        "alarm_interval_seconds": 0.1,
    }
    try:
        async with running_analytics(database, redis_server.url(), **settings) as running:
            yield running
    finally:
        await drop(database)


class Desk:
    """A plant with a rule, channels, and a worker that sweeps when it is told to."""

    def __init__(self, platform: AnalyticsPlatform, plant: Plant) -> None:
        self.platform = platform
        self.plant = plant
        self.channels = NotificationChannelServiceStub(plant.channel)

    async def begin(self, channel: contract.NotificationChannel) -> None:
        await self.add_channel("c1", channel)
        rule = contract.AlarmRule(
            display_name="Too hot",
            response="Cool it.",
            scope=contract.AlarmRule.Scope(assets=["imm01"]),
            property="mould-temperature",
            limits=contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level="H", value=90.0)]),
            priority=contract.ALARM_PRIORITY_HIGH,
        )
        await self.plant.ingest({HEAT: ([time.time_ns() // 1000], [95.0])})
        await AlarmServiceStub(self.plant.channel).CreateAlarmRule(
            contract.CreateAlarmRuleRequest(parent=self.plant.parent, alarm_rule_id="hot", alarm_rule=rule)
        )
        end = time.monotonic() + 20
        while not await self.deliveries():
            assert time.monotonic() < end
            await asyncio.sleep(0.05)

    async def add_channel(self, channel_id: str, channel: contract.NotificationChannel) -> None:
        await self.channels.CreateNotificationChannel(
            contract.CreateNotificationChannelRequest(
                parent=self.plant.parent, notification_channel_id=channel_id, notification_channel=channel
            )
        )

    async def flood(self, count: int, channel_id: str = "c1") -> None:
        """As many messages more as are to be sent at once."""
        async with self.platform.parts.database.transaction(self.plant.tenant) as connection:
            await connection.execute(
                "INSERT INTO notification_delivery (tenant_id, channel_id, alarm_id, sequence, body)"
                " SELECT tenant_id, $1, alarm_id, -number, body FROM notification_delivery,"
                " generate_series(1, $2) AS number WHERE channel_id = 'c1' AND sequence > 0",
                channel_id,
                count,
            )

    async def deliveries(self) -> list[contract.NotificationDelivery]:
        request = contract.ListNotificationDeliveriesRequest(parent=self.plant.parent)
        return list((await self.channels.ListNotificationDeliveries(request)).notification_deliveries)

    async def sweep(self, **settings: object) -> contract.NotificationDelivery:
        parts = self.platform.parts
        if settings:
            changed = AnalyticsSettings.model_validate(parts.settings.model_dump() | settings)
            parts = replace(parts, settings=changed)
        await alarms.deliver(parts)
        return (await self.deliveries())[0]

    async def due_now(self) -> None:
        async with self.platform.parts.database.transaction(self.plant.tenant) as connection:
            await connection.execute("UPDATE notification_delivery SET next_at = now()")


@pytest_asyncio.fixture(loop_scope="module")
async def desk(telling: AnalyticsPlatform) -> Desk:
    return Desk(telling, await telling.plant(ASSETS))


def webhook(url: str, **more: object) -> contract.NotificationChannel:
    hook = contract.NotificationChannel.Webhook(url=url, secret=SECRET)
    return contract.NotificationChannel(webhook=hook, **more)  # type: ignore[arg-type]


async def test_a_call_is_signed_and_tried_again_under_the_same_id(desk: Desk) -> None:
    with receiver() as program:
        program.answers = [503]
        await desk.begin(webhook(program.url))
        first = await desk.sweep()
        assert (first.state, first.attempts) == (contract.NOTIFICATION_DELIVERY_STATE_PENDING, 1)
        assert first.detail == "Answered 503."
        await desk.sweep()
        assert len(program.calls) == 1, "it is not due yet"
        await desk.due_now()
        second = await desk.sweep()
        assert second.state == contract.NOTIFICATION_DELIVERY_STATE_DELIVERED
        await desk.due_now()
        await desk.sweep()
    assert len(program.calls) == 2
    for headers, content in program.calls:
        stamp, _, proof = headers["DualSpan-Signature"].partition(",")
        signed = f"{stamp.removeprefix('t=')}.{second.id}.".encode() + content
        assert proof == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert headers["DualSpan-Delivery"] == second.id
    said = json.loads(program.calls[0][1])
    assert (said["message"], said["cause"], said["value"]) == ("Too hot", "RAISED", 95.0)
    assert program.calls[0][1] == program.calls[1][1]


async def test_a_redirect_is_not_followed(desk: Desk) -> None:
    with receiver() as program:
        program.answers = [302]
        await desk.begin(webhook(program.url))
        ended = await desk.sweep()
    assert ended.state == contract.NOTIFICATION_DELIVERY_STATE_FAILED
    assert "redirects are not followed" in ended.detail
    assert len(program.calls) == 1


async def test_a_private_address_is_not_called_where_it_is_not_allowed(desk: Desk) -> None:
    with receiver() as program:
        await desk.begin(webhook(program.url))
        ended = await desk.sweep(private_webhooks=False)
    assert ended.state == contract.NOTIFICATION_DELIVERY_STATE_FAILED
    assert "no address on the internet" in ended.detail
    assert not program.calls


async def test_who_is_away_is_tried_later_and_in_the_end_given_up(desk: Desk) -> None:
    with receiver() as program:
        url = program.url
    await desk.begin(webhook(url))
    assert (await desk.sweep()).state == contract.NOTIFICATION_DELIVERY_STATE_PENDING
    async with desk.platform.parts.database.transaction(desk.plant.tenant) as connection:
        await connection.execute("UPDATE notification_delivery SET attempts = 11, next_at = now()")
    ended = await desk.sweep()
    assert ended.state == contract.NOTIFICATION_DELIVERY_STATE_FAILED
    assert "Given up after 12 attempts" in ended.detail


async def test_people_are_written_to(desk: Desk, mail: tuple[Mailbox, int]) -> None:
    people = contract.NotificationChannel.Email(addresses=["shift@plant.example", "chief@plant.example"])
    await desk.begin(contract.NotificationChannel(email=people))
    ended = await desk.sweep()
    assert (ended.state, ended.detail) == (contract.NOTIFICATION_DELIVERY_STATE_DELIVERED, "Handed in.")
    (message,) = mail[0].messages
    assert message.rcpt_tos == ["shift@plant.example", "chief@plant.example"]
    assert isinstance(message.content, bytes)
    assert b"Subject: [HIGH] Too hot - imm01: UNACKNOWLEDGED" in message.content
    assert f"Message-ID: <{ended.id}@plant.example>".encode() in message.content


async def test_without_a_mail_server_it_says_so(desk: Desk) -> None:
    people = contract.NotificationChannel.Email(addresses=["shift@plant.example"])
    await desk.begin(contract.NotificationChannel(email=people))
    assert "DUALSPAN_ANALYTICS_SMTP_HOST" in (await desk.sweep(smtp_host="")).detail


async def test_a_channel_hears_only_what_it_wants_and_its_secret_is_never_shown(desk: Desk) -> None:
    await desk.channels.CreateNotificationChannel(
        contract.CreateNotificationChannelRequest(
            parent=desk.plant.parent,
            notification_channel_id="c0",
            notification_channel=webhook("https://example.org/x", minimum_priority=contract.ALARM_PRIORITY_CRITICAL),
        )
    )
    await desk.begin(webhook("https://example.org/y"))
    assert [each.notification_channel.rpartition("/")[2] for each in await desk.deliveries()] == ["c1"]
    listed = await desk.channels.ListNotificationChannels(
        contract.ListNotificationChannelsRequest(parent=desk.plant.parent)
    )
    assert [each.webhook.secret for each in listed.notification_channels] == ["", ""]
    await desk.channels.DeleteNotificationChannel(
        contract.DeleteNotificationChannelRequest(name=listed.notification_channels[1].name)
    )
    assert not await desk.deliveries()


async def test_who_answers_byte_by_byte_holds_neither_others_nor_the_worker(telling: AnalyticsPlatform) -> None:
    bad, good = Desk(telling, await telling.plant(ASSETS)), Desk(telling, await telling.plant(ASSETS))
    with dripping() as (url, callers), receiver() as program:
        await bad.begin(webhook(url))
        await bad.flood(40)
        sweeping = asyncio.create_task(bad.sweep(notification_timeout_seconds=4.0))
        await until(lambda: len(callers) == 2)
        began = time.monotonic()
        await good.begin(webhook(program.url))
        await until(lambda: bool(program.calls), 3.0)
        # Another worker leaves what is being sent to the first one, whatever else is due.
        await asyncio.wait_for(good.sweep(), 3.0)
        await asyncio.wait_for(sweeping, 8.0)
        assert time.monotonic() - began < 8.0
        assert len(callers) == 2, "a channel has two attempts at the same time"
    details = {each.detail for each in await bad.deliveries() if each.attempts}
    assert details == {"127.0.0.1 has not answered within 4 s."}


async def test_one_channel_that_does_not_answer_holds_no_other_of_its_plant(desk: Desk) -> None:
    with dripping() as (url, callers), receiver() as program:
        await desk.begin(webhook(url))
        await desk.flood(40)
        await desk.add_channel("c2", webhook(program.url))
        await desk.flood(3, "c2")
        await asyncio.wait_for(desk.sweep(notification_timeout_seconds=3.0), 10.0)
        assert (len(callers), len(program.calls)) == (2, 3)


@pytest.mark.parametrize(
    "channel",
    [
        contract.NotificationChannel(),
        webhook("ftp://example.org"),
        webhook("https://user:word@example.org"),
        webhook("https://example.org:99999/"),
        contract.NotificationChannel(webhook=contract.NotificationChannel.Webhook(url="https://x.org", secret="short")),
        contract.NotificationChannel(email=contract.NotificationChannel.Email(addresses=["x@y\r\nBcc: z@y"])),
        contract.NotificationChannel(email=contract.NotificationChannel.Email()),
    ],
)
async def test_a_channel_that_nothing_can_be_sent_to_is_refused(
    desk: Desk, channel: contract.NotificationChannel
) -> None:
    request = contract.CreateNotificationChannelRequest(
        parent=desk.plant.parent, notification_channel_id="c1", notification_channel=channel
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await desk.channels.CreateNotificationChannel(request)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
