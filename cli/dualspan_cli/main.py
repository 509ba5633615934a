"""The `dualspan` command: its groups, and what happens when one fails."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import grpc
import typer

from dualspan_cli import __version__
from dualspan_cli.errors import CommandError
from dualspan_cli.failures import explain
from dualspan_cli.output import messages, print_json
from dualspan_runtime.logs import configure_logging

if TYPE_CHECKING:
    from dualspan_sdk import DualSpanError

_BROKEN_PIPE = 128 + 13  # as a shell says of a process that SIGPIPE ended
_COMMANDS: Mapping[str, str] = {
    "up": "run:up",
    "serve": "run:serve",
    "worker": "run:worker",
    "migrate": "run:migrate",
    "bootstrap": "first_user:bootstrap",
    "demo": "demo:demo",
    "verify-report": "reports:verify_report",
    "sign-in": "accounts:sign_in",
    "sign-out": "accounts:sign_out",
    "tenants": "accounts:tenants",
    "users": "accounts:users",
    "tokens": "accounts:tokens",
    "oidc": "oidc:oidc",
    "platform": "platform:platform",
    "doctor": "doctor:doctor",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "verify": "backup:verify",
    "scale": "scale:scale",
    "query": "query:query",
    "gateways": "gateways:gateways",
    "tags": "gateways:tags",
    "gaps": "gaps:gaps",
    "onboarding": "onboarding:onboarding",
    "analytics": "analytics:analytics",
    "apps": "apps:apps",
    "subscriptions": "subscriptions:subscriptions",
    "usage": "billing:usage",
    "statements": "billing:statements",
}
"""Where each command or group is: the module in `dualspan_cli.commands`, and its name there."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """DualSpan: industrial data from the PLC to the app."""


def command_line(words: Sequence[str]) -> typer.Typer:
    """The command with what its first word names: to import all the others takes longer than most commands do.

    Where the first word names none of them, all are there: to be listed, completed, or the nearest to a slip.
    """
    app = typer.Typer(
        name="dualspan",
        help="DualSpan: industrial data from the PLC to the app.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(root)
    for name in words[:1] if words and words[0] in _COMMANDS else _COMMANDS:
        module, _, attribute = _COMMANDS[name].partition(":")
        found = getattr(importlib.import_module(f"dualspan_cli.commands.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _known_errors() -> tuple[type[CommandError], type[DualSpanError], type[grpc.RpcError]]:
    from dualspan_sdk import DualSpanError

    return CommandError, DualSpanError, grpc.RpcError


def run() -> None:
    """Runs the command; errors become words and an exit code."""
    configure_logging("cli", level="warning")
    as_json = "--json" in sys.argv
    app = command_line(sys.argv[1:])
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
