"""`dualspan analytics …`: questions about production, asked of assets and their properties."""

from __future__ import annotations

import typer

from dualspan_cli.commands.analytics import alarm_channels, alarm_rules, model_outlook
from dualspan_cli.commands.analytics.alarms import alarms
from dualspan_cli.commands.analytics.comparison import compare
from dualspan_cli.commands.analytics.energy import energy
from dualspan_cli.commands.analytics.exports import export
from dualspan_cli.commands.analytics.kpis import kpi
from dualspan_cli.commands.analytics.models import models
from dualspan_cli.commands.analytics.production import calendar, profile
from dualspan_cli.commands.analytics.query import query
from dualspan_cli.commands.analytics.reports import report
from dualspan_cli.commands.analytics.sharing import sharing
from dualspan_cli.commands.analytics.spc import spc
from dualspan_cli.commands.analytics.stops import stops

analytics = typer.Typer(help="Questions about production, asked of assets and their properties.", no_args_is_help=True)
# Their commands are in the same group.
__all__ = ["alarm_channels", "alarm_rules", "analytics", "model_outlook"]
analytics.add_typer(alarms, name="alarms")
analytics.add_typer(calendar, name="calendar")
analytics.add_typer(kpi, name="kpi")
analytics.add_typer(profile, name="profile")
analytics.add_typer(stops, name="stops")
analytics.add_typer(energy, name="energy")
analytics.add_typer(export, name="export")
analytics.add_typer(models, name="models")
analytics.add_typer(report, name="report")
analytics.add_typer(sharing, name="sharing")
analytics.add_typer(spc, name="spc")
analytics.command("compare")(compare)
analytics.command("query")(query)
