import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from dualspan_sdk import DualSpanError


def rpc_error(trailing: grpc.aio.Metadata, details: str = "Ask an administrator.") -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(grpc.StatusCode.PERMISSION_DENIED, grpc.aio.Metadata(), trailing, details)


def status(*details: Any) -> bytes:
    return status_pb2.Status(code=7, message="Ask an administrator.", details=details).SerializeToString()


def test_reason_and_metadata_come_from_error_info() -> None:
    info = Any()
    info.Pack(error_details_pb2.ErrorInfo(reason="FOREIGN_TENANT", domain="dualspan.io", metadata={"tenant": "b"}))
    error = DualSpanError.from_rpc(rpc_error(grpc.aio.Metadata(("grpc-status-details-bin", status(info)))))
    assert (error.code, error.reason, error.metadata) == ("PERMISSION_DENIED", "FOREIGN_TENANT", {"tenant": "b"})
    assert error.message == "Ask an administrator."
    assert "FOREIGN_TENANT" in str(error)


def test_other_details_are_not_taken_for_a_reason() -> None:
    other = Any()
    other.Pack(error_details_pb2.RetryInfo())
    error = DualSpanError.from_rpc(rpc_error(grpc.aio.Metadata(("grpc-status-details-bin", status(other)))))
    assert error.reason == "PERMISSION_DENIED"


def test_without_or_with_broken_details_the_code_is_the_reason() -> None:
    for trailing in (grpc.aio.Metadata(), grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff"))):
        assert DualSpanError.from_rpc(rpc_error(trailing)).reason == "PERMISSION_DENIED"
    assert DualSpanError.from_rpc(rpc_error(grpc.aio.Metadata(), "")).message
