"""Domain to protobuf and back."""

from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.identity.v1 import account_service_pb2 as account_contract
from dualspan.identity.v1 import oidc_service_pb2 as oidc_contract
from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as service_contract
from dualspan_identity.certification import IssuedCertificate
from dualspan_identity.errors import malformed
from dualspan_identity.model import (
    SESSION,
    Account,
    AccountChange,
    ApiToken,
    AuditEvent,
    AuditFilter,
    OidcProvider,
    Session,
    Tenant,
)
from dualspan_identity.service.account import Caller
from dualspan_identity.service.sessions import SignedIn
from dualspan_runtime.names import AUDIT_EVENT, TENANT
from dualspan_runtime.roles import ROLE_PERMISSIONS, role_name, role_number

_CHANGEABLE = ("display_name", "roles", "disabled")


def timestamp(moment: datetime) -> Timestamp:
    """Returns a moment as protobuf has it."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment_from(message: Timestamp, field: str) -> datetime:
    """Returns a moment of a request.

    Raises:
        InvalidArgument: It is none (`MALFORMED_FIELD`).
    """
    try:
        return message.ToDatetime(UTC)
    except ValueError as error:
        raise malformed(field, "must lie between the years 1 and 9999, its nanos between 0 and 999999999") from error


def audit_filter(request: service_contract.ListAuditEventsRequest) -> AuditFilter:
    """Returns which events a request is about.

    Raises:
        InvalidArgument: A moment is none (`MALFORMED_FIELD`).
    """
    return AuditFilter(
        request.actor,
        request.action,
        request.resource,
        moment_from(request.start_time, "start_time") if request.HasField("start_time") else None,
        moment_from(request.end_time, "end_time") if request.HasField("end_time") else None,
    )


def roles_from(numbers: Iterable[int]) -> tuple[str, ...]:
    """Returns the words of roles.

    Raises:
        InvalidArgument: There is no such role (`MALFORMED_FIELD`).
    """
    values = tuple(numbers)
    known = set(resources.Role.values()) - {resources.ROLE_UNSPECIFIED}
    if not known.issuperset(values):
        raise malformed("roles", "names a role that does not exist")
    return tuple(role_name(value) for value in values)


def tenant_message(tenant: Tenant) -> resources.Tenant:
    """Returns the resource."""
    return resources.Tenant(
        name=TENANT.format(tenant=tenant.tenant_id),
        display_name=tenant.display_name,
        create_time=timestamp(tenant.created_at),
    )


def user_message(account: Account) -> resources.User:
    """Returns the resource."""
    return resources.User(
        name=account.name,
        email=account.email,
        display_name=account.display_name,
        roles=[role_number(role) for role in account.roles],
        disabled=account.disabled,
        create_time=timestamp(account.created_at),
    )


def api_token_message(token: ApiToken) -> resources.ApiToken:
    """Returns the resource."""
    message = resources.ApiToken(
        name=token.name,
        display_name=token.display_name,
        roles=[role_number(role) for role in token.roles],
        expire_time=timestamp(token.expires_at),
        create_time=timestamp(token.created_at),
    )
    if token.revoked_at is not None:
        message.revoke_time.FromDatetime(token.revoked_at)
    return message


def own_account_message(caller: Caller) -> account_contract.Account:
    """Returns who calls."""
    principal, account = caller.principal, caller.account
    session = ""
    if account is not None and principal.session:
        session = SESSION.format(tenant=account.tenant_id, user=account.user_id, session=principal.session)
    permissions = frozenset[str]().union(*(ROLE_PERMISSIONS.get(role, frozenset()) for role in principal.roles))
    return account_contract.Account(
        tenant=TENANT.format(tenant=caller.tenant.tenant_id),
        tenant_display_name=caller.tenant.display_name,
        actor=f"{TENANT.format(tenant=caller.tenant.tenant_id)}/{principal.actor}",
        user=None if account is None else user_message(account),
        permissions=sorted(permissions),
        session=session,
    )


def provider_message(provider: OidcProvider) -> oidc_contract.OidcProvider:
    """Returns the resource, without its secret."""
    return oidc_contract.OidcProvider(
        name=provider.name,
        display_name=provider.display_name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        email_domains=provider.email_domains,
        create_time=timestamp(provider.created_at),
    )


def signed_in_message(signed_in: SignedIn) -> service_contract.SignInResponse:
    """Returns a new session."""
    return service_contract.SignInResponse(
        access_token=signed_in.access.token,
        expire_time=timestamp(signed_in.access.expires_at),
        refresh_token=signed_in.refresh_token,
        user=user_message(signed_in.account),
    )


def session_message(session: Session, current: str) -> account_contract.SignInSession:
    """Returns the resource.

    Args:
        session: Of a person.
        current: The id of the one that is asked in.
    """
    return account_contract.SignInSession(
        name=session.name,
        create_time=timestamp(session.created_at),
        use_time=timestamp(session.used_at),
        expire_time=timestamp(session.expires_at),
        user_agent=session.user_agent,
        address=session.address,
        current=session.session_id == current,
    )


def event_message(event: AuditEvent) -> resources.AuditEvent:
    """Returns the resource."""
    assert event.event_time is not None  # noqa: S101 - stored events have one
    return resources.AuditEvent(
        name=AUDIT_EVENT.format(tenant=event.tenant_id, audit_event=event.event_id),
        event_time=timestamp(event.event_time),
        actor=event.actor,
        action=event.action,
        resource=event.resource,
        details=dict(event.details),
        request_id=event.request_id,
    )


def certificate_message(issued: IssuedCertificate) -> resources.IssuedCertificate:
    """Returns the message."""
    return resources.IssuedCertificate(
        chain_pem=issued.chain_pem, serial=issued.serial, expire_time=timestamp(issued.expires_at)
    )


def account_change(user: resources.User, paths: Iterable[str]) -> AccountChange:
    """Returns the change that an update mask asks for; an empty one asks for everything changeable.

    Raises:
        InvalidArgument: It names a field that cannot be changed (`MALFORMED_FIELD`).
    """
    mask = tuple(paths) or _CHANGEABLE
    unknown = [path for path in mask if path not in _CHANGEABLE]
    if unknown:
        raise malformed("update_mask", f"may have {', '.join(_CHANGEABLE)}, not {', '.join(unknown)[:100]}")
    return AccountChange(
        display_name=user.display_name if "display_name" in mask else None,
        roles=roles_from(user.roles) if "roles" in mask else None,
        disabled=user.disabled if "disabled" in mask else None,
    )
