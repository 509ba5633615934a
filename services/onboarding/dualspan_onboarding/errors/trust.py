"""What can go wrong with certificates and notices, in words that say what to do next."""

from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, NotFound


def certificate_mismatch(name: object, shown_sha256: str) -> FailedPrecondition:
    """What the person approves is not what the gateway sees."""
    return FailedPrecondition(
        "CERTIFICATE_MISMATCH",
        f"{name} shows a certificate with SHA-256 {shown_sha256}, not the one approved. "
        "Compare it with the server's own display; if they differ, somebody may sit between.",
        shown_sha256=shown_sha256,
    )


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
