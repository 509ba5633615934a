"""An identity that knows the tenants of a test: commands ask it whether there is one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from pydantic import SecretStr

from dualspan.identity.v1 import resources_pb2 as identity
from dualspan.identity.v1 import service_pb2 as identity_service
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_identity.__main__ import build as build_identity
from dualspan_identity.settings import IdentitySettings
from dualspan_runtime.channels import open_channel
from dualspan_runtime.server import ListenerKind
from harness.databases import ClonedDatabase
from harness.historian import SECRET, beside


@dataclass
class KnownTenants:
    """Starts the identity when a tenant is first asked for; it ends with the stack."""

    database: ClonedDatabase
    stack: AsyncExitStack
    _address: str = ""
    _known: set[str] = field(default_factory=set[str])

    async def address_for(self, tenant: str) -> str:
        """The address of the identity, which knows the tenant from now on."""
        if not self._address:
            settings = {
                "listen": "127.0.0.1:0",
                "database_url": self.database.service_url("identity"),
                "drain_seconds": 0.5,
                "platform": beside(),
            }
            server = await self.stack.enter_async_context(build_identity(IdentitySettings.model_validate(settings)))
            self._address = f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}"
        if tenant not in self._known:
            self._known.add(tenant)
            async with open_channel(self._address, service="cli", secret=SecretStr(SECRET)) as channel:
                request = identity_service.CreateTenantRequest(
                    tenant_id=tenant, tenant=identity.Tenant(display_name=tenant)
                )
                await IdentityServiceStub(channel).CreateTenant(request)
        return self._address
