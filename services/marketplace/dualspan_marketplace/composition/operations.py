"""Long-running operations of every concern, and audit events on their way."""

from google.longrunning.operations_pb2_grpc import add_OperationsServicer_to_server

from dualspan_marketplace.parts import Concern, Parts
from dualspan_runtime.operations import OperationsServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their state, for whoever waits for one."""
    servicer = OperationsServicer(parts.database, parts.operations, parts.tokens)
    return Concern([Binding(add_OperationsServicer_to_server, servicer)], [parts.audit.run])
