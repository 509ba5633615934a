"""Waiting for what a gateway was asked to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from dualspan.onboarding.v1.commands_pb2 import GatewayCommandMetadata
from dualspan_cli.errors import CommandError
from dualspan_cli.session import Session

_WAIT_STEP = timedelta(seconds=1)
ResponseT = TypeVar("ResponseT", bound=Message)


async def wait_for_gateway(
    session: Session,
    operation: operations_pb2.Operation,
    response: ResponseT,
    progress: Callable[[str], None],
) -> ResponseT:
    """Waits until a gateway has done what it was asked to, and returns the response, filled.

    Args:
        session: Who asks.
        operation: What was asked.
        response: An empty message of the kind that the operation answers with.
        progress: Told what is being done now.

    Raises:
        CommandError: It failed; the message is the gateway's.
    """
    operations, step = session.operations(), Duration()
    step.FromTimedelta(_WAIT_STEP)
    while not operation.done:
        wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=step)
        operation = await operations.WaitOperation(wait, metadata=session.metadata)
        metadata = GatewayCommandMetadata()
        if operation.metadata.Unpack(metadata):
            progress(metadata.step or "Waiting for the gateway…")
    if operation.HasField("error"):
        raise CommandError("GATEWAY_FAILED", operation.error.message)
    operation.response.Unpack(response)
    return response
