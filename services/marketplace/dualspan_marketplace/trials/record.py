"""A trial as it is stored."""

from dataclasses import dataclass
from datetime import datetime

from dualspan_marketplace.catalogue.model import Outcome, VersionName
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.trials import plants
from dualspan_marketplace.trials.model import Phase


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial; the attributes are those of migration 0013."""

    trial_id: str
    number: int
    version: VersionName
    operation: str
    manifest: str
    phase: Phase
    outcome: Outcome | None
    findings: tuple[str, ...]
    create_time: datetime
    well_time: datetime | None

    @property
    def name(self) -> SubscriptionName:
        """The subscription that the version runs as."""
        return SubscriptionName(plants.TENANT, self.trial_id)
