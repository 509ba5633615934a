"""`dualspan up`, `serve`, `worker` and `migrate`: running the platform, whole or in parts."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan_cli.commands.options import DataOption, admin_settings, settings_with
from dualspan_cli.errors import CommandError
from dualspan_cli.local import accepts, grpc_ready, is_worker_ready
from dualspan_cli.output import JsonFlag, messages, print_json
from dualspan_cli.processes import ChildProcess
from dualspan_cli.screen import MemberScreen
from dualspan_cli.settings import inherited_environment
from dualspan_cli.stopping import run_until_stopped
from dualspan_cli.supervisor import Member, Service, Supervisor
from dualspan_cli.workers import worker_command

if TYPE_CHECKING:
    from dualspan_cli.platform import RunningHere

# A service that cannot be asked for its health is taken for healthy when it has run for so long.
_STEADY_SECONDS = 3.0
# Services wait a minute for their database, and for each other.
_START_SECONDS = 90.0
SERVICES = ("identity", "onboarding", "historian", "analytics", "marketplace", "console")
PortBaseOption = Annotated[
    int | None, typer.Option("--port-base", min=1024, max=65000, help="Use ten ports from this one on.")
]


def up(data: DataOption = None, port_base: PortBaseOption = None, as_json: JsonFlag = False) -> None:
    """Run the whole platform on this machine, in one data folder, until Ctrl-C."""
    from dualspan_cli.platform import run_platform

    settings = settings_with(data)

    async def main() -> None:
        with MemberScreen(as_json=as_json) as screen:
            async with run_platform(settings.data_dir, port_base, screen.report) as here:
                screen.settle()
                _say_where(here, as_json=as_json)
                await here.supervisor.watch()

    run_until_stopped(main())


def _say_where(here: RunningHere, *, as_json: bool) -> None:
    running, sign_in = here.platform.running(), here.sign_in
    password_file = here.platform.folder.path / "sign-in.json"
    if as_json:
        print_json(
            {
                "event": "running",
                "console": running.console_url,
                "identity": running.identity_address,
                "onboarding": running.onboarding_address,
                "historian": running.historian_address,
                "analytics": running.analytics_address,
                "marketplace": running.marketplace_address,
                "email": sign_in.email,
                "sign_in_file": str(password_file),
            }
        )
        return
    password = sign_in.password if here.is_first_start else f"as in {password_file}, unless you changed it"
    messages.print(f"\n  Console   [bold]{running.console_url}[/]")
    messages.print(f"  E-mail    {sign_in.email}\n  Password  {password}")
    messages.print(f"  Data      {here.platform.folder.path}\n\n  Ctrl-C stops everything.\n")


def serve(
    services: Annotated[
        list[str],
        typer.Argument(help="identity, onboarding, historian, analytics, marketplace, console; several go together."),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Run services of the platform, with the settings of the environment, until SIGTERM."""
    for name in services:
        if name not in SERVICES or find_spec(f"dualspan_{name}") is None:
            raise CommandError(
                "UNKNOWN_SERVICE", f"There is no service {name!r}; there are {', '.join(SERVICES)}.", exit_code=2
            )
    _run_all({name: [sys.executable, "-m", f"dualspan_{name}"] for name in services}, as_json=as_json)


def worker(
    queues: Annotated[list[str], typer.Argument(help="Queues, named like their services.")],
    beat: Annotated[bool, typer.Option("--beat", help="Also send the periodic tasks: in one worker only.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Tasks at the same time, for each queue.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Run Celery workers, with the settings of the environment, until SIGTERM."""
    folder = Path(tempfile.gettempdir())
    _run_all(
        {
            f"worker-{queue}": list(
                worker_command(
                    queue, concurrency=concurrency, beat_schedule=folder / f"dualspan-{queue}-beat" if beat else None
                )
            )
            for queue in queues
        },
        as_json=as_json,
    )


def migrate(as_json: JsonFlag = False) -> None:
    """Bring the database of DUALSPAN_ADMIN_DATABASE_URL up to date. Safe to repeat."""
    from dualspan_cli.migrations import migrate_all, told_plainly

    admin = admin_settings()
    done: list[str] = []

    def report(name: str) -> None:
        done.append(name)
        if not as_json:
            messages.print(f"[green]✔[/] {name}")

    with told_plainly():
        asyncio.run(
            migrate_all(
                admin.admin_database_url,
                password=admin.database_password.get_secret_value(),
                report=report,
            )
        )
    if as_json:
        print_json({"migrated": done})


def _run_all(commands: dict[str, list[str]], *, as_json: bool) -> None:
    """Becomes the one command, or supervises several; one too if somebody wants to be told of its changes."""
    if len(commands) == 1 and not as_json:
        (command,) = commands.values()
        os.execv(command[0], command)  # noqa: S606 - becoming the service is the point; no shell is involved

    async def main() -> None:
        with MemberScreen(as_json=as_json) as screen:
            supervisor = Supervisor(screen.report)
            logs = Path(tempfile.mkdtemp(prefix="dualspan-"))
            try:
                await supervisor.start(*(_forwarded(name, command, logs) for name, command in commands.items()))
                screen.settle()
                screen.say(f"Logs are in {logs}. Ctrl-C stops all.", "running", members=list(commands), logs=str(logs))
                await supervisor.watch()
            finally:
                supervisor.stop()

    run_until_stopped(main())


def _forwarded(name: str, command: list[str], logs: Path) -> Member:
    environment = inherited_environment()
    child = ChildProcess(name, command, logs / f"{name}.log", environment)
    address = environment.get(f"DUALSPAN_{name.upper()}_LISTEN", "").replace("0.0.0.0:", "127.0.0.1:")
    has_tls = bool(environment.get(f"DUALSPAN_{name.upper()}_TLS_CERTIFICATE_FILE"))
    started = time.monotonic()

    async def is_ready() -> bool:
        if child.exit_code is not None:
            return False
        if name not in SERVICES:
            return is_worker_ready(child)
        if has_tls or not address or address.endswith(":0"):
            return time.monotonic() - started > _STEADY_SECONDS
        return await (accepts(address) if name == "console" else grpc_ready(address))

    return Member(Service(child), is_ready, start_timeout=_START_SECONDS)
