"""The service's schema, step by step."""

from dualspan_runtime.migrations import Migrations
from dualspan_runtime.status import STATUS

MIGRATIONS = Migrations(service="identity", package=__name__, shared=(STATUS,))
