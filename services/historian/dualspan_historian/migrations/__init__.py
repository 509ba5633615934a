"""The historian's schema."""

from dualspan_runtime.migrations import Migrations

MIGRATIONS = Migrations(service="historian", package=__name__)
