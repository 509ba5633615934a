"""What identity knows, and the rules about it. No I/O."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dualspan_identity.errors import malformed, platform_admin_protected, role_not_grantable
from dualspan_runtime.names import API_TOKEN, USER, ResourceName
from dualspan_runtime.principal import Principal
from dualspan_runtime.roles import PLATFORM_ADMIN, ROLE_PERMISSIONS

MINIMUM_PASSWORD = 10
MAXIMUM_PASSWORD = 512
FREE_ATTEMPTS = 5
FIRST_BLOCK = timedelta(seconds=10)
LONGEST_BLOCK = timedelta(minutes=5)
LONGEST_API_TOKEN = timedelta(days=366)
LONGEST_USER_AGENT = 300
LONGEST_ADDRESS = 60
SESSION = ResourceName(
    "tenants/{tenant}/users/{user}/sessions/{session}", session="[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
OIDC_PROVIDER = ResourceName("tenants/{tenant}/oidcProviders/{oidc_provider}")
MOST_DOMAINS = 50
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Tenant:
    """An enterprise."""

    tenant_id: str
    display_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """A person. Roles are words as in `dualspan_runtime.roles`."""

    tenant_id: str
    user_id: str
    email: str
    display_name: str
    roles: tuple[str, ...]
    disabled: bool
    created_at: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return USER.format(tenant=self.tenant_id, user=self.user_id)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A person to be."""

    tenant_id: str
    user_id: str
    email: str
    display_name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountChange:
    """New values; None leaves a field as it is."""

    display_name: str | None = None
    roles: tuple[str, ...] | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A secret for a program, without the secret."""

    tenant_id: str
    token_id: str
    display_name: str
    roles: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @property
    def name(self) -> str:
        """The resource name."""
        return API_TOKEN.format(tenant=self.tenant_id, api_token=self.token_id)


@dataclass(frozen=True, slots=True)
class SignInOrigin:
    """What signs in and where from, as it is told; for the list of sessions alone."""

    user_agent: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Where a person is signed in."""

    tenant_id: str
    user_id: str
    session_id: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    user_agent: str
    address: str

    @property
    def name(self) -> str:
        """The resource name."""
        return SESSION.format(tenant=self.tenant_id, user=self.user_id, session=self.session_id)


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An enterprise's identity provider; the secret is sealed."""

    tenant_id: str
    provider_id: str
    display_name: str
    issuer: str
    client_id: str
    sealed_client_secret: bytes
    email_domains: tuple[str, ...]
    created_at: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return OIDC_PROVIDER.format(tenant=self.tenant_id, oidc_provider=self.provider_id)


