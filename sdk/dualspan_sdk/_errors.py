"""What the platform answers when it cannot do what was asked."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_STATUS_DETAILS = "grpc-status-details-bin"


class DualSpanError(Exception):
    """A call failed.

    Attributes:
        code: The gRPC status code's name, such as "NOT_FOUND".
        reason: A stable word for programs, such as "FOREIGN_TENANT"; the code where the platform gave none
            (as when it cannot be reached).
        message: What happened and what to do next, for people.
        metadata: Further facts for programs.
    """

    def __init__(self, code: str, reason: str, message: str, metadata: dict[str, str] | None = None) -> None:
        super().__init__(f"{message} [{reason}]")
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = metadata or {}

    @classmethod
    def from_rpc(cls, error: grpc.aio.AioRpcError) -> Self:
        """The error that a failed call stands for."""
        code = error.code().name
        info = _error_info(error)
        message = error.details() or "the platform gave no reason"
        if info is None:
            return cls(code, code, message)
        return cls(code, info.reason, message, dict(info.metadata))


@asynccontextmanager
async def plain_errors() -> AsyncGenerator[None]:
    """Turns the errors of gRPC into ours."""
    try:
        yield
    except grpc.aio.AioRpcError as err:
        raise DualSpanError.from_rpc(err) from err


def _error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    trailing = dict(error.trailing_metadata() or ())
    status = status_pb2.Status()
    info = error_details_pb2.ErrorInfo()
    details = trailing.get(_STATUS_DETAILS)
    if not isinstance(details, bytes):
        return None
    try:
        status.ParseFromString(details)
    except DecodeError:
        return None
    return next((info for detail in status.details if detail.Unpack(info)), None)
