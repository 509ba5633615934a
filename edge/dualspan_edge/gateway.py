"""A gateway, put together and run."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable

import structlog

from dualspan_edge.buffer import Buffer
from dualspan_edge.commands import CommandRegistry
from dualspan_edge.configuration import ConfigurationFile
from dualspan_edge.control import Control
from dualspan_edge.diagnosis import ConnectionTester
from dualspan_edge.discovery import Finder
from dualspan_edge.inspection import Inspection
from dualspan_edge.last_words import LastWords
from dualspan_edge.notices import NoticeBoard
from dualspan_edge.opcua.own_certificates import OwnCertificates
from dualspan_edge.opcua.reverse import ReverseListener
from dualspan_edge.opcua.trust_desk import TrustDesk
from dualspan_edge.opcua.trust_push import TrustPusher
from dualspan_edge.repair import RepairDesk
from dualspan_edge.settings import GatewaySettings
from dualspan_edge.status import StatusWriter
from dualspan_edge.supervisor import IdentityKeeper, ServerSet, running, watch_clock
from dualspan_edge.uplink import Uplink
from dualspan_edge.writes import WriteDesk

_log = structlog.get_logger(__name__)


class Gateway:
    """A gateway, put together."""

    def __init__(self, settings: GatewaySettings, words: LastWords | None = None) -> None:
        """Puts a gateway together.

        Args:
            settings: What can be set about it.
            words: How the run before this one ended.
        """
        self._settings = settings
        self._before = None if words is None else words.before
        self._keeper = IdentityKeeper(settings.data_dir)
        self._buffer = Buffer(settings.data_dir, settings.buffer_limits())

    async def run(self) -> None:
        """Runs until it is cancelled; then ends every connection, and stores what has come."""
        settings, buffer, keeper = self._settings, self._buffer, self._keeper
        notices = NoticeBoard()
        own = await asyncio.to_thread(
            OwnCertificates, settings.data_dir / "opcua", keeper.identity.gateway.replace("/", ":")
        )
        trust = TrustDesk(own, notices, look_again=settings.trust_interval_seconds)
        trust.tls_certificate = keeper.certificate_der
        calls = ReverseListener(settings.reverse_listen)
        trust.dial = calls.dial
        await buffer.open()
        servers = ServerSet(
            trust=trust,
            notices=notices,
            buffer=buffer,
            file=ConfigurationFile(settings.data_dir),
            backoff=settings.server_backoff(),
        )
        buffer.complete_until, buffer.coverage = servers.complete_until, servers.coverage
        servers.repairs = RepairDesk(keeper.historian_channels(), buffer, settings.repair_pace())
        servers.calls = calls
        commands = self._commands(servers, trust, calls)
        status = StatusWriter(settings.data_dir, keeper.identity.gateway, buffer, servers)
        storing = asyncio.ensure_future(buffer.run())
        side = [asyncio.ensure_future(work) for work in (keeper.run(), watch_clock(buffer), trust.run(), calls.run())]
        try:
            servers.start()
            async with running(*side):
                await _fail_with(storing, self._platform(servers, commands, status), self._write_status(status))
        finally:
            await commands.stop()
            await servers.stop()
            if not storing.done():
                await buffer.drain()
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)
            await buffer.close()

    def _commands(self, servers: ServerSet, trust: TrustDesk, calls: ReverseListener) -> CommandRegistry:
        """Who carries out which command."""
        commands = CommandRegistry(servers.clock.platform_now)
        commands.register("discover", Finder(calls.strangers).run, at_once=1)
        commands.register("test_connection", ConnectionTester(trust, servers.clock).run)
        commands.register("push_trust", TrustPusher(trust, servers.configuration_of).run, longest=120.0)
        Inspection(servers).register(commands)
        WriteDesk(servers, commands, enabled=self._settings.writes).register()
        return commands

    async def _platform(self, servers: ServerSet, commands: CommandRegistry, status: StatusWriter) -> None:
        """The two streams with the platform; opened again when the certificate is renewed."""
        keeper, backoff = self._keeper, self._settings.platform_backoff()
        control = Control(servers, commands, keeper.onboarding_channels(), status.status, backoff)
        control.last_words = self._before
        uplink = Uplink(self._buffer, keeper.historian_channels(), backoff)
        status.attach(control, uplink)
        while True:
            keeper.renewed.clear()
            async with running(asyncio.ensure_future(control.run()), asyncio.ensure_future(uplink.run())):
                await keeper.renewed.wait()

    async def _write_status(self, status: StatusWriter) -> None:
        while True:
            try:
                await asyncio.to_thread(status.write)
            except OSError as error:
                _log.warning("status_not_written", error=str(error))
            await asyncio.sleep(self._settings.status_interval_seconds)


async def _fail_with(*work: Awaitable[None]) -> None:
    """Runs all; the first that ends ends the others, but for the first one, which its owner ends."""
    tasks = [asyncio.ensure_future(part) for part in work]
    async with running(*tasks[1:]):
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def run_gateway(settings: GatewaySettings, words: LastWords | None = None) -> None:
    """Runs the gateway until SIGTERM or SIGINT; `words` tell how the run before this one ended."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gateway = asyncio.ensure_future(Gateway(settings, words).run())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((gateway, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not gateway.done():
        _log.info("gateway_stops")
        gateway.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gateway
