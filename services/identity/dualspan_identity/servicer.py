"""Protobuf to domain and back: parse, one call, answer."""

# ruff: noqa: N802 - the methods have the contract's names
from dataclasses import astuple
from datetime import datetime
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceServicer
from dualspan_identity import conversion
from dualspan_identity.model import AuditEvent, NewAccount, sign_in_origin
from dualspan_identity.service.accounts import ApiTokens, Tenants, Users
from dualspan_identity.service.audit import AuditLog
from dualspan_identity.service.authority import GatewayAuthority
from dualspan_identity.service.keys import SigningKeys
from dualspan_identity.service.sessions import Sessions
from dualspan_runtime.names import API_TOKEN, TENANT, USER
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_RULES = PageRules()


class IdentityServicer(IdentityServiceServicer):
    """`dualspan.identity.v1.IdentityService`."""

    def __init__(
        self,
        *,
        tenants: Tenants,
        users: Users,
        api_tokens: ApiTokens,
        sessions: Sessions,
        keys: SigningKeys,
        authority: GatewayAuthority,
        audit_log: AuditLog,
        page_tokens: PageTokens,
    ) -> None:
        self._tenants = tenants
        self._users = users
        self._api_tokens = api_tokens
        self._sessions = sessions
        self._keys = keys
        self._authority = authority
        self._audit_log = audit_log
        self._page_tokens = page_tokens

    async def SignIn(self, request: messages.SignInRequest, context: Context) -> messages.SignInResponse:
        """Begins a session."""
        origin = sign_in_origin(request.user_agent, request.address)
        signed_in = await self._sessions.sign_in(request.email, request.password, origin)
        return conversion.signed_in_message(signed_in)

    async def ExchangeToken(
        self, request: messages.ExchangeTokenRequest, context: Context
    ) -> messages.ExchangeTokenResponse:
        """Gives an access token for a long-lived one."""
        access = await self._sessions.exchange(request.token)
        return messages.ExchangeTokenResponse(
            access_token=access.token,
            expire_time=conversion.timestamp(access.expires_at),
            tenant=TENANT.format(tenant=access.tenant_id),
        )

    async def SignOut(self, request: messages.SignOutRequest, context: Context) -> Empty:
        """Ends a session."""
        await self._sessions.sign_out(request.refresh_token)
        return Empty()

    async def ListSigningKeys(
        self, request: messages.ListSigningKeysRequest, context: Context
    ) -> messages.ListSigningKeysResponse:
        """Gives the public keys of access tokens."""
        found = await self._keys.public_keys()
        make = messages.ListSigningKeysResponse.SigningKey
        return messages.ListSigningKeysResponse(
            keys=[make(key_id=key.key_id, public_key_pem=key.public_key_pem) for key in found]
        )

    async def CreateTenant(self, request: messages.CreateTenantRequest, context: Context) -> resources.Tenant:
        """Makes a tenant."""
        tenant = await self._tenants.create(request.tenant_id, request.tenant.display_name)
        return conversion.tenant_message(tenant)

    async def GetTenant(self, request: messages.GetTenantRequest, context: Context) -> resources.Tenant:
        """Gives a tenant."""
        return conversion.tenant_message(await self._tenants.get(TENANT.parse(request.name)["tenant"]))

    async def ListTenants(self, request: messages.ListTenantsRequest, context: Context) -> messages.ListTenantsResponse:
        """Gives the tenants that the caller may see."""
        query, size = ("ListTenants",), _RULES.size(request.page_size)
        key = self._page_tokens.read(request.page_token, query)
        found = await self._tenants.page(str(key[0]) if key else "", size + 1)
        response = messages.ListTenantsResponse(tenants=map(conversion.tenant_message, found[:size]))
        if len(found) > size:
            response.next_page_token = self._page_tokens.write((found[size - 1].tenant_id,), query)
        return response

    async def CreateUser(self, request: messages.CreateUserRequest, context: Context) -> resources.User:
        """Makes a user."""
        user = request.user
        new = NewAccount(
            TENANT.parse(request.parent)["tenant"],
            request.user_id,
            user.email,
            user.display_name,
            conversion.roles_from(user.roles),
        )
        return conversion.user_message(await self._users.create(new, request.password))

    async def ListUsers(self, request: messages.ListUsersRequest, context: Context) -> messages.ListUsersResponse:
        """Gives a tenant's users."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _RULES.size(request.page_size)
        query = ("ListUsers", tenant)
        key = self._page_tokens.read(request.page_token, query)
        found = await self._users.page(tenant, str(key[0]) if key else "", size + 1)
        response = messages.ListUsersResponse(users=map(conversion.user_message, found[:size]))
        if len(found) > size:
            response.next_page_token = self._page_tokens.write((found[size - 1].user_id,), query)
        return response

    async def UpdateUser(self, request: messages.UpdateUserRequest, context: Context) -> resources.User:
        """Changes a user."""
        names = USER.parse(request.user.name)
        change = conversion.account_change(request.user, request.update_mask.paths)
        return conversion.user_message(await self._users.update(names["tenant"], names["user"], change))

    async def SetPassword(self, request: messages.SetPasswordRequest, context: Context) -> Empty:
        """Changes a password."""
        names = USER.parse(request.name)
        await self._users.set_password(names["tenant"], names["user"], request.current_password, request.new_password)
        return Empty()

    async def CreateApiToken(
        self, request: messages.CreateApiTokenRequest, context: Context
    ) -> messages.CreateApiTokenResponse:
        """Makes an API token."""
        tenant, wanted = TENANT.parse(request.parent)["tenant"], request.api_token
        expires_at = conversion.moment_from(wanted.expire_time, "expire_time")
        roles = conversion.roles_from(wanted.roles)
        token, secret = await self._api_tokens.create(tenant, wanted.display_name, roles, expires_at)
        return messages.CreateApiTokenResponse(api_token=conversion.api_token_message(token), secret=secret)

    async def ListApiTokens(
        self, request: messages.ListApiTokensRequest, context: Context
    ) -> messages.ListApiTokensResponse:
        """Gives a tenant's API tokens."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _RULES.size(request.page_size)
        query = ("ListApiTokens", tenant)
        key = self._page_tokens.read(request.page_token, query)
        before = (datetime.fromisoformat(str(key[0])), str(key[1])) if key else None
        found = await self._api_tokens.page(tenant, before, size + 1)
        response = messages.ListApiTokensResponse(api_tokens=map(conversion.api_token_message, found[:size]))
        if len(found) > size:
            last = found[size - 1]
            response.next_page_token = self._page_tokens.write((last.created_at.isoformat(), last.token_id), query)
        return response

    async def RevokeApiToken(self, request: messages.RevokeApiTokenRequest, context: Context) -> resources.ApiToken:
        """Revokes an API token."""
        names = API_TOKEN.parse(request.name)
        return conversion.api_token_message(await self._api_tokens.revoke(names["tenant"], names["api_token"]))

    async def ListAuditEvents(
        self, request: messages.ListAuditEventsRequest, context: Context
    ) -> messages.ListAuditEventsResponse:
        """Gives a tenant's audit log."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _RULES.size(request.page_size)
        wanted = conversion.audit_filter(request)
        query = ("ListAuditEvents", tenant, *astuple(wanted))
        key = self._page_tokens.read(request.page_token, query)
        found = await self._audit_log.page(tenant, wanted, int(key[0]) if key else None, size + 1)
        response = messages.ListAuditEventsResponse(audit_events=map(conversion.event_message, found[:size]))
        if len(found) > size:
            response.next_page_token = self._page_tokens.write((found[size - 1].event_id,), query)
        return response

    async def RecordAuditEvent(
        self, request: messages.RecordAuditEventRequest, context: Context
    ) -> resources.AuditEvent:
        """Writes an event down."""
        told = request.audit_event
        tenant = TENANT.parse(request.parent)["tenant"]
        event = AuditEvent(tenant, told.actor, told.action, told.resource, dict(told.details), told.request_id)
        return conversion.event_message(await self._audit_log.record(event))

    async def GetGatewayCa(
        self, request: messages.GetGatewayCaRequest, context: Context
    ) -> messages.GetGatewayCaResponse:
        """Gives the CA's certificate."""
        ca = self._authority.ca
        return messages.GetGatewayCaResponse(
            certificate_pem=ca.certificate_pem, fingerprint_sha256=ca.fingerprint_sha256
        )

    async def SignGatewayCertificate(
        self, request: messages.SignGatewayCertificateRequest, context: Context
    ) -> resources.IssuedCertificate:
        """Signs a gateway's request."""
        lifetime = request.lifetime.ToTimedelta() if request.HasField("lifetime") else None
        issued = await self._authority.sign_gateway(request.gateway, request.csr_pem, lifetime)
        return conversion.certificate_message(issued)

    async def SignServerCertificate(
        self, request: messages.SignServerCertificateRequest, context: Context
    ) -> resources.IssuedCertificate:
        """Signs the request of a service that gateways connect to."""
        issued = await self._authority.sign_server(request.csr_pem, list(request.hosts))
        return conversion.certificate_message(issued)

    async def RevokeGatewayCertificates(
        self, request: messages.RevokeGatewayCertificatesRequest, context: Context
    ) -> Empty:
        """Revokes a gateway's certificates."""
        await self._authority.revoke(request.gateway, request.reason)
        return Empty()

    async def ListRevokedCertificates(
        self, request: messages.ListRevokedCertificatesRequest, context: Context
    ) -> messages.ListRevokedCertificatesResponse:
        """Gives what was revoked and has not expired."""
        revoked = await self._authority.revocations()
        return messages.ListRevokedCertificatesResponse(
            serials=sorted(revoked.serials), disabled_actors=sorted(revoked.actors)
        )
