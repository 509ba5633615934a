"""Queries over assets and properties."""

from dualspan.analytics.v1.query_pb2_grpc import add_QueryServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.queries import Queries
from dualspan_analytics.servicer.queries import QueryServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their call."""
    queries = Queries(parts.plant, parts.settings.max_query_cells, parts.settings.max_queries)
    return Concern([Binding(add_QueryServiceServicer_to_server, QueryServicer(queries))])
