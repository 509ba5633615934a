"""Control charts."""

from dualspan.analytics.v1.spc_pb2_grpc import add_SpcServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.control_charts import ControlCharts
from dualspan_analytics.servicer.spc import SpcServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    servicer = SpcServicer(ControlCharts(parts.database, parts.plant), parts.tokens)
    return Concern([Binding(add_SpcServiceServicer_to_server, servicer)])
