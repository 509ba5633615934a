"""What a service says of itself to whoever runs the platform: how it is, what it keeps, what its data show."""

from dualspan_runtime.migrations import SharedMigrations
from dualspan_runtime.status.model import Evidence, EvidenceItem, evidence_of
from dualspan_runtime.status.service import EvidenceSource, Status

STATUS = SharedMigrations("status", "dualspan_runtime.status.migrations")

__all__ = ["STATUS", "Evidence", "EvidenceItem", "EvidenceSource", "Status", "evidence_of"]
