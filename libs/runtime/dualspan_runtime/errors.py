"""What can go wrong, in words that a caller can act on.

A domain error carries a gRPC status code, a stable reason and a message that says what to do next. The error
interceptor turns it into a status with `google.rpc.ErrorInfo`; nothing else makes statuses.
"""

from typing import ClassVar, cast

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

ERROR_DOMAIN = "dualspan.io"


class DomainError(Exception):
    """An error that the caller is told about as it is.

    Attributes:
        code: The gRPC status code of the class.
        reason: UPPER_SNAKE_CASE and stable: programs compare it.
        message: What happened and what to do next.
        metadata: Further facts for programs, none of them secret.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(self, reason: str, message: str, **metadata: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.metadata = metadata


class NotFound(DomainError):
    """The named thing does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(DomainError):
    """A thing of that name exists."""

    code = grpc.StatusCode.ALREADY_EXISTS


class InvalidArgument(DomainError):
    """The request is wrong whatever the state is."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(DomainError):
    """The state does not allow it; repeating alone does not help."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class PermissionDenied(DomainError):
    """The caller is known and may not."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Unauthenticated(DomainError):
    """The caller has no valid credentials."""

    code = grpc.StatusCode.UNAUTHENTICATED


class ResourceExhausted(DomainError):
    """A limit was reached."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Aborted(DomainError):
    """A conflict with somebody else; repeating from the start may help."""

    code = grpc.StatusCode.ABORTED


class Unavailable(DomainError):
    """Something that is needed does not answer; repeating later may help."""

    code = grpc.StatusCode.UNAVAILABLE


class Unimplemented(DomainError):
    """The contract has it, this service has not."""

    code = grpc.StatusCode.UNIMPLEMENTED


class DeadlineExceeded(DomainError):
    """It took longer than the caller or the service allows."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


def to_status(error: DomainError) -> status_pb2.Status:
    """Returns the status message of an error, with its `ErrorInfo`."""
    number, _name = error.code.value
    status = status_pb2.Status(code=number, message=error.message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN, metadata=error.metadata)
    status.details.add().Pack(info)
    return status


def internal_status(error_id: str) -> status_pb2.Status:
    """Returns the status of an error that the caller is told nothing about but the id under which it is logged."""
    number, _name = grpc.StatusCode.INTERNAL.value
    message = f"Something went wrong on our side. Tell your administrator the id {error_id}."
    status = status_pb2.Status(code=number, message=message)
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=ERROR_DOMAIN, metadata={"error_id": error_id})
    status.details.add().Pack(info)
    return status


def error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    """Returns the `ErrorInfo` that a call failed with, or None if it carries none."""
    status = rpc_status.from_call(cast("grpc.Call", error))  # it has the four methods that are asked for
    if status is None:
        return None
    info = error_details_pb2.ErrorInfo()
    return next((info for detail in status.details if detail.Unpack(info)), None)
