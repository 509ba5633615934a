"""One server: connected, kept connected, and subscribed as configured."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.historian.v1.repair_pb2 import Coverage
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.backoff import Backoff
from dualspan_edge.buffer import Buffer
from dualspan_edge.clock import PlatformClock, now_microseconds
from dualspan_edge.decoder import DataChange, DecodeError, PublishResponse
from dualspan_edge.errors import GatewayError, UntrustedServerError
from dualspan_edge.gaps import gap, overflow_gaps
from dualspan_edge.heartbeat import Heartbeats
from dualspan_edge.opcua.browse import Browser
from dualspan_edge.opcua.connection import Connection, SessionTicket, connect
from dualspan_edge.opcua.cyclic import CyclicReads
from dualspan_edge.opcua.events import take_events
from dualspan_edge.opcua.nodekeys import NodeNames
from dualspan_edge.opcua.pump import PublishPump
from dualspan_edge.opcua.record import ServerRecord
from dualspan_edge.opcua.subscriptions import Subscription, Subscriptions
from dualspan_edge.opcua.trust_desk import ShowNewCertificate, TrustDesk
from dualspan_edge.opcua.words import status_words
from dualspan_edge.repair import RepairDesk, Repairer
from dualspan_edge.samples import TagTable
from dualspan_edge.waiting import cancellation_first, comes
from dualspan_frame import Block

_CLOCK_INTERVAL = 10.0
_HEARTBEAT_CHECK = 0.5
# Holes of more tags than this are one hole of the server.
_MOST_TAG_HOLES = 500
# A refused item may become possible: a node appears, a right is given.
_RETRY_REFUSED = 60.0
_LOST_EVENTS = "the server's queue of events overflowed: it raised more than it could keep between two notifications"

ReportSink = Callable[[Sequence[gateway.TagReport]], None]


@dataclass(slots=True)
class Counters:
    """What has come since the start."""

    received_samples: int = 0
    overflowed_samples: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection, and how many subscriptions of ours run over it."""

    connection: Connection
    subscriptions: int


class Reconfigured(Exception):
    """The way to the server has changed."""


