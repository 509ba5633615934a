"""`dualspan onboarding …`: from the gateway in the box to named assets with proven data."""

from __future__ import annotations

import typer

from dualspan_cli.commands.onboarding import notices

onboarding = typer.Typer(help="From the gateway in the box to named assets with proven data.", no_args_is_help=True)
onboarding.add_typer(notices.notices, name="notices")
