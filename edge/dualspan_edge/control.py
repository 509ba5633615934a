"""The gateway's stream with the platform: configuration and commands down, reports and status up."""

import asyncio
from collections.abc import Callable

import grpc
import structlog

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import gateway_service_pb2_grpc as gateway_grpc
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.backoff import Backoff
from dualspan_edge.browses import Browses
from dualspan_edge.channel import ChannelSource, until_accepted, words_of
from dualspan_edge.clock import ClockOffset, now_microseconds, offset_from
from dualspan_edge.commands import CommandRegistry
from dualspan_edge.gaps import timestamp_of
from dualspan_edge.supervisor import ServerSet
from dualspan_edge.version import VERSION
from dualspan_edge.waiting import cancellation_first, comes, first_to_end

_log = structlog.get_logger(__name__)
_DEFAULT_STATUS_INTERVAL = 5.0
_LEAST_STATUS_INTERVAL = 0.2
# Progress is told no more often, and the platform hears at least so often that a command is alive.
_LEAST_COMMAND_INTERVAL = 0.1
_LONGEST_COMMAND_INTERVAL = 10.0
_Stream = grpc.aio.StreamStreamCall[gateway.ConnectRequest, gateway.ConnectResponse]
StatusSource = Callable[[], onboarding.GatewayStatus]


class Control:
    """Keeps the stream. `run` never returns; cancel it to stop."""

    def __init__(
        self,
        servers: ServerSet,
        commands: CommandRegistry,
        channels: ChannelSource,
        status: StatusSource,
        backoff: Backoff,
    ) -> None:
        self._servers = servers
        self.commands = commands
        self._channels = channels
        self._status = status
        self._backoff = backoff
        self.connected = False
        self.detail = "not connected yet"
        self.clock: ClockOffset | None = None
        # How the run before this one ended; told whenever the stream is opened.
        self.last_words: onboarding.LastWords | None = None

    async def run(self) -> None:
        """Opens the stream again and again."""
        attempt = 0
        while True:
            try:
                with cancellation_first():
                    async with self._channels.open() as channel:
                        await self._talk(channel)
            except Exception as error:  # noqa: BLE001 - supervised: whatever ends the stream, it is opened again
                self._failed(error)
            attempt = 1 if self.connected else attempt + 1
            self.connected = False
            await asyncio.sleep(self._backoff.delay(attempt))

    def _failed(self, error: Exception) -> None:
        words = words_of(error)
        if words != self.detail:
            _log.warning("onboarding_unreachable", error=words)
        self.detail = words

    async def _talk(self, channel: grpc.aio.Channel) -> None:
        stream: _Stream = gateway_grpc.GatewayServiceStub(channel).Connect()
        conversation = _Conversation(self, stream)
        try:
            await conversation.run()
        finally:
            stream.cancel()

    def heard(self, response: gateway.ConnectResponse, hello_sent: int) -> None:
        """Notes that the platform answered, and what its clock shows."""
        if not self.connected:
            self.connected, self.detail = True, ""
            _log.info("onboarding_connected")
        if hello_sent and response.HasField("clock"):
            self.clock = offset_from(hello_sent, now_microseconds(), response.clock.ToMicroseconds())
            self._servers.clock.offset = self.clock.offset

    @property
    def servers(self) -> ServerSet:
        """The servers that are configured."""
        return self._servers

    def status(self) -> onboarding.GatewayStatus:
        """What the gateway says of itself now."""
        return self._status()


class _Conversation:
    """One stream: several speak, one writes."""

    def __init__(self, control: Control, stream: _Stream) -> None:
        self._control = control
        self._stream = stream
        # Short, so that what is said often is not late behind the results of a browse.
        self._outbox: asyncio.Queue[gateway.ConnectRequest] = asyncio.Queue(8)
        self._status_interval = _DEFAULT_STATUS_INTERVAL
        self._hello_sent = now_microseconds()
        self._browses = Browses(control.servers, self._outbox)

    async def run(self) -> None:
        """Talks until the stream ends."""
        ledger = self._control.servers.ledger
        hello = gateway.ConnectRequest.Hello(
            software_version=VERSION,
            observed_revision=ledger.revision,
            clock=timestamp_of(self._hello_sent),
            last_words=self._control.last_words,
        )
        await self._outbox.put(gateway.ConnectRequest(hello=hello))
        ledger.tell_again()
        self._control.commands.tell_again()
        parts = (
            self._write,
            self._read,
            self._report,
            self._send_status,
            self._send_notices,
            self._send_certificates,
            self._send_commands,
        )
        try:
            await first_to_end(*(part() for part in parts))
        finally:
            await self._browses.close()

    async def _write(self) -> None:
        await until_accepted(self._stream)
        while True:
            await self._stream.write(await self._outbox.get())

    async def _read(self) -> None:
        while True:
            response = await self._stream.read()
            if not isinstance(response, gateway.ConnectResponse):
                code, details = await self._stream.code(), await self._stream.details()
                raise ConnectionError(f"the platform ended the stream: {details or code.name}")
            self._control.heard(response, self._hello_sent)
            self._hello_sent = 0
            self._take_status_interval(response.status_interval.ToMilliseconds() / 1000)
            match response.WhichOneof("message"):
                case "configuration":
                    self._control.servers.apply(response.configuration)
                case "command":
                    self._control.commands.accept(response.command)
                case "cancel_command":
                    self._control.commands.cancel(response.cancel_command.command_id)
                    self._browses.cancel(response.cancel_command.command_id)
                case "browse":
                    self._browses.begin(response.browse)
                case _:
                    _log.info("command_unknown", effect="this gateway is older than the platform; update it")

    def _take_status_interval(self, wanted: float) -> None:
        if wanted and wanted != self._status_interval:
            self._status_interval = wanted
            # The wait that goes on has the old length.
            self._control.servers.state_changed.set()

    async def _report(self) -> None:
        ledger = self._control.servers.ledger
        while True:
            await ledger.changed.wait()
            for report in ledger.take():
                await self._outbox.put(gateway.ConnectRequest(configuration_report=report))

    async def _send_notices(self) -> None:
        board = self._control.servers.notices
        while True:
            await self._outbox.put(gateway.ConnectRequest(notices=board.message()))
            await board.changed.wait()

    async def _send_certificates(self) -> None:
        trust = self._control.servers.trust
        while True:
            await self._outbox.put(gateway.ConnectRequest(certificates=trust.message()))
            await trust.changed.wait()

    async def _send_commands(self) -> None:
        registry = self._control.commands
        while True:
            for report in registry.take():
                await self._outbox.put(gateway.ConnectRequest(command_report=report))
            await asyncio.sleep(_LEAST_COMMAND_INTERVAL)
            await comes(registry.changed, _LONGEST_COMMAND_INTERVAL)

    async def _send_status(self) -> None:
        changed = self._control.servers.state_changed
        while True:
            changed.clear()
            await self._outbox.put(gateway.ConnectRequest(status=self._control.status()))
            await asyncio.sleep(_LEAST_STATUS_INTERVAL)
            await comes(changed, self._status_interval)
