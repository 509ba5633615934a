"""`dualspan-gateway enroll | run | status`: the composition root."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import signal
import sys
from collections.abc import Awaitable, Generator
from pathlib import Path

import structlog

from dualspan_edge.buffer import Buffer
from dualspan_edge.configuration import ConfigurationFile
from dualspan_edge.control import Control
from dualspan_edge.enrolment import EnrolmentToken, enrol
from dualspan_edge.errors import GatewayError
from dualspan_edge.identity import enrolled_as
from dualspan_edge.logs import configure_logs
from dualspan_edge.opcua.certificates import load_application_instance
from dualspan_edge.settings import GatewaySettings
from dualspan_edge.status import StatusWriter, describe, needs_attention, read_status
from dualspan_edge.supervisor import IdentityKeeper, ServerSet, running, watch_clock
from dualspan_edge.uplink import Uplink

_log = structlog.get_logger(__name__)
EXIT_ATTENTION, EXIT_FAILED, EXIT_NOT_RUNNING = 1, 2, 3


class Gateway:
    """A gateway, put together."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._keeper = IdentityKeeper(settings.data_dir)
        self._buffer = Buffer(settings.data_dir, settings.buffer_limits())

    async def run(self) -> None:
        """Runs until it is cancelled; then ends every connection, and stores what has come."""
        settings, buffer, keeper = self._settings, self._buffer, self._keeper
        instance = await asyncio.to_thread(
            load_application_instance, settings.data_dir / "opcua", keeper.identity.gateway.replace("/", ":")
        )
        await buffer.open()
        servers = ServerSet(
            instance=instance,
            buffer=buffer,
            file=ConfigurationFile(settings.data_dir),
            backoff=settings.server_backoff(),
        )
        buffer.complete_until = servers.complete_until
        status = StatusWriter(settings.data_dir, keeper.identity.gateway, buffer, servers)
        storing = asyncio.ensure_future(buffer.run())
        side = (asyncio.ensure_future(keeper.run()), asyncio.ensure_future(watch_clock(buffer)))
        try:
            servers.start()
            async with running(*side):
                await _fail_with(storing, self._platform(servers, status), self._write_status(status))
        finally:
            await servers.stop()
            if not storing.done():
                await buffer.drain()
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)
            await buffer.close()

    async def _platform(self, servers: ServerSet, status: StatusWriter) -> None:
        """The two streams with the platform; opened again when the certificate is renewed."""
        keeper, backoff = self._keeper, self._settings.platform_backoff()
        control = Control(servers, keeper.onboarding_channels(), status.status, backoff)
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


async def main(settings: GatewaySettings) -> None:
    """Runs the gateway until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gateway = asyncio.ensure_future(Gateway(settings).run())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((gateway, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not gateway.done():
        _log.info("gateway_stops")
        gateway.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gateway


@contextlib.contextmanager
def _alone(directory: Path) -> Generator[None]:
    """Holds the data folder: two gateways on one buffer would both number its frames."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise GatewayError(f"another gateway runs on {directory}; stop it first") from error
        yield


def _enroll(settings: GatewaySettings, token: str) -> int:
    with _alone(settings.data_dir):
        identity = asyncio.run(enrol(EnrolmentToken.parse(token)))
        earlier = enrolled_as(settings.data_dir)
        if earlier not in {None, identity.gateway}:
            raise GatewayError(
                f"{settings.data_dir} holds what {earlier} has buffered, and the token is for {identity.gateway}: "
                "empty the folder or set DUALSPAN_GATEWAY_DATA_DIR to another one, and use a new token"
            )
        identity.save(settings.data_dir)
    _say(f"This box is now {identity.gateway}. Next: dualspan-gateway run")
    return 0


def _run(settings: GatewaySettings) -> int:
    configure_logs(settings.log_format, settings.log_level)
    with _alone(settings.data_dir):
        asyncio.run(main(settings))
    return 0


def _status(settings: GatewaySettings, *, as_json: bool) -> int:
    document = read_status(settings.data_dir)
    if document is None:
        _say('{"running": false}' if as_json else f"No gateway runs on {settings.data_dir}.")
        return EXIT_NOT_RUNNING
    _say(json.dumps({"running": True, **document}) if as_json else describe(document))
    return EXIT_ATTENTION if needs_attention(document) else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def cli() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        "dualspan-gateway",
        description="Streams OPC UA servers of a plant to the DualSpan platform.",
        epilog="Exit codes: 0 well, 1 runs and needs attention, 2 failed, 3 does not run. "
        "Settings: environment variables DUALSPAN_GATEWAY_…, above all DUALSPAN_GATEWAY_DATA_DIR.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    enroll = commands.add_parser("enroll", help="make this box a gateway, with a token from the platform")
    enroll.add_argument("token", help="the enrolment token: works once, for an hour at most")
    commands.add_parser("run", help="run the gateway until it is stopped")
    status = commands.add_parser("status", help="say how the gateway that runs here is")
    status.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args()
    settings = GatewaySettings()  # pyright: ignore[reportCallIssue]  # every field has a default or the environment's
    try:
        if arguments.command == "enroll":
            return _enroll(settings, arguments.token)
        if arguments.command == "run":
            return _run(settings)
        return _status(settings, as_json=arguments.json)
    except GatewayError as error:
        sys.stderr.write(f"dualspan-gateway: {error}\n")
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(cli())
