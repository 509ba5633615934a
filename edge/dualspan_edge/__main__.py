"""`dualspan-gateway enroll | run | status`. Each command imports what it needs when it runs, so that it is quick."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import sys
from collections.abc import Generator
from pathlib import Path

from pydantic import ValidationError

from dualspan_edge.errors import GatewayError
from dualspan_edge.settings import GatewaySettings

EXIT_ATTENTION, EXIT_FAILED, EXIT_NOT_RUNNING = 1, 2, 3


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
    from dualspan_edge.enrolment import EnrolmentToken, enrol
    from dualspan_edge.identity import enrolled_as

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
    from dualspan_edge.gateway import run_gateway
    from dualspan_edge.last_words import LastWords
    from dualspan_edge.logs import configure_logs

    with _alone(settings.data_dir):
        words = LastWords(settings.data_dir)
        configure_logs(settings.log_format, settings.log_level, words.remember)
        words.begin()
        try:
            asyncio.run(run_gateway(settings, words))
        except BaseException as error:
            words.end(error)
            raise
        words.end(None)
    return 0


def _status(settings: GatewaySettings, *, as_json: bool) -> int:
    from dualspan_edge.local_status import describe, needs_attention, read_status

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
    enroll = commands.add_parser(
        "enroll", aliases=["enrol"], help="make this box a gateway, with a token from the platform"
    )
    enroll.add_argument("token", help="the enrolment token: works once, for an hour at most")
    commands.add_parser("run", help="run the gateway until it is stopped")
    status = commands.add_parser("status", help="say how the gateway that runs here is")
    status.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args()
    try:
        settings = GatewaySettings()  # pyright: ignore[reportCallIssue]  # every field has a default or the environment's
        if arguments.command in {"enroll", "enrol"}:
            return _enroll(settings, arguments.token)
        if arguments.command == "run":
            return _run(settings)
        return _status(settings, as_json=arguments.json)
    except ValidationError as error:
        return _fail("; ".join(f"{_variable(wrong['loc'])}: {wrong['msg']}" for wrong in error.errors()))
    except GatewayError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}")


def _variable(location: tuple[int | str, ...]) -> str:
    return "DUALSPAN_GATEWAY_" + "_".join(str(part) for part in location).upper()


def _fail(words: str) -> int:
    sys.stderr.write(f"dualspan-gateway: {words}\n")
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(cli())
