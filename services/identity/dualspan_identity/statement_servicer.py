"""StatementService: protobuf to domain and back."""

from typing import Any

from dualspan.identity.v1.statement_service_pb2 import SignStatementRequest, SignStatementResponse
from dualspan.identity.v1.statement_service_pb2_grpc import StatementServiceServicer
from dualspan_identity.service.statements import Statements
from dualspan_runtime.names import TENANT


class StatementServicer(StatementServiceServicer):
    """`dualspan.identity.v1.StatementService`.

    Args:
        statements: The use case.
    """

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def SignStatement(  # noqa: N802 - the contract's name
        self, request: SignStatementRequest, context: Any
    ) -> SignStatementResponse:
        """Signs a statement."""
        tenant = TENANT.parse(request.parent)["tenant"]
        signed = await self._statements.sign(tenant, request.payload_type, request.payload)
        return SignStatementResponse(
            key_id=signed.key_id, signature=signed.signature, certificate_chain_pem=signed.certificate_chain_pem
        )
