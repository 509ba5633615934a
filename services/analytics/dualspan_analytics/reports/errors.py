"""What can go wrong with reports."""

from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound


def bad_report(field: str, why: str) -> InvalidArgument:
    """A report that says something impossible."""
    return InvalidArgument("BAD_REPORT", f"{field} of the report: {why}.", field=field)


def report_not_found(report_id: str) -> NotFound:
    """No report of that id."""
    words = f"There is no report {report_id[:60]!r}. `dualspan analytics report list` shows which there are."
    return NotFound("REPORT_NOT_FOUND", words)


def run_not_found(run: str) -> NotFound:
    """No run of that name."""
    words = f"There is no run {run[:160]!r}. `dualspan analytics report runs` shows which there are."
    return NotFound("REPORT_RUN_NOT_FOUND", words)


def not_over() -> InvalidArgument:
    """A period that goes on still, or that there is none of."""
    words = "There is no period that is over at that time. Give a time within one that has ended."
    return InvalidArgument("REPORT_PERIOD_NOT_OVER", words)


def not_made(state: str) -> FailedPrecondition:
    """A file of a run that has none yet."""
    words = f"The run is {state} and has no such file. `dualspan analytics report runs` shows how it is."
    return FailedPrecondition("REPORT_NOT_MADE", words)