class ServerWorker:
    """Keeps one server connected and subscribed. `run` never returns; cancel it to stop."""

    def __init__(
        self,
        configuration: gateway.ServerConfiguration,
        *,
        trust: TrustDesk,
        buffer: Buffer,
        report: ReportSink,
        state_changed: Callable[[], None],
        backoff: Backoff,
        clock: PlatformClock,
        missing_since: int,
        repairs: RepairDesk | None = None,
    ) -> None:
        """Prepares a worker.

        Args:
            configuration: What to connect to and what to subscribe to.
            trust: Whom the gateway trusts, and who it is.
            buffer: Where samples and gaps go.
            report: Told how each tag fares.
            state_changed: Told when `status` says something else.
            backoff: Between attempts.
            clock: What time it is, where that is known better than here.
            missing_since: Until when an earlier run of the gateway had everything of this server, microseconds;
                0 if there was none.
            repairs: How gaps are filled; None: not at all.
        """
        self._configuration = configuration
        self._log = structlog.get_logger(__name__).bind(server=configuration.server)
        self._trust = trust
        self._buffer = buffer
        self._report = report
        self._state_changed = state_changed
        self._backoff = backoff
        self._clock = clock
        self._changed = asyncio.Event()
        self._subscriptions = Subscriptions(TagTable())
        self._cyclic = CyclicReads(self._subscriptions.table, self._take_read)
        self._heartbeats = Heartbeats()
        self._reports: dict[int, gateway.TagReport] = {}
        # What the server was last asked for, by tag id.
        self._asked: dict[int, gateway.TagConfiguration] = {}
        # When refused tags are asked for again, on the event loop's clock.
        self._retry_at = 0.0
        self._ticket: SessionTicket | None = None
        self._connection: Connection | None = None
        self._node_names = NodeNames(())
        self._record = ServerRecord(configuration.server, buffer, missing_since)
        self._repairs = repairs
        self.counters = Counters()
        self.status = onboarding.ServerStatus(server=configuration.server, state=onboarding.CONNECTION_STATE_CONNECTING)

    @property
    def configuration(self) -> gateway.ServerConfiguration:
        """What is wanted now."""
        return self._configuration

    @property
    def server(self) -> str:
        """The server's id."""
        return self._configuration.server

    @property
    def complete_until(self) -> int:
        """The last moment before which nothing of this server is missing, microseconds; 0 before the first."""
        if self._record.since is not None:
            return self._record.since
        known = [_complete_until(subscription) for subscription in self._subscriptions.by_id.values()]
        if self._cyclic.tags:
            known.append(self._cyclic.complete_until)
        return min(known, default=0)

    def configure(self, configuration: gateway.ServerConfiguration) -> None:
        """Changes what is wanted; what stays the same goes on undisturbed."""
        self._configuration = configuration
        self._changed.set()

    def browse(self, root_node_id: str, max_nodes: int) -> Browser:
        """A browse of what the server offers, not begun yet.

        Raises:
            GatewayError: The server is not connected, or the root is no node of it.
        """
        return Browser(self.connected().connection, root_node_id, max_nodes)

    def connected(self) -> Connected:
        """The connection as it stands.

        Raises:
            GatewayError: The server is not connected.
        """
        if self._connection is None:
            raise GatewayError(f"the server {self.server} is not connected: {self.status.detail or 'try again later'}")
        return Connected(self._connection, len(self._subscriptions.by_id))

    async def run(self) -> None:
        """Connects again and again, each time with a fresh client."""
        try:
            await self._keep_connected()
        finally:
            self._record.leave()

    async def _keep_connected(self) -> None:
        attempt = 0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                with cancellation_first():
                    await self._live()
            except Reconfigured:
                attempt = 0
                continue
            except ShowNewCertificate:
                attempt = 0
                continue
            except UntrustedServerError as error:
                self._set_state(onboarding.CONNECTION_STATE_UNTRUSTED, str(error), error.judgement.approvable)
            except Exception as error:  # noqa: BLE001 - supervised: whatever a server does, we try again
                self._failed(error)
            if asyncio.get_running_loop().time() - started > self._backoff.longest:
                attempt = 0
            attempt += 1
            await comes(self._changed, self._backoff.delay(attempt))

    # Receiver of the publish pump.

    def received(self, subscription: Subscription, response: PublishResponse) -> "asyncio.Future[None]":
        """Takes a notification; the future is done when it is on the disk."""
        del subscription
        gaps: list[historian.Gap] = []
        now = self._clock.platform_now()
        blocks: list[Block] = []
        for change in response.data_changes:
            received = self._subscriptions.table.receive(change, now)
            blocks += received.blocks
            self.counters.received_samples += received.sample_count
            if received.overflow is not None:
                self.counters.overflowed_samples += len(received.overflow.tag)
                gaps += overflow_gaps(received.overflow, self.server)
        if response.events:
            blocks += self._take_events(response, now, gaps)
        if self._heartbeats:
            self._heartbeats.note(blocks)
        return self._buffer.submit(tuple(blocks), gaps)

    def _take_read(self, change: DataChange) -> "asyncio.Future[None]":
        received = self._subscriptions.table.receive(change, self._clock.platform_now())
        self.counters.received_samples += received.sample_count
        if self._heartbeats:
            self._heartbeats.note(received.blocks)
        return self._buffer.submit(received.blocks, ())

    def _take_events(self, response: PublishResponse, now: int, gaps: list[historian.Gap]) -> list[Block]:
        arrived = take_events(response.events, self._node_names.node_id, now)
        block = self._subscriptions.table.receive_events(arrived.samples)
        if block is None:
            return []
        self.counters.received_samples += len(block)
        lost = self._subscriptions.table.tags_of(arrived.overflowed)
        cause = historian.GAP_CAUSE_SERVER_OVERFLOW
        gaps += [gap(cause, now, now, server=self.server, tag_id=tag_id, detail=_LOST_EVENTS) for tag_id in lost]
        return [block]

    def missed(self, subscription: Subscription, why: str) -> None:
        """Notifications are lost and cannot be had again."""
        start, end = _complete_until(subscription), now_microseconds()
        self._record.lost(historian.GAP_CAUSE_SUBSCRIPTION_LOST, start, end, why)

    def lost(self, subscription: Subscription, why: str) -> None:
        """The server gave a subscription up: it is made again."""
        self._log.warning("subscription_lost", why=why)
        self._record.note(historian.GAP_CAUSE_SUBSCRIPTION_LOST, _complete_until(subscription), why)
        self._changed.set()

    # A connection's life.

    async def _live(self) -> None:
        self._changed.clear()
        if self.status.state == onboarding.CONNECTION_STATE_CONNECTED:
            self._set_state(onboarding.CONNECTION_STATE_CONNECTING, self.status.detail)
        configuration = self._configuration
        connection = await self._connect(configuration)
        keep_session = True
        try:
            await self._take_over(connection)
            self._note_unread()
            self._subscriptions.ask_for_conditions()
            self._connection = connection
            self._node_names = NodeNames(connection.namespaces)
            pump = PublishPump(connection, self._subscriptions, self)
            await self._apply(connection, pump, retry=True)
            self._set_state(onboarding.CONNECTION_STATE_CONNECTED, connection.chosen.warning)
            self._log.info("server_connected", resumed=connection.resumed, items=self._subscriptions.item_count)
            await _first_to_fail(
                pump.run(),
                connection.keep_channel(),
                self._watch_clock(connection),
                self._follow(connection, pump, configuration),
                self._cyclic.run(connection),
                self._beat(),
                self._trust.follow(configuration, connection.chosen),
                *self._repairers(connection),
            )
        except (Reconfigured, asyncio.CancelledError):
            keep_session = False
            raise
        finally:
            self._connection = None
            self._ticket = connection.ticket if keep_session else None
            await connection.close(keep_session=keep_session)

    async def _connect(self, configuration: gateway.ServerConfiguration) -> Connection:
        instance = self._trust.instance_for(configuration.server)
        try:
            connection = await connect(configuration, instance, self._ticket, self._trust.anchors, self._trust.dial)
        except Exception as error:
            self._trust.failed(configuration.server, error, instance)
            raise
        self._trust.connected(configuration.server, connection, instance)
        return connection

    async def _take_over(self, connection: Connection) -> None:
        """Brings subscriptions of the last connection into this one; what cannot be brought is a hole."""
        if connection.resumed:
            return
        lost: Sequence[Subscription] = ()
        if self._subscriptions.by_id:
            lost = await self._subscriptions.transfer(connection)
        for subscription in lost:
            since = _complete_until(subscription)
            self._record.note(
                historian.GAP_CAUSE_CONNECTION_LOST, since, self.status.detail or "the connection was lost"
            )
            self._subscriptions.forget(subscription)
        if not self._subscriptions.by_id:
            self._subscriptions.begin_session()

    def _note_unread(self) -> None:
        """What was not read while there was no connection; a subscription may have come over it, a read has not."""
        since, why = self._cyclic.complete_until, self.status.detail or "the connection was lost"
        if not self._cyclic.tags or not since:
            return
        if len(self._cyclic.tags) > _MOST_TAG_HOLES:
            self._record.note(historian.GAP_CAUSE_CONNECTION_LOST, since, why)
            return
        now = now_microseconds()
        for tag_id in self._cyclic.tags:
            self._record.lost(historian.GAP_CAUSE_CONNECTION_LOST, since, now, why, tag_id)

    async def _apply(self, connection: Connection, pump: PublishPump, *, retry: bool) -> None:
        """Monitors what is configured and nothing else; then says how each tag fares."""
        self._retry_at = asyncio.get_running_loop().time() + _RETRY_REFUSED
        wanted = {tag.tag_id: tag for tag in self._configuration.tags}
        cyclic = {tag_id: tag for tag_id, tag in wanted.items() if _is_cyclic(tag)}
        subscribed = {tag_id: tag for tag_id, tag in wanted.items() if tag_id not in cyclic}
        self._heartbeats.configure(wanted.values())
        have = self._subscriptions.tags()
        await self._subscriptions.remove(connection, [tag_id for tag_id in have if tag_id not in subscribed])
        have = self._subscriptions.tags()
        differing = [
            tag
            for tag_id, tag in subscribed.items()
            if have.get(tag_id) != tag and (retry or not self._was_refused(tag))
        ]
        reports = await self._change(connection, differing, have)
        if retry or cyclic != self._cyclic.tags:
            reports += await self._cyclic.configure(connection, list(cyclic.values()))
        self._reports.update((report.tag_id, report) for report in reports)
        self._asked.update((tag.tag_id, tag) for tag in differing)
        if differing:
            pump.wake()
        self._record.settle(wanted, {**self._subscriptions.tags(), **self._cyclic.tags})
        self.status.monitored_items = self._subscriptions.item_count
        self._report([self._reports[tag_id] for tag_id in wanted if tag_id in self._reports])

    async def _change(
        self, connection: Connection, differing: Sequence[gateway.TagConfiguration], have: Mapping[int, object]
    ) -> list[gateway.TagReport]:
        """Brings tags to what is configured: those that run go on, whatever changes of them."""
        now = now_microseconds()
        running = [tag for tag in differing if tag.tag_id in have]
        missing = [tag for tag in differing if tag.tag_id not in have]
        reports = await self._subscriptions.replace(connection, running, now) if running else []
        reports += await self._subscriptions.add(connection, missing, now) if missing else []
        return reports + await self._subscriptions.refresh_conditions(connection)

    def _was_refused(self, tag: gateway.TagConfiguration) -> bool:
        """Whether the server has refused just this."""
        report = self._reports.get(tag.tag_id)
        refused = report is not None and report.state == onboarding.TAG_STATE_REFUSED
        return refused and self._asked.get(tag.tag_id) == tag

    async def _follow(self, connection: Connection, pump: PublishPump, applied: gateway.ServerConfiguration) -> None:
        """Applies each new configuration; from time to time asks again for what was refused."""
        while True:
            changed = await comes(self._changed, self._until_next_step())
            await self._subscriptions.end_retired(connection)
            if not changed and asyncio.get_running_loop().time() < self._retry_at:
                continue
            self._changed.clear()
            if _way(self._configuration) != _way(applied):
                raise Reconfigured
            await self._apply(connection, pump, retry=not changed or self._record.since is not None)

    def _until_next_step(self) -> float:
        """Seconds until something is to be done although nothing has changed."""
        now = asyncio.get_running_loop().time()
        end = self._subscriptions.next_end
        return max(min(self._retry_at, self._retry_at if end is None else end) - now, 0.0)

    async def _beat(self) -> None:
        """Repeats the last value of silent tags, up to the moment until which the server has said that it holds."""
        while True:
            await asyncio.sleep(_HEARTBEAT_CHECK)
            if not self._heartbeats:
                continue
            shift = self.status.clock_offset.ToMicroseconds()
            until = dict.fromkeys(self._cyclic.tags, self._cyclic.complete_until + shift)
            for subscription in self._subscriptions.by_id.values():
                told = _complete_until(subscription) + shift
                until.update(dict.fromkeys(subscription.tag_ids, told))
            confirmed = {tag_id: until[tag_id] for tag_id in self._heartbeats.tag_ids if tag_id in until}
            blocks = self._heartbeats.due(confirmed)
            if blocks:
                await self._buffer.submit(tuple(blocks), ())

    async def _watch_clock(self, connection: Connection) -> None:
        while True:
            offset = await connection.read_clock()
            if offset is not None:
                # The contract has it the other way round: the server's clock minus ours.
                self.status.clock_offset.FromMicroseconds(-offset.offset)
                self._record.shift = -offset.offset
            await asyncio.sleep(_CLOCK_INTERVAL)

    def _failed(self, error: Exception) -> None:
        words = failure_words(error)
        if words != self.status.detail:
            self._log.warning("server_failed", error=words, kind=type(error).__name__)
        self._set_state(onboarding.CONNECTION_STATE_FAILED, words)

    def _set_state(self, state: onboarding.ConnectionState.ValueType, detail: str, certificate: bytes = b"") -> None:
        self.status.state = state
        self.status.detail = detail
        self.status.untrusted_certificate = certificate
        if state != onboarding.CONNECTION_STATE_CONNECTED:
            self.status.monitored_items = 0
        self._state_changed()

    def coverage(self) -> Coverage:
        """How far everything of this server has come, and what changed since this was asked last."""
        return self._record.coverage(self.complete_until)

    def _repairers(self, connection: Connection) -> list[Coroutine[Any, Any, None]]:
        if self._repairs is None:
            return []
        return [Repairer(self.server, connection, lambda: self._configuration.tags, self._repairs).run()]


