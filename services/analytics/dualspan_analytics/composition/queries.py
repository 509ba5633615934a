"""Queries over assets and properties."""

from dualspan.analytics.v1.query_pb2_grpc import add_QueryServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.queries import Queries
from dualspan_analytics.servicer.queries import QueryServicer
from dualspan_analytics.turns import Turns
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their call."""
    most = parts.settings.max_queries
    queries = Queries(parts.plant, parts.settings.max_query_cells, Turns(most, max(most // 2, 1)))
    return Concern([Binding(add_QueryServiceServicer_to_server, QueryServicer(queries))])
