"""What can go wrong here, in words that say what to do next."""

from collections.abc import Mapping, Sequence

import grpc

from dualspan_runtime.errors import (
    Aborted,
    AlreadyExists,
    DomainError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)

_SHOWN = 5


class Cancelled(DomainError):
    """Somebody asked for it to stop."""

    code = grpc.StatusCode.CANCELLED


def malformed(reason: str, field: str, message: str) -> InvalidArgument:
    """A field of the request that cannot be what it says."""
    return InvalidArgument(reason, message, field=field)


def shown(values: list[str]) -> str:
    """The first few of many values, for an error that a person reads."""
    more = len(values) - _SHOWN
    return ", ".join(repr(v[:200]) for v in values[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


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


def too_many(reason: str, what: str, limit: int) -> ResourceExhausted:
    """A limit of the platform."""
    return ResourceExhausted(reason, f"There would be more than {limit} {what}.", limit=str(limit))


def certificate_mismatch(name: object, shown_sha256: str) -> FailedPrecondition:
    """What the person approves is not what the gateway sees."""
    return FailedPrecondition(
        "CERTIFICATE_MISMATCH",
        f"{name} shows a certificate with SHA-256 {shown_sha256}, not the one approved. "
        "Compare it with the server's own display; if they differ, somebody may sit between.",
        shown_sha256=shown_sha256,
    )


def browse_running(name: object) -> FailedPrecondition:
    """One browse of a server at a time."""
    return FailedPrecondition("BROWSE_RUNNING", f"{name} is being browsed. Wait for that operation, or cancel it.")


def browse_cancelled() -> Cancelled:
    """The browse ended because somebody asked for it."""
    return Cancelled("BROWSE_CANCELLED", "The browse was cancelled. What was browsed before is still there.")


def browse_failed(why: str) -> FailedPrecondition:
    """The gateway could not do it; the words are the gateway's."""
    return FailedPrecondition("BROWSE_FAILED", f"The gateway could not browse it: {why}")


def snapshot_unknown(name: object) -> NotFound:
    """No such snapshot of the server, or it was dropped for newer ones."""
    return NotFound("SNAPSHOT_NOT_FOUND", f"There is no {name}. List the snapshots to see which are kept.")


def not_browsed(name: object) -> FailedPrecondition:
    """There is no snapshot to choose from."""
    return FailedPrecondition("SERVER_NOT_BROWSED", f"{name} has not been browsed. Browse it first.")


def nodes_unknown(node_ids: list[str]) -> NotFound:
    """Chosen nodes that the last browse did not find."""
    return NotFound(
        "NODES_NOT_BROWSED",
        f"The last browse did not find {shown(node_ids)}. Browse again, or leave them out.",
        count=str(len(node_ids)),
    )


def nodes_unusable(node_ids: list[str]) -> FailedPrecondition:
    """Chosen nodes that have no value to store."""
    return FailedPrecondition(
        "NODES_NOT_READABLE",
        f"Not readable variables of a known type: {shown(node_ids)}. Leave them out.",
        count=str(len(node_ids)),
    )


def nodes_repeated(node_ids: list[str]) -> InvalidArgument:
    """One node chosen twice."""
    return malformed("NODES_REPEATED", "variables", f"Chosen more than once: {shown(node_ids)}.")


def tag_unknown(name: object) -> NotFound:
    """No such tag in the tenant."""
    return NotFound("TAG_NOT_FOUND", f"There is no {name}. List the tags to see which there are.")


def trusted_unknown(name: object) -> NotFound:
    """No such entry in the trust list."""
    return NotFound("TRUSTED_CERTIFICATE_NOT_FOUND", f"There is no {name}. List the trusted certificates.")


def trusted_already(sha256: str) -> AlreadyExists:
    """The same certificate for the same gateways."""
    text = f"The certificate {sha256} is in this trust list already. Remove that entry first to trust it otherwise."
    return AlreadyExists("TRUSTED_CERTIFICATE_EXISTS", text)


def notice_unknown(name: object) -> NotFound:
    """No such notice in the tenant."""
    return NotFound("NOTICE_NOT_FOUND", f"There is no {name}. List the notices to see which there are.")


def notice_resolved(name: object) -> FailedPrecondition:
    """Nothing is left to take care of."""
    return FailedPrecondition("NOTICE_RESOLVED", f"{name} is resolved: its reason is gone. There is nothing to do.")


def command_cancelled(resource: object) -> Cancelled:
    """Somebody asked for it to stop before it was done."""
    return Cancelled("COMMAND_CANCELLED", f"What {resource} was to do was cancelled. Ask again if it is still wanted.")


def command_expired(gateway: object) -> Unavailable:
    """It was never begun."""
    return Unavailable(
        "COMMAND_EXPIRED", f"{gateway} did not take it up in time; it was not begun. Check the gateway, then ask again."
    )


def command_stalled(gateway: object) -> Unavailable:
    """The gateway has it and says nothing."""
    return Unavailable("COMMAND_STALLED", f"{gateway} has said nothing of it for too long. Check it, then ask again.")


def command_unknown(gateway: object, why: str = "lost its connection after it was told") -> Unavailable:
    """It was sent, must not be sent again, and nobody knows what became of it."""
    return Unavailable(
        "OUTCOME_UNKNOWN",
        f"{gateway} {why}. It may have been carried out or not: look at the machine before you ask again.",
    )


def command_failed(error: str) -> FailedPrecondition:
    """The gateway could not do it."""
    return FailedPrecondition("COMMAND_FAILED", f"The gateway could not do it: {error}")


def command_unanswered(gateway: object) -> FailedPrecondition:
    """The gateway says that it is done, and nothing else."""
    return FailedPrecondition(
        "COMMAND_UNANSWERED", f"{gateway} ended it without an outcome. Update the gateway's software, then ask again."
    )


def password_sealed(name: object) -> FailedPrecondition:
    """The stored password cannot be used."""
    return FailedPrecondition(
        "PASSWORD_SEALED",
        f"The password of {name} cannot be opened; was DUALSPAN_SERVICE_SECRET changed? State the password again.",
    )


def command_sealed() -> FailedPrecondition:
    """What was to be done cannot be opened any more."""
    return FailedPrecondition(
        "COMMAND_SEALED", "What was to be done cannot be opened; was DUALSPAN_SERVICE_SECRET changed? Ask again."
    )


def upstream_failed(service: str) -> Unavailable:
    """Another service could not be asked."""
    return Unavailable("SERVICE_UNAVAILABLE", f"The {service} service cannot be reached. Try again in a moment.")


def over_budget(name: object, warnings: Sequence[str], numbers: Mapping[str, str]) -> ResourceExhausted:
    """What would be added or sped up is more than the server bears."""
    words = "; ".join(warnings)
    return ResourceExhausted(
        "OVER_BUDGET",
        f"{name} would be asked for more than it bears: {words}. Choose less, or state accept_over_budget to do it "
        "all the same.",
        **numbers,
    )


def profile_unknown(profile: str) -> NotFound:
    """No vendor profile of that id."""
    return NotFound("PROFILE_NOT_FOUND", f"There is no vendor profile {profile[:60]!r}. List the profiles.")


def limits_unknown(name: object) -> NotFound:
    """Nobody has read what the server states."""
    return NotFound("LIMITS_NOT_READ", f"The limits of {name} have not been read. Read them first.")


def values_not_described(node_ids: list[str]) -> FailedPrecondition:
    """Fields or elements were chosen that nobody has looked for."""
    return FailedPrecondition(
        "VALUES_NOT_DESCRIBED",
        f"Nobody has looked into the values of {shown(node_ids)}. Describe them first.",
        count=str(len(node_ids)),
    )


def fields_unknown(addresses: list[str]) -> NotFound:
    """Chosen fields or elements that the values do not have."""
    return NotFound(
        "FIELDS_NOT_FOUND",
        f"The values do not have {shown(addresses)}. Describe them again, or leave these out.",
        count=str(len(addresses)),
    )


def no_event_notifiers(node_ids: list[str]) -> FailedPrecondition:
    """Events were chosen of nodes that have none."""
    return FailedPrecondition(
        "NO_EVENT_NOTIFIER",
        f"Not event notifiers: {shown(node_ids)}. Choose objects whose event_notifier allows subscriptions, or i=2253.",
        count=str(len(node_ids)),
    )


def difference_changed() -> FailedPrecondition:
    """What would change now is not what a person has looked at."""
    return FailedPrecondition(
        "DIFFERENCE_CHANGED", "Something else would change now than was shown. Look at the difference again."
    )


def nothing_to_report(subject: str) -> NotFound:
    """A report about nothing proves nothing."""
    return NotFound(
        "NOTHING_TO_REPORT",
        f"Nothing of {subject} was to be recorded in this time. Check its name with `dualspan gateways list`.",
        subject=subject,
    )


def report_refused(reason: str, message: str) -> FailedPrecondition:
    """The historian cannot prove that much; its own words say what to ask for instead."""
    return FailedPrecondition(reason, message)