def _complete_until(subscription: Subscription) -> int:
    return subscription.heard_at - int(subscription.publishing_ms * 1000)


def _is_cyclic(tag: gateway.TagConfiguration) -> bool:
    return tag.acquisition.mode == sampling.ACQUISITION_MODE_CYCLIC_READ


def _way(configuration: gateway.ServerConfiguration) -> gateway.ServerConfiguration:
    """The configuration without its tags: how the server is connected to."""
    way = gateway.ServerConfiguration()
    way.CopyFrom(configuration)
    way.ClearField("tags")
    return way


def failure_words(error: Exception) -> str:
    """What went wrong with a server, and what to do."""
    if isinstance(error, UaStatusCodeError):
        return status_words(int(error.code))
    if isinstance(error, DecodeError):
        return f"the server sends messages that break the protocol: {error}"
    if isinstance(error, TimeoutError):
        return str(error) or "the server does not answer in time; check that it runs and can be reached"
    if isinstance(error, GatewayError | ua.UaError):
        return str(error)
    if isinstance(error, OSError):
        return (
            f"the server cannot be reached ({error.strerror or error}); check that it runs, the address, the firewall"
        )
    return f"{type(error).__name__}: {error}"


async def _first_to_fail(*work: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends; the others are cancelled, and its exception is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