@dataclass(frozen=True, slots=True)
class OidcAttempt:
    """Signing in that has begun; the code verifier is sealed."""

    provider_id: str
    nonce: str
    sealed_verifier: bytes
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What somebody did. `event_id` and `event_time` are set when it is stored."""

    tenant_id: str
    actor: str
    action: str
    resource: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])
    request_id: str = ""
    event_id: int = 0
    event_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events somebody looks for; what is "" or None leaves everything in.

    Attributes:
        actor: Who, as in the event.
        action: What, or what it begins with up to a dot.
        resource: To what, or to what belongs to it.
        start: Not before.
        end: Before.
    """

    actor: str = ""
    action: str = ""
    resource: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedToken:
    """An access token and whom it speaks for."""

    token: str
    expires_at: datetime
    tenant_id: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of access tokens; the private part is sealed."""

    key_id: str
    public_key_pem: str
    sealed_private_key: bytes
    created_at: datetime


def check_password(password: str) -> str:
    """Returns a password that may be set.

    Raises:
        InvalidArgument: It is too short or too long (`MALFORMED_FIELD`).
    """
    if not MINIMUM_PASSWORD <= len(password) <= MAXIMUM_PASSWORD:
        raise malformed("password", f"must have {MINIMUM_PASSWORD} to {MAXIMUM_PASSWORD} characters")
    return password


def check_email(email: str) -> str:
    """Returns an e-mail address without the spaces around it.

    Raises:
        InvalidArgument: It is none (`MALFORMED_FIELD`).
    """
    stripped = email.strip()
    if _EMAIL.fullmatch(stripped) is None:
        raise malformed("email", "must be an address such as ada@example.com")
    return stripped


def sign_in_origin(user_agent: str, address: str) -> SignInOrigin:
    """Returns where somebody signs in from, cut to what a list can show and cleared of what no screen should."""
    kept = ("".join(letter for letter in word if letter.isprintable()) for word in (user_agent, address))
    agent, where = kept
    return SignInOrigin(agent[:LONGEST_USER_AGENT], where[:LONGEST_ADDRESS])


def check_domains(domains: Iterable[str]) -> tuple[str, ...]:
    """Returns domains of e-mail addresses, in small letters.

    Raises:
        InvalidArgument: One is none, or there are too many (`MALFORMED_FIELD`).
    """
    lowered = tuple(dict.fromkeys(domain.strip().lower() for domain in domains))
    if len(lowered) > MOST_DOMAINS or not all(_DOMAIN.fullmatch(domain) for domain in lowered):
        raise malformed("email_domains", f"must be {MOST_DOMAINS} domains at the most, each such as example.com")
    return lowered


def may_be_linked(provider: OidcProvider, verified_email: str) -> bool:
    """Tells whether somebody new is let in by an address that the provider has verified."""
    return verified_email.rpartition("@")[2].lower() in provider.email_domains


def check_text(value: str, field_name: str, *, required: bool = True, longest: int = 200) -> str:
    """Returns a text for people.

    Raises:
        InvalidArgument: It is empty though required, or too long (`MALFORMED_FIELD`).
    """
    if len(value) > longest or (required and not value.strip()):
        raise malformed(field_name, f"must have 1 to {longest} characters")
    return value


def check_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Returns roles in a fixed order, each once.

    Raises:
        InvalidArgument: There are none, or one is unknown (`MALFORMED_FIELD`).
    """
    if not roles or any(role not in ROLE_PERMISSIONS for role in roles):
        raise malformed("roles", f"must be one or more of {', '.join(ROLE_PERMISSIONS)}")
    return tuple(role for role in ROLE_PERMISSIONS if role in roles)


def user_id_from_email(email: str) -> str:
    """Returns the id that a user gets who was given none."""
    return _NOT_SLUG.sub("-", email.partition("@")[0].lower()).strip("-")[:40] or "user"


def check_grant(granter: Principal, roles: tuple[str, ...]) -> None:
    """Checks that somebody may give a person these roles: admins any but the platform's own.

    Raises:
        PermissionDenied: They may not (`ROLE_NOT_GRANTABLE`).
    """
    if PLATFORM_ADMIN in roles and PLATFORM_ADMIN not in granter.roles:
        raise role_not_grantable(PLATFORM_ADMIN)


def check_token_roles(creator: Principal, roles: tuple[str, ...]) -> None:
    """Checks that a token does not get more than who creates it has.

    Raises:
        PermissionDenied: It would (`ROLE_NOT_GRANTABLE`).
    """
    covered = covered_roles(roles, creator.roles)
    for role in roles:
        if role not in covered:
            raise role_not_grantable(role)


def covered_roles(roles: Iterable[str], held: Iterable[str]) -> tuple[str, ...]:
    """Returns those of some roles that give no more than the roles that somebody holds."""
    owned = frozenset(held)
    permitted = frozenset[str]().union(*(ROLE_PERMISSIONS.get(role, ()) for role in owned))
    return tuple(
        role
        for role in roles
        if role in owned or (role != PLATFORM_ADMIN and ROLE_PERMISSIONS.get(role, frozenset()) <= permitted)
    )


def check_may_change(changer: Principal, account: Account) -> None:
    """Checks that somebody may change a person.

    Raises:
        PermissionDenied: The person is a platform admin and they are not (`PLATFORM_ADMIN_PROTECTED`).
    """
    if PLATFORM_ADMIN in account.roles and PLATFORM_ADMIN not in changer.roles:
        raise platform_admin_protected()


def block_after(failures: int) -> timedelta:
    """Returns how long signing in is blocked after so many failures in a row: 10 s, 20 s, 40 s, … up to 5 minutes."""
    if failures < FREE_ATTEMPTS:
        return timedelta(0)
    return min(FIRST_BLOCK * 2 ** min(failures - FREE_ATTEMPTS, 10), LONGEST_BLOCK)
