"""An upgrade as it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dualspan_marketplace.bindings.model import GrantedTag
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.upgrades.comparison import Compared
from dualspan_marketplace.upgrades.model import Phase


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What of a subscription an upgrade changes, as it was."""

    version: str
    manifest: str
    scopes: tuple[str, ...]
    configuration: Mapping[str, Any]
    roles: Mapping[str, tuple[str, ...]]
    grant: tuple[GrantedTag, ...]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An upgrade; the attributes are those of migration 0010."""

    name: SubscriptionName
    number: int
    canary_id: str
    snapshot: Snapshot
    to_version: str
    canary_seconds: float
    operation: str
    create_time: datetime
    phase: Phase = Phase.CANARY
    called_off: bool = False
    reason: str = ""
    compared: tuple[Compared, ...] = ()
    canary_time: datetime | None = None
    switch_time: datetime | None = None
    end_time: datetime | None = None

    @property
    def canary(self) -> SubscriptionName:
        """The subscription that the new version runs as, beside the old one."""
        return SubscriptionName(self.name.tenant, self.canary_id)
