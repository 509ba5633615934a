"""What can go wrong with reports of completeness, in words that say what to do next."""

from dualspan_runtime.errors import FailedPrecondition, NotFound


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
