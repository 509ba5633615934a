"""`dualspan analytics …`: questions about production, asked of assets and their properties."""

from __future__ import annotations

import typer

analytics = typer.Typer(help="Questions about production, asked of assets and their properties.", no_args_is_help=True)
