"""Reports by schedule."""

from dualspan.analytics.v1.reports_pb2_grpc import add_ReportServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.alarms import Alarms
from dualspan_analytics.service.control_charts import ControlCharts
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.service.energy import EnergyUse
from dualspan_analytics.service.energy_definitions import EnergyDefinitions
from dualspan_analytics.service.kpis import Kpis
from dualspan_analytics.service.production import Production
from dualspan_analytics.service.report_figures import ReportFigures, Sources
from dualspan_analytics.service.report_runs import ReportRuns
from dualspan_analytics.service.reports import Reports
from dualspan_analytics.service.stops import Stops
from dualspan_analytics.servicer.reports import ReportServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their service."""
    return Concern([Binding(add_ReportServiceServicer_to_server, ReportServicer(use_cases(parts), parts.tokens))])


def use_cases(parts: Parts) -> Reports:
    """What reports there are, and when they are made."""
    calendars = ProductionDefinitions.of(parts.database, parts.plant).calendars
    return Reports(parts.database, calendars, parts.plant, parts.jobs)


def runs(parts: Parts) -> ReportRuns:
    """Making them, for the worker."""
    definitions = ProductionDefinitions.of(parts.database, parts.plant)
    production = Production(parts.database, definitions, parts.plant, parts.changes)
    sources = Sources(
        kpis=Kpis(parts.database, definitions, production),
        stops=Stops(parts.database, production),
        energy=EnergyUse(parts.plant, EnergyDefinitions(parts.database)),
        alarms=Alarms(parts.database, parts.plant),
        charts=ControlCharts(parts.database, parts.plant),
        plant=parts.plant,
    )
    return ReportRuns(parts.database, use_cases(parts), ReportFigures(sources), parts.plant)
