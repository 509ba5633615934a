"""Steps of onboarding that take more than one call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as service
from dualspan_cli.errors import CommandError
from dualspan_cli.session import Session

_WAIT_STEP = timedelta(seconds=1)


async def browse_server(
    session: Session, server: str, root_node_id: str, progress: Callable[[int], None]
) -> service.BrowseServerResponse:
    """Browses a server through its gateway and waits until it is done.

    Args:
        session: Who asks.
        server: The server's full name.
        root_node_id: Where to begin; the Objects folder if empty.
        progress: Told how many nodes were found so far.

    Raises:
        CommandError: The browse failed; the message is the gateway's.
    """
    request = service.BrowseServerRequest(name=server, root_node_id=root_node_id)
    metadata = service.BrowseServerMetadata()

    def tell(running: operations_pb2.Operation) -> None:
        if running.metadata.Unpack(metadata):
            progress(metadata.nodes)

    operation = await ended(session, await session.onboarding.BrowseServer(request), tell)
    if operation.HasField("error"):
        raise CommandError("BROWSE_FAILED", operation.error.message)
    response = service.BrowseServerResponse()
    operation.response.Unpack(response)
    return response


async def ended(
    session: Session, operation: operations_pb2.Operation, tell: Callable[[operations_pb2.Operation], None]
) -> operations_pb2.Operation:
    """Waits until an operation is done; `tell` is called with it as it stands, about once a second."""
    operations = session.operations()
    step = Duration()
    step.FromTimedelta(_WAIT_STEP)
    while not operation.done:
        wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=step)
        operation = await operations.WaitOperation(wait)
        tell(operation)
    return operation


def waiting_certificate(server: resources.OpcUaServer) -> str:
    """SHA-256 of the certificate that waits for approval, lower-case hex; empty if none does."""
    waiting = server.status.untrusted_certificate
    return hashlib.sha256(waiting).hexdigest() if waiting else ""
