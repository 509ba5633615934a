"""The one place that decides whether a call may go on, and for which tenant."""

import time
from collections.abc import Mapping
from typing import Any

from dualspan_runtime.authentication import Authenticator, ListenerKind
from dualspan_runtime.channels import REQUEST_ID_KEY
from dualspan_runtime.context import request_id, set_call
from dualspan_runtime.errors import PermissionDenied, Unauthenticated
from dualspan_runtime.grants import Grant, Grants, allow
from dualspan_runtime.interceptors import CallInterceptor, Context, Proceed
from dualspan_runtime.permissions import MethodPolicy
from dualspan_runtime.principal import ANONYMOUS, Principal, PrincipalKind
from dualspan_runtime.roles import (
    APP,
    AUTHENTICATED,
    CROSS_TENANT_PERMISSIONS,
    GATEWAY,
    PLATFORM_ADMIN,
    PUBLIC,
    SERVICE,
)
from dualspan_runtime.streams import LiveStreams, check_credentials
from dualspan_runtime.trust import RevocationWatch


class AuthorisationInterceptor(CallInterceptor):
    """Finds out who calls, whether they may, and for which tenant; binds both to the call.

    Args:
        kind: Whom this listener is for.
        policies: What each method demands.
        authenticator: Knows callers.
        revocations: What no longer counts.
        streams: Where running streams register.
        grants: What apps may do.
    """

    def __init__(
        self,
        kind: ListenerKind,
        policies: Mapping[str, MethodPolicy],
        authenticator: Authenticator,
        revocations: RevocationWatch,
        streams: LiveStreams,
        grants: Grants,
    ) -> None:
        super().__init__()
        self._kind = kind
        self._policies = policies
        self._authenticator = authenticator
        self._revocations = revocations
        self._streams = streams
        self._grants = grants

    async def around(self, method: str, proceed: Proceed, request: Any, context: Context) -> Any:
        """See `CallInterceptor`."""
        policy = self._policies[method]
        principal = await self._identify(context, policy)
        grant = self._permit(principal, method, policy)
        tenants = frozenset[str]() if policy.read_tenants is None else policy.read_tenants(request)
        set_call(principal, choose_tenant(principal, policy.permission, tenants), grant)
        if policy.unary:
            return await proceed(request, context)
        with self._streams.track(principal, grant):
            # Said before anything else: a client that writes before it is let in may never learn why it was refused,
            # because gRPC puts the failed write in the place of the status.
            await context.send_initial_metadata(((REQUEST_ID_KEY, request_id()),))
            return await proceed(request, context)

    def _permit(self, principal: Principal, method: str, policy: MethodPolicy) -> Grant | None:
        if principal.kind is PrincipalKind.APP:
            # Whatever a role could do: an app has none, and of what anybody signed in may call, nothing is for apps.
            return allow(self._grants.of(principal), method)
        check_permission(principal, policy.permission)
        return None

    async def _identify(self, context: Context, policy: MethodPolicy) -> Principal:
        if self._kind is ListenerKind.ENROLMENT:
            return ANONYMOUS
        if self._kind is ListenerKind.GATEWAYS:
            principal = self._authenticator.from_certificate(context.auth_context())
        elif policy.permission == PUBLIC:
            return ANONYMOUS  # a stale token must not keep anybody from signing in
        else:
            principal = await self._authenticator.from_token(_authorization(context))
        problem = check_credentials(principal, self._revocations.current, time.time())
        if problem is not None:
            raise problem
        return principal


def _authorization(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            return value if isinstance(value, str) else ""
    return ""


def check_permission(principal: Principal, permission: str) -> None:
    """Checks what a method demands of its caller.

    Raises:
        Unauthenticated: The caller showed no credentials (`TOKEN_MISSING`).
        PermissionDenied: The caller may not (`PERMISSION_MISSING`).
    """
    if permission == PUBLIC:
        return
    if principal.kind is PrincipalKind.ANONYMOUS:
        raise Unauthenticated("TOKEN_MISSING", "Sign in first: this call needs an access token.")
    is_service = principal.kind is PrincipalKind.SERVICE
    is_gateway = principal.kind is PrincipalKind.GATEWAY
    # Apps come by another way: by what was granted to them.
    allowed = {AUTHENTICATED: True, GATEWAY: is_gateway, SERVICE: is_service, APP: False}.get(permission)
    if allowed is None:
        allowed = is_service or principal.may(permission)
    if not allowed:
        raise PermissionDenied(
            "PERMISSION_MISSING",
            f"This needs the permission {permission}. Ask your administrator for a role that has it.",
            permission=permission,
        )


def choose_tenant(principal: Principal, permission: str, named: frozenset[str]) -> str:
    """Returns the tenant that a call works for.

    Args:
        principal: Who calls.
        permission: What the method demands.
        named: The tenants that the request's names begin with.

    Raises:
        PermissionDenied: The request names another tenant than the caller's, or several (`FOREIGN_TENANT`).
    """
    if len(named) > 1:
        raise PermissionDenied("FOREIGN_TENANT", "The request names more than one tenant. Ask for one at a time.")
    tenant = next(iter(named), principal.tenant)
    if tenant == principal.tenant or principal.kind in {PrincipalKind.SERVICE, PrincipalKind.ANONYMOUS}:
        return tenant
    if PLATFORM_ADMIN in principal.roles and permission in CROSS_TENANT_PERMISSIONS:
        return tenant
    raise PermissionDenied(
        "FOREIGN_TENANT", "What the request names belongs to another tenant, or does not exist.", tenant=tenant
    )
