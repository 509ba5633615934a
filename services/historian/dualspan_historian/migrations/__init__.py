"""The historian's schema."""

from dualspan_runtime.migrations import Migrations
from dualspan_runtime.status import STATUS

MIGRATIONS = Migrations(service="historian", package=__name__, shared=(STATUS,))
