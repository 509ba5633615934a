"""Who is calling."""

import enum
import math
from dataclasses import dataclass

from dualspan_runtime.roles import ROLE_PERMISSIONS


class PrincipalKind(enum.Enum):
    """What kind of caller it is."""

    ANONYMOUS = "anonymous"
    USER = "users"
    API_TOKEN = "apiTokens"  # noqa: S105 - a collection's name
    GATEWAY = "gateways"
    APP = "subscriptions"
    SERVICE = "services"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credentials were verified.

    Attributes:
        kind: What it is.
        actor: As the audit log names it: `users/{id}`, `apiTokens/{id}`, `gateways/{id}`, `subscriptions/{id}` (an
            app), `services/{name}` or `anonymous`.
        tenant: The tenant's id; empty for services and anonymous callers.
        roles: Words as in `dualspan_runtime.roles`.
        expires_at: When its credentials end, seconds since the Unix epoch.
        serial: Serial number of its certificate, lower-case hex; gateways only.
        credential: Which credential of its subscription its token was signed for; apps only.
        session: Id of the session that its token was signed in; people only.
    """

    kind: PrincipalKind
    actor: str
    tenant: str = ""
    roles: frozenset[str] = frozenset()
    expires_at: float = math.inf
    serial: str = ""
    credential: int = 0
    session: str = ""

    @property
    def id(self) -> str:
        """The last part of the actor's name."""
        return self.actor.rpartition("/")[2]

    def may(self, permission: str) -> bool:
        """Tells whether one of the roles has a permission."""
        return any(permission in ROLE_PERMISSIONS.get(role, ()) for role in self.roles)


ANONYMOUS = Principal(PrincipalKind.ANONYMOUS, "anonymous")
