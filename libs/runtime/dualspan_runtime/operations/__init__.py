"""Long-running operations (AIP-151): a row per operation, `google.longrunning` on the wire."""

from dualspan_runtime.migrations import SharedMigrations
from dualspan_runtime.operations.servicer import OperationsServicer
from dualspan_runtime.operations.store import OperationStore

OPERATIONS = SharedMigrations("operations", "dualspan_runtime.operations.migrations")

__all__ = ["OPERATIONS", "OperationStore", "OperationsServicer"]
