"""What keeps quartiles from being shared or shown, in words that say what to do next."""

from dualspan_analytics.sharing.model import Group
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound


def no_common_kpi(kpi: str) -> InvalidArgument:
    """A KPI that other enterprises do not have."""
    words = f"{kpi[:60]!r} is no KPI of ISO 22400-2. Only those can be shared: everybody computes them alike."
    return InvalidArgument("KPI_NOT_COMMON", words, kpi=kpi[:60])


def not_sharing(kpi: str) -> FailedPrecondition:
    """Who does not share sees nothing."""
    words = (
        f"Quartiles of {kpi!r} are for enterprises that share it. Consent with `dualspan analytics sharing grant"
        f" {kpi}`; you see the months in which you shared."
    )
    return FailedPrecondition("NOT_SHARING", words, kpi=kpi)


def nothing_published(kpi: str, group: Group, month: str) -> NotFound:
    """No month was published with the enterprise's figure in it."""
    when = f"for {month}" if month else "yet"
    words = (
        f"Nothing was published {when} of {kpi!r} for {group.kind} {group.id[:60]!r} with your figure in it. Months are"
        " published some days after they end; `dualspan analytics sharing benchmarks` shows which there are."
    )
    return NotFound("BENCHMARK_NOT_FOUND", words, kpi=kpi, group=group.id[:60])


def refused(reason: str, month: str) -> FailedPrecondition:
    """What was published is that nothing may be shown."""
    return FailedPrecondition("BENCHMARK_REFUSED", f"{month}: {reason}", month=month)
