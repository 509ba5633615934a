"""`dualspan subscriptions …`: what the enterprise has subscribed to, what that may read, and how it is."""

from __future__ import annotations

import typer

from dualspan_cli.commands.subscriptions import exporting, lives, opening, payments, showing, upgrading

subscriptions = typer.Typer(
    help="Subscribe to apps: what they may read, how they are, their end.", no_args_is_help=True
)
for command in (
    lives.propose,
    lives.create,
    lives.accept,
    lives.change,
    lives.suspend,
    lives.resume,
    lives.cancel,
    lives.revoke_tokens,
    exporting.export,
    upgrading.upgrade,
    upgrading.upgrades,
    upgrading.cancel_upgrade,
    showing.show,
    payments.payments,
):
    subscriptions.command()(command)
subscriptions.command("list")(showing.list_all)
subscriptions.command("open")(opening.open_app)
