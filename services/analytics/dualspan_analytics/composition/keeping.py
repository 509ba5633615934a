"""What people keep beside what was measured: annotations and dashboards."""

from dualspan.analytics.v1.annotations_pb2_grpc import add_AnnotationServiceServicer_to_server
from dualspan.analytics.v1.dashboards_pb2_grpc import add_DashboardServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.annotations import Annotations
from dualspan_analytics.service.dashboards import Dashboards
from dualspan_analytics.service.keeping import Keeping
from dualspan_analytics.servicer.annotations import AnnotationServicer
from dualspan_analytics.servicer.dashboards import DashboardServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their services."""
    annotations = AnnotationServicer(Annotations(parts.database, parts.audit), parts.tokens)
    dashboards = DashboardServicer(Dashboards(parts.database, parts.audit), parts.tokens)
    return Concern(
        [
            Binding(add_AnnotationServiceServicer_to_server, annotations),
            Binding(add_DashboardServiceServicer_to_server, dashboards),
        ]
    )


def forgetting(parts: Parts) -> Keeping:
    """What forgets what was taken away long ago, for the worker."""
    return Keeping(parts.database)
