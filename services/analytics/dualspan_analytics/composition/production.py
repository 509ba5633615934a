"""Calendars, states and KPIs."""

from dualspan.analytics.v1.calendars_pb2_grpc import add_CalendarServiceServicer_to_server
from dualspan.analytics.v1.kpis_pb2_grpc import add_KpiServiceServicer_to_server
from dualspan.analytics.v1.states_pb2_grpc import add_StateServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.service.kpi_watch import KpiWatch
from dualspan_analytics.service.kpis import Kpis
from dualspan_analytics.service.production import Production
from dualspan_analytics.service.rollups import Rollups
from dualspan_analytics.service.stops import Stops
from dualspan_analytics.servicer.calendars import CalendarServicer
from dualspan_analytics.servicer.kpis import KpiServicer
from dualspan_analytics.servicer.states import StateServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    definitions = ProductionDefinitions.of(parts.database, parts.plant)
    production = Production(parts.database, definitions, parts.plant, parts.changes)
    kpis = Kpis(parts.database, definitions, production)
    states = StateServicer(definitions, Stops(parts.database, production), parts.tokens)
    return Concern(
        [
            Binding(add_CalendarServiceServicer_to_server, CalendarServicer(definitions, parts.tokens)),
            Binding(add_StateServiceServicer_to_server, states),
            Binding(add_KpiServiceServicer_to_server, KpiServicer(definitions, kpis)),
        ]
    )


def rollups(parts: Parts) -> Rollups:
    """What the worker rolls up."""
    definitions = ProductionDefinitions.of(parts.database, parts.plant)
    return Rollups(parts.database, Production(parts.database, definitions, parts.plant, parts.changes))


def kpis(parts: Parts) -> Kpis:
    """What computes KPIs, for other concerns."""
    definitions = ProductionDefinitions.of(parts.database, parts.plant)
    return Kpis(parts.database, definitions, Production(parts.database, definitions, parts.plant, parts.changes))


def kpi_watch(parts: Parts) -> KpiWatch:
    """KPIs machine by machine, for alarms."""
    definitions = ProductionDefinitions.of(parts.database, parts.plant)
    production = Production(parts.database, definitions, parts.plant, parts.changes)
    return KpiWatch(Kpis(parts.database, definitions, production), production, parts.plant)
