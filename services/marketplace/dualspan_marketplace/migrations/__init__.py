"""The service's schema, step by step."""

from dualspan_runtime.audit import AUDIT
from dualspan_runtime.migrations import Migrations
from dualspan_runtime.operations import OPERATIONS
from dualspan_runtime.status import STATUS

MIGRATIONS = Migrations(service="marketplace", package=__name__, shared=(OPERATIONS, AUDIT, STATUS))
