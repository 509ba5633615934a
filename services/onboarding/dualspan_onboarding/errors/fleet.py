"""What can go wrong with gateways and their servers, in words that say what to do next."""

from dualspan_onboarding.errors import malformed
from dualspan_runtime.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)


def gateway_unknown(name: object) -> NotFound:
    """No such gateway in the tenant."""
    return NotFound("GATEWAY_NOT_FOUND", f"There is no {name}. List the gateways to see which there are.")


def gateway_exists(name: object) -> AlreadyExists:
    """The id is taken."""
    return AlreadyExists("GATEWAY_EXISTS", f"{name} exists already. Choose another id, or use the one that is there.")


def gateway_revoked(name: object) -> PermissionDenied:
    """Its certificates are revoked and no new enrolment has happened."""
    return PermissionDenied("GATEWAY_REVOKED", f"{name} is revoked. Enrol it again with a new enrolment token.")


def gateway_not_enrolled(name: object) -> FailedPrecondition:
    """No box speaks for the gateway yet."""
    return FailedPrecondition("GATEWAY_NOT_ENROLLED", f"{name} has not enrolled. Create a token and enrol a box.")


def gateway_offline(name: object) -> FailedPrecondition:
    """Something was asked that only a connected gateway can do."""
    return FailedPrecondition("GATEWAY_OFFLINE", f"{name} is not connected. Start it, then try again.")


def session_superseded(name: object) -> Aborted:
    """A newer stream speaks for the gateway."""
    return Aborted("SESSION_SUPERSEDED", f"Another stream of {name} has taken over. Is it running twice?")


def hello_missing() -> InvalidArgument:
    """The stream began with something else."""
    return InvalidArgument("HELLO_MISSING", "The first message of the stream must be hello, and only the first.")


def token_unknown() -> Unauthenticated:
    """Nothing is known of the token; it may never have existed."""
    return Unauthenticated("ENROLMENT_TOKEN_UNKNOWN", "The enrolment token is not known. Create a new one.")


def token_used() -> FailedPrecondition:
    """Only who once held the secret can be told this."""
    return FailedPrecondition("ENROLMENT_TOKEN_USED", "The enrolment token has been used. Create a new one.")


def token_expired() -> FailedPrecondition:
    """Its hour is over."""
    return FailedPrecondition("ENROLMENT_TOKEN_EXPIRED", "The enrolment token has expired. Create a new one.")


def token_superseded() -> FailedPrecondition:
    """A later token was made for the gateway."""
    return FailedPrecondition("ENROLMENT_TOKEN_SUPERSEDED", "A newer enrolment token was made. Use that one.")


def revocation_unfinished(name: object) -> Unavailable:
    """A certificate signed now could fall under the revocation that is still being carried out."""
    return Unavailable("REVOCATION_UNFINISHED", f"{name} is being revoked. Try again in a minute.")


def csr_refused(why: str) -> InvalidArgument:
    """The certificate signing request is not usable."""
    return malformed("CSR_REFUSED", "csr_pem", f"The certificate signing request is refused: {why}.")


def server_unknown(name: object) -> NotFound:
    """No such server at the gateway."""
    return NotFound("SERVER_NOT_FOUND", f"There is no {name}. List the gateway's servers to see which there are.")


def server_exists(name: object) -> AlreadyExists:
    """The id is taken."""
    return AlreadyExists("SERVER_EXISTS", f"{name} exists already. Choose another id, or change the one that is there.")


def password_sealed(name: object) -> FailedPrecondition:
    """The stored password cannot be used."""
    return FailedPrecondition(
        "PASSWORD_SEALED",
        f"The password of {name} cannot be opened; was DUALSPAN_SERVICE_SECRET changed? State the password again.",
    )
