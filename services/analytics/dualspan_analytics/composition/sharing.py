"""Across factories: comparison within an enterprise, quartiles across those who share."""

from datetime import timedelta

from dualspan.analytics.v1.comparison_pb2_grpc import add_ComparisonServiceServicer_to_server
from dualspan.analytics.v1.sharing_pb2_grpc import add_SharingServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.comparing import Comparing
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.service.kpis import Kpis
from dualspan_analytics.service.production import Production
from dualspan_analytics.service.publishing import Publishing
from dualspan_analytics.service.sharing import Sharing
from dualspan_analytics.servicer.comparison import ComparisonServicer
from dualspan_analytics.servicer.sharing import SharingServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls, and the audit events on their way to identity."""
    sharing = Sharing(parts.database, parts.audit)
    return Concern(
        [
            Binding(add_ComparisonServiceServicer_to_server, ComparisonServicer(Comparing(parts.plant, _kpis(parts)))),
            Binding(add_SharingServiceServicer_to_server, SharingServicer(sharing, parts.tokens)),
        ],
        [parts.audit.run],
    )


def publishing(parts: Parts) -> Publishing:
    """What the worker publishes."""
    settings = parts.settings
    delay = timedelta(days=settings.sharing_delay_days)
    return Publishing(parts.database, parts.plant, _kpis(parts), settings.sharing_minimum, delay)


def _kpis(parts: Parts) -> Kpis:
    definitions = ProductionDefinitions.of(parts.database, parts.plant)
    return Kpis(parts.database, definitions, Production(parts.database, definitions, parts.plant, parts.changes))
