"""AppTokenService: protobuf to domain and back."""

from typing import Any

from dualspan.identity.v1.app_token_service_pb2 import SignAppTokenRequest, SignAppTokenResponse
from dualspan.identity.v1.app_token_service_pb2_grpc import AppTokenServiceServicer
from dualspan_identity.service.app_tokens import AppTokens


class AppTokenServicer(AppTokenServiceServicer):
    """`dualspan.identity.v1.AppTokenService`.

    Args:
        tokens: The use case.
    """

    def __init__(self, tokens: AppTokens) -> None:
        self._tokens = tokens

    async def SignAppToken(  # noqa: N802 - the contract's name
        self, request: SignAppTokenRequest, context: Any
    ) -> SignAppTokenResponse:
        """Signs an access token."""
        signed = self._tokens.sign(request.name, request.credential)
        response = SignAppTokenResponse(access_token=signed.token)
        response.expire_time.FromDatetime(signed.expires_at)
        return response
