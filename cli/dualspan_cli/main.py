"""The `dualspan` command: its groups, and what happens when one fails."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import grpc
import typer

from dualspan_cli import __version__
from dualspan_cli.commands import accounts, demo, first_user, gaps, gateways, query, reports
from dualspan_cli.commands import run as running
from dualspan_cli.commands.analytics import analytics
from dualspan_cli.commands.apps import apps
from dualspan_cli.commands.billing import statements, usage
from dualspan_cli.commands.onboarding import onboarding
from dualspan_cli.commands.subscriptions import subscriptions
from dualspan_cli.errors import CommandError
from dualspan_cli.failures import explain
from dualspan_cli.output import messages, print_json
from dualspan_runtime.logs import configure_logging

if TYPE_CHECKING:
    from dualspan_sdk import DualSpanError

_BROKEN_PIPE = 128 + 13  # as a shell says of a process that SIGPIPE ended
app = typer.Typer(
    name="dualspan",
    help="DualSpan: industrial data from the PLC to the app.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """DualSpan: industrial data from the PLC to the app."""


for command in (running.up, running.serve, running.worker, running.migrate, first_user.bootstrap, demo.demo):
    app.command()(command)
app.command("verify-report")(reports.verify_report)
app.command("sign-in")(accounts.sign_in)
app.command("sign-out")(accounts.sign_out)
app.add_typer(accounts.tenants, name="tenants")
app.add_typer(accounts.users, name="users")
app.add_typer(accounts.tokens, name="tokens")
app.add_typer(query.query, name="query")
app.add_typer(gateways.gateways, name="gateways")
app.add_typer(gateways.tags, name="tags")
app.add_typer(gaps.gaps, name="gaps")
app.add_typer(onboarding, name="onboarding")
app.add_typer(analytics, name="analytics")
app.add_typer(apps, name="apps")
app.add_typer(subscriptions, name="subscriptions")
app.add_typer(usage, name="usage")
app.add_typer(statements, name="statements")


def _known_errors() -> tuple[type[CommandError], type[DualSpanError], type[grpc.RpcError]]:
    from dualspan_sdk import DualSpanError

    return CommandError, DualSpanError, grpc.RpcError


def run() -> None:
    """Runs the command; errors become words and an exit code."""
    configure_logging("cli", level="warning")
    as_json = "--json" in sys.argv
    try:
        # Typer shows wrong usage to people by itself; programs get it like every other error.
        code = app(standalone_mode=not as_json)
    except typer.TyperException as err:
        _print_error("USAGE", err.format_message())
        sys.exit(err.exit_code)
    except typer.Abort:
        _print_error("ABORTED", "Aborted.")
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it closes its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BROKEN_PIPE)
    except _known_errors() as err:
        failure = explain(err)
        if as_json:
            _print_error(failure.reason, failure.words)
        else:
            messages.print(f"[bold red]{failure.reason}[/] {failure.words}", markup=True, soft_wrap=True)
        sys.exit(failure.exit_code)
    sys.exit(code or 0)


def _print_error(reason: str, words: str) -> None:
    print_json({"error": {"reason": reason, "message": words}})
