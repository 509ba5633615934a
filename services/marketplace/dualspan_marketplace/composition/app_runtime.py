"""What apps ask for themselves, and the tags of their results."""

from dualspan.marketplace.v1.app_runtime_pb2_grpc import add_AppRuntimeServiceServicer_to_server
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.app_runtime import AppRuntime
from dualspan_marketplace.service.outputs import Outputs
from dualspan_marketplace.servicer.app_runtime import AppRuntimeServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    return Concern([Binding(add_AppRuntimeServiceServicer_to_server, AppRuntimeServicer(runtime(parts)))])


def runtime(parts: Parts) -> AppRuntime:
    """For calls, and for whoever starts apps."""
    return AppRuntime(parts.database, parts.plant, parts.app_tokens)


def outputs(parts: Parts) -> Outputs:
    """For calls, and for the worker's sweep."""
    return Outputs(parts.database, parts.result_tags)
