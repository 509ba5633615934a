"""What every layer may ask about the call it works for."""

import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar

from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.grants import Grant
from dualspan_runtime.principal import ANONYMOUS, Principal

_principal: ContextVar[Principal] = ContextVar("dualspan_principal", default=ANONYMOUS)
_tenant: ContextVar[str] = ContextVar("dualspan_tenant", default="")
_grant: ContextVar[Grant | None] = ContextVar("dualspan_grant", default=None)
_request_id: ContextVar[str] = ContextVar("dualspan_request_id", default="")


def current_principal() -> Principal:
    """Returns who calls; the anonymous principal outside a call."""
    return _principal.get()


def current_tenant() -> str:
    """Returns the id of the tenant that the call is about.

    Raises:
        InvalidArgument: The call is about none (`TENANT_MISSING`).
    """
    tenant = _tenant.get()
    if not tenant:
        raise InvalidArgument("TENANT_MISSING", "The request names no tenant. Give a name that begins with tenants/….")
    return tenant


def hidden_tags(tag_ids: Iterable[int]) -> frozenset[int]:
    """Returns those of some tags that, for the caller, do not exist: what an app was not granted."""
    grant = _grant.get()
    return frozenset() if grant is None else frozenset(tag_ids) - grant.tag_ids


def request_id() -> str:
    """Returns the id of the request, as in the logs; empty outside one."""
    return _request_id.get()


def new_request_id() -> str:
    """Returns a fresh request id."""
    return uuid.uuid4().hex


def set_call(principal: Principal, tenant: str, grant: Grant | None = None) -> None:
    """Binds the caller, the tenant and an app's grant to the running task; the authorisation interceptor's business."""
    _principal.set(principal)
    _tenant.set(tenant)
    _grant.set(grant)


def set_request_id(value: str) -> None:
    """Binds the request id to the running task; the telemetry interceptor's business."""
    _request_id.set(value)


@contextmanager
def bind_request_id(value: str = "") -> Generator[str]:
    """Binds a request id, a fresh one if none is given, for a piece of work outside a call."""
    identifier = value or new_request_id()
    token = _request_id.set(identifier)
    try:
        yield identifier
    finally:
        _request_id.reset(token)
