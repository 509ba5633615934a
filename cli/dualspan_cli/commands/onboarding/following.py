"""Work of a gateway, followed until it is done: progress for people, words when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from google.longrunning import operations_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from dualspan.onboarding.v1.commands_pb2 import GatewayCommandMetadata
from dualspan_cli.errors import CommandError
from dualspan_cli.onboarding import ended
from dualspan_cli.output import messages

if TYPE_CHECKING:
    from dualspan_cli.session import Session

ResponseT = TypeVar("ResponseT", bound=Message)


async def follow(
    session: Session, operation: operations_pb2.Operation, response: ResponseT, *, title: str
) -> ResponseT:
    """Waits for an operation that a gateway carries out, with a line of progress on the screen; Ctrl-C stops it.

    Args:
        session: Who asks.
        operation: What was begun.
        response: Filled with the outcome, and returned.
        title: What is being done, such as "Looking for servers".

    Raises:
        CommandError: It failed; the reason and the words are the platform's.
    """
    with messages.status(f"{title}…") as status:
        return await finish(session, operation, response, lambda words: status.update(f"{title}: {words}"))


async def finish(
    session: Session, operation: operations_pb2.Operation, response: ResponseT, progress: Callable[[str], None]
) -> ResponseT:
    """The same, with progress told to a function.

    Raises:
        CommandError: It failed; the reason and the words are the platform's.
    """
    metadata = GatewayCommandMetadata()

    def tell(running: operations_pb2.Operation) -> None:
        if running.metadata.Unpack(metadata) and metadata.step:
            progress(f"{metadata.step} ({metadata.percent} %)")

    try:
        operation = await ended(session, operation, tell)
    except asyncio.CancelledError:
        # Ctrl-C: the gateway need not go on for nobody.
        cancel = operations_pb2.CancelOperationRequest(name=operation.name)
        await session.operations().CancelOperation(cancel)
        raise
    if operation.HasField("error"):
        raise CommandError(_reason(operation), operation.error.message)
    operation.response.Unpack(response)
    return response


def _reason(operation: operations_pb2.Operation) -> str:
    information = error_details_pb2.ErrorInfo()
    found = any(detail.Unpack(information) for detail in operation.error.details)
    return information.reason if found else "GATEWAY_FAILED"
