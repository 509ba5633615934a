"""Identity's signature."""

from typing import TYPE_CHECKING

import grpc

from dualspan.identity.v1.statement_service_pb2 import SignStatementRequest
from dualspan_historian.errors import signer_unreachable
from dualspan_historian.report.document import Signature

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.identity.v1.statement_service_pb2_grpc import StatementServiceAsyncStub

_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class IdentitySigner:
    """Has identity sign.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "StatementServiceAsyncStub") -> None:
        self._stub = stub

    async def sign(self, tenant: str, payload_type: str, payload: bytes) -> Signature:
        """Return a signature over a payload and its type.

        Raises:
            Unavailable: identity cannot be asked (`SIGNER_UNREACHABLE`).
        """
        request = SignStatementRequest(parent=f"tenants/{tenant}", payload_type=payload_type, payload=payload)
        try:
            answer = await self._stub.SignStatement(request)
        except grpc.aio.AioRpcError as err:
            if err.code() in _UNREACHABLE:
                raise signer_unreachable() from err
            raise
        return Signature(answer.key_id, answer.signature, answer.certificate_chain_pem)
