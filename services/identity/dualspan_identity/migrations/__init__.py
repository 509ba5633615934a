"""The service's schema, step by step."""

from dualspan_runtime.migrations import Migrations

MIGRATIONS = Migrations(service="identity", package=__name__)
