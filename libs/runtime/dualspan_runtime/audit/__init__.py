"""Audit events of a service: a row beside what they tell of, delivered to identity until it has them."""

from dualspan_runtime.audit.outbox import Audit
from dualspan_runtime.migrations import SharedMigrations

AUDIT = SharedMigrations("audit", "dualspan_runtime.audit.migrations")

__all__ = ["AUDIT", "Audit"]
