"""OidcService: protobuf to domain and back."""

# ruff: noqa: N802 - the methods have the contract's names
from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.identity.v1 import oidc_service_pb2 as contract
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1.oidc_service_pb2_grpc import OidcServiceServicer
from dualspan_identity import conversion
from dualspan_identity.model import OIDC_PROVIDER, OidcProvider, sign_in_origin
from dualspan_identity.service.oidc import OidcSignIn
from dualspan_runtime.names import TENANT

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class OidcServicer(OidcServiceServicer):
    """`dualspan.identity.v1.OidcService`.

    Args:
        oidc: The use cases.
    """

    def __init__(self, oidc: OidcSignIn) -> None:
        self._oidc = oidc

    async def CreateOidcProvider(
        self, request: contract.CreateOidcProviderRequest, context: Context
    ) -> contract.OidcProvider:
        """Adds a provider."""
        told = request.oidc_provider
        provider = OidcProvider(
            tenant_id=TENANT.parse(request.parent)["tenant"],
            provider_id=request.oidc_provider_id,
            display_name=told.display_name,
            issuer=told.issuer,
            client_id=told.client_id,
            sealed_client_secret=b"",
            email_domains=tuple(told.email_domains),
            created_at=datetime.now(UTC),
        )
        return conversion.provider_message(await self._oidc.create(provider, told.client_secret))

    async def ListOidcProviders(
        self, request: contract.ListOidcProvidersRequest, context: Context
    ) -> contract.ListOidcProvidersResponse:
        """Gives a tenant's providers."""
        found = await self._oidc.providers(TENANT.parse(request.parent)["tenant"])
        return contract.ListOidcProvidersResponse(oidc_providers=map(conversion.provider_message, found))

    async def DeleteOidcProvider(self, request: contract.DeleteOidcProviderRequest, context: Context) -> Empty:
        """Removes a provider."""
        names = OIDC_PROVIDER.parse(request.name)
        await self._oidc.delete(names["tenant"], names["oidc_provider"])
        return Empty()

    async def FindOidcProviders(
        self, request: contract.FindOidcProvidersRequest, context: Context
    ) -> contract.FindOidcProvidersResponse:
        """Gives the providers of an address."""
        make = contract.FindOidcProvidersResponse.SignInProvider
        found = await self._oidc.find(request.email)
        return contract.FindOidcProvidersResponse(
            oidc_providers=[make(name=each.name, display_name=each.display_name) for each in found]
        )

    async def BeginOidcSignIn(
        self, request: contract.BeginOidcSignInRequest, context: Context
    ) -> contract.BeginOidcSignInResponse:
        """Begins to sign in."""
        names = OIDC_PROVIDER.parse(request.name)
        address, state = await self._oidc.begin(names["tenant"], names["oidc_provider"], request.redirect_uri)
        return contract.BeginOidcSignInResponse(authorization_uri=address, state=state)

    async def CompleteOidcSignIn(
        self, request: contract.CompleteOidcSignInRequest, context: Context
    ) -> messages.SignInResponse:
        """Ends signing in."""
        origin = sign_in_origin(request.user_agent, request.address)
        return conversion.signed_in_message(await self._oidc.complete(request.state, request.code, origin))
