"""What can go wrong in identity."""

from dualspan_runtime.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)


def bad_credentials() -> Unauthenticated:
    """The address, the password or both are wrong; nobody is told which."""
    return Unauthenticated("BAD_CREDENTIALS", "The e-mail address or the password is wrong.")


def too_many_attempts(seconds: float) -> ResourceExhausted:
    """Signing in failed too often."""
    return ResourceExhausted(
        "TOO_MANY_ATTEMPTS",
        f"Signing in failed too often. Wait {max(1, round(seconds))} s and try again.",
        retry_after_seconds=str(max(1, round(seconds))),
    )


def session_ended() -> Unauthenticated:
    """A refresh token or an API token no longer counts."""
    return Unauthenticated("TOKEN_INVALID", "This token has expired, was revoked or never was. Sign in again.")


def tenant_not_found(tenant: str) -> NotFound:
    """No such tenant."""
    return NotFound("TENANT_NOT_FOUND", f"There is no tenant {tenant}.", tenant=tenant)


def tenant_exists() -> AlreadyExists:
    """A tenant of that id exists."""
    return AlreadyExists("TENANT_EXISTS", "A tenant of this id exists. Choose another id.")


def user_not_found(user: str) -> NotFound:
    """No such user."""
    return NotFound("USER_NOT_FOUND", f"There is no user {user}.", user=user)


def user_exists() -> AlreadyExists:
    """A user of that id exists."""
    return AlreadyExists("USER_EXISTS", "A user of this id exists. Choose another id.")


def email_taken() -> AlreadyExists:
    """An e-mail address belongs to one user on the platform."""
    return AlreadyExists("EMAIL_TAKEN", "A user with this e-mail address exists. Use another address.")


def token_not_found(token: str) -> NotFound:
    """No such API token."""
    return NotFound("API_TOKEN_NOT_FOUND", f"There is no API token {token}.", api_token=token)


def malformed(field: str, rule: str) -> InvalidArgument:
    """A field breaks its rule."""
    return InvalidArgument("MALFORMED_FIELD", f"{field} {rule}.", field=field)


def no_person() -> PermissionDenied:
    """An API token's maker must be a person: it gets no more than that person may."""
    return PermissionDenied(
        "MAKER_NOT_A_PERSON", "Only a user of the tenant makes its API tokens. Sign in as one (`dualspan sign-in`)."
    )


def role_not_grantable(role: str) -> PermissionDenied:
    """Nobody hands out more than they have."""
    return PermissionDenied("ROLE_NOT_GRANTABLE", f"You may not grant the role {role}.", role=role)


def platform_admin_protected() -> PermissionDenied:
    """Only the platform's admins change one another."""
    return PermissionDenied("PLATFORM_ADMIN_PROTECTED", "Only a platform admin may change a platform admin.")


def own_account() -> FailedPrecondition:
    """People do not lock themselves out."""
    return FailedPrecondition("OWN_ACCOUNT", "You cannot disable your own account. Ask another admin.")


def not_your_password() -> PermissionDenied:
    """Another's password needs a permission."""
    return PermissionDenied("PERMISSION_MISSING", "Another user's password needs the permission identity.users.manage.")


def no_account() -> PermissionDenied:
    """Services have no account."""
    return PermissionDenied("NO_ACCOUNT", "Only people and API tokens have an account. Sign in as one.")


def not_your_sessions() -> PermissionDenied:
    """Others' sessions need a permission."""
    return PermissionDenied("PERMISSION_MISSING", "Another user's sessions need the permission identity.users.manage.")


def session_not_found() -> NotFound:
    """No such session of that user."""
    return NotFound("SESSION_NOT_FOUND", "There is no such session; it may have ended meanwhile.")


def bad_csr(why: str) -> InvalidArgument:
    """A signing request cannot be signed."""
    return InvalidArgument("BAD_CSR", f"The certificate signing request {why}.")


CONSTRAINTS = {
    "tenant_pkey": tenant_exists,
    "account_pkey": user_exists,
    "account_email_key": email_taken,
    "account_tenant_id_fkey": lambda: NotFound("TENANT_NOT_FOUND", "There is no such tenant."),
    "gateway_certificate_tenant_id_fkey": lambda: NotFound("TENANT_NOT_FOUND", "There is no such tenant."),
    "audit_event_tenant_id_fkey": lambda: NotFound("TENANT_NOT_FOUND", "There is no such tenant."),
}
