"""What can go wrong in identity."""

from dualspan_runtime.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
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


def provider_not_found() -> NotFound:
    """No such identity provider."""
    return NotFound("OIDC_PROVIDER_NOT_FOUND", "There is no such identity provider. Sign in another way.")


def provider_exists() -> AlreadyExists:
    """An identity provider of that id exists."""
    return AlreadyExists("OIDC_PROVIDER_EXISTS", "An identity provider of this id exists. Choose another id.")


def provider_wrong(why: str) -> InvalidArgument:
    """What is at the address is not the identity provider."""
    return InvalidArgument(
        "OIDC_PROVIDER_WRONG",
        f"This is no identity provider that can be asked: {why}. Check the issuer.",
        field="issuer",
    )


def provider_unreachable() -> Unavailable:
    """The identity provider does not answer."""
    return Unavailable("OIDC_PROVIDER_UNREACHABLE", "The identity provider does not answer. Try again shortly.")


def provider_refused(why: str) -> Unauthenticated:
    """The identity provider does not stand by what the browser brought."""
    return Unauthenticated("OIDC_REFUSED", f"The identity provider did not confirm who you are: {why}. Sign in again.")


def sign_in_expired() -> Unauthenticated:
    """Signing in took too long, or was done already."""
    return Unauthenticated("OIDC_SIGN_IN_EXPIRED", "Signing in took longer than ten minutes, or is done. Begin again.")


def not_linked() -> Unauthenticated:
    """The identity provider has proven somebody who is nobody here."""
    return Unauthenticated(
        "OIDC_NOT_LINKED",
        "Your identity provider knows you, and there is no user for you here. Ask your administrator.",
    )


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
    "oidc_provider_pkey": provider_exists,
    "oidc_provider_tenant_id_fkey": lambda: NotFound("TENANT_NOT_FOUND", "There is no such tenant."),
    "account_tenant_id_fkey": lambda: NotFound("TENANT_NOT_FOUND", "There is no such tenant."),
    "gateway_certificate_tenant_id_fkey": lambda: NotFound("TENANT_NOT_FOUND", "There is no such tenant."),
    "audit_event_tenant_id_fkey": lambda: NotFound("TENANT_NOT_FOUND", "There is no such tenant."),
}
