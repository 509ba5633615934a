"""One server: connected, kept connected, and subscribed as configured."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.historian.v1.repair_pb2 import Coverage
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.backoff import Backoff
from dualspan_edge.buffer import Buffer
from dualspan_edge.clock import PlatformClock, now_microseconds
from dualspan_edge.decoder import PublishResponse
from dualspan_edge.errors import GatewayError, UntrustedServerError
from dualspan_edge.heartbeat import Heartbeats
from dualspan_edge.notices import NoticeBoard
from dualspan_edge.opcua.arrivals import Arrivals, Counters
from dualspan_edge.opcua.browse import Browser
from dualspan_edge.opcua.connection import Connection, SessionTicket, connect
from dualspan_edge.opcua.cyclic import CyclicReads
from dualspan_edge.opcua.monitoring import Monitoring
from dualspan_edge.opcua.nodekeys import NodeNames
from dualspan_edge.opcua.pump import PublishPump
from dualspan_edge.opcua.record import ServerRecord
from dualspan_edge.opcua.subscription import Subscription
from dualspan_edge.opcua.subscriptions import Subscriptions
from dualspan_edge.opcua.trust_desk import ShowNewCertificate, TrustDesk
from dualspan_edge.opcua.unreachable import Unreachable
from dualspan_edge.opcua.words import failure_words
from dualspan_edge.repair import RepairDesk, Repairer
from dualspan_edge.samples import TagTable
from dualspan_edge.waiting import cancellation_first, comes, first_to_end

_CLOCK_INTERVAL = 10.0
_HEARTBEAT_CHECK = 0.5
# Holes of more tags than this are one hole of the server.
_MOST_TAG_HOLES = 500

ReportSink = Callable[[Sequence[gateway.TagReport]], None]


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
        notices: NoticeBoard,
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
            notices: Where people are told.
            repairs: How gaps are filled; None: not at all.
        """
        self._configuration = configuration
        self._log = structlog.get_logger(__name__).bind(server=configuration.server)
        self._trust = trust
        self._buffer = buffer
        self._report = report
        self._state_changed = state_changed
        self._backoff = backoff
        self._changed = asyncio.Event()
        table = TagTable()
        self._heartbeats = Heartbeats()
        self._arrivals = Arrivals(configuration.server, table, buffer, clock, self._heartbeats)
        self._subscriptions = Subscriptions(table)
        self._cyclic = CyclicReads(table, self._arrivals.take_read, self._read_late)
        self._ticket: SessionTicket | None = None
        self._connection: Connection | None = None
        self._record = ServerRecord(configuration.server, buffer, missing_since)
        self._monitoring = Monitoring(self._subscriptions, self._cyclic, self._heartbeats, self._record)
        self._repairs = repairs
        self._unreachable = Unreachable(configuration.server, notices)
        self._is_trust = False
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
    def counters(self) -> Counters:
        """What has come since the start."""
        return self._arrivals.counters

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
                self._unreachable.over()
                self._set_state(onboarding.CONNECTION_STATE_UNTRUSTED, str(error), error.judgement.approvable)
            except Exception as error:  # noqa: BLE001 - supervised: whatever a server does, we try again
                self._failed(error, attempt + 1)
            if asyncio.get_running_loop().time() - started > self._backoff.longest:
                attempt = 0
            attempt += 1
            await comes(self._changed, self._backoff.delay(attempt))

    # Receiver of the publish pump.

    def received(self, subscription: Subscription, response: PublishResponse) -> "asyncio.Future[None]":
        """Takes a notification; the future is done when it is on the disk."""
        return self._arrivals.take_notification(response)

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
            self._arrivals.node_names = NodeNames(connection.namespaces)
            pump = PublishPump(connection, self._subscriptions, self)
            await self._apply(connection, pump, retry=True)
            self._set_state(onboarding.CONNECTION_STATE_CONNECTED, connection.chosen.warning)
            self._log.info("server_connected", resumed=connection.resumed, items=self._subscriptions.item_count)
            await first_to_end(
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
            self._is_trust = self._trust.failed(configuration.server, error, instance)
            raise
        self._is_trust = False
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
        self._lost_of(self._cyclic.tags, historian.GAP_CAUSE_CONNECTION_LOST, since, now_microseconds(), why)

    def _read_late(self, tag_ids: Collection[int], start: int, end: int, why: str) -> None:
        """Reads that were due were left out, because the server was slow."""
        whole = [0] if len(tag_ids) > _MOST_TAG_HOLES else tag_ids
        self._lost_of(whole, historian.GAP_CAUSE_SERVER_OVERFLOW, start, end, why)

    def _lost_of(
        self, tag_ids: Iterable[int], cause: historian.GapCause.ValueType, start: int, end: int, why: str
    ) -> None:
        for tag_id in tag_ids:
            self._record.lost(cause, start, end, why, tag_id)

    async def _apply(self, connection: Connection, pump: PublishPump, *, retry: bool) -> None:
        """Monitors what is configured and nothing else; then says how each tag fares."""
        tags = self._configuration.tags
        if await self._monitoring.apply(connection, tags, retry=retry):
            pump.wake()
        self.status.monitored_items = self._subscriptions.item_count
        self._report(self._monitoring.reports_of(tags))

    async def _follow(self, connection: Connection, pump: PublishPump, applied: gateway.ServerConfiguration) -> None:
        """Applies each new configuration; from time to time asks again for what was refused."""
        while True:
            changed = await comes(self._changed, self._monitoring.until_next_step())
            await self._subscriptions.end_retired(connection)
            if not changed and not self._monitoring.is_retry_due():
                continue
            self._changed.clear()
            if _way(self._configuration) != _way(applied):
                raise Reconfigured
            await self._apply(connection, pump, retry=not changed or self._record.since is not None)

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
        since = asyncio.get_running_loop().time()
        while True:
            if asyncio.get_running_loop().time() - since >= _CLOCK_INTERVAL:
                self._unreachable.over()
            offset = await connection.read_clock()
            if offset is not None:
                # The contract has it the other way round: the server's clock minus ours.
                self.status.clock_offset.FromMicroseconds(-offset.offset)
                self._record.shift = -offset.offset
            await asyncio.sleep(_CLOCK_INTERVAL)

    def _failed(self, error: Exception, attempt: int) -> None:
        words = failure_words(error)
        if self._is_trust:
            self._unreachable.over()
        else:
            self._unreachable.failed(attempt, words)
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


def _way(configuration: gateway.ServerConfiguration) -> gateway.ServerConfiguration:
    """The configuration without its tags: how the server is connected to."""
    way = gateway.ServerConfiguration()
    way.CopyFrom(configuration)
    way.ClearField("tags")
    return way
