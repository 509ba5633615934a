"""What can be wrong with a dashboard, in words that say what to do next."""

from dualspan_analytics.removal import KEPT_DAYS
from dualspan_runtime.errors import Aborted, AlreadyExists, InvalidArgument, NotFound, ResourceExhausted

MOST_KEPT = 1000
"""Dashboards of one enterprise."""
MOST_BYTES = 64 * 1024
"""Of one dashboard as it is kept: a list of them has to fit into an answer."""


def bad_dashboard(field: str, why: str) -> InvalidArgument:
    """Something in it cannot be."""
    return InvalidArgument("BAD_DASHBOARD", f"{field} is not valid: {why}.", field=f"dashboard.{field}")


def dashboard_not_found(dashboard: str) -> NotFound:
    """There is none of that id, or it was taken away."""
    words = f"There is no dashboard {dashboard!r}. What was taken away can be brought back for {KEPT_DAYS} days."
    return NotFound("DASHBOARD_NOT_FOUND", words, dashboard=dashboard)


def dashboard_exists(dashboard: str) -> AlreadyExists:
    """There is one of that id."""
    words = f"There is a dashboard {dashboard!r} already, or was lately. Choose another id, or leave it empty."
    return AlreadyExists("DASHBOARD_EXISTS", words, dashboard=dashboard)


def dashboard_changed(dashboard: str) -> Aborted:
    """The etag is of an earlier state."""
    words = "Somebody else changed the dashboard meanwhile. Look at it again, and then change it with its new etag."
    return Aborted("ETAG_MISMATCH", words, dashboard=dashboard)


def too_many_dashboards() -> ResourceExhausted:
    """The enterprise has as many as it can have."""
    words = f"There are {MOST_KEPT} dashboards, which is as many as there can be. Take some away that nobody needs."
    return ResourceExhausted("TOO_MANY_DASHBOARDS", words, most=str(MOST_KEPT))
