"""What is known of who has which app's pages open."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dualspan_marketplace.subscriptions.life import Cause, State
from dualspan_marketplace.subscriptions.model import SubscriptionName

OPEN_APPS = "marketplace.apps.open"
"""The permission that whoever has an app open must have as long as it is."""


class Verdict(Enum):
    """Whether an access still counts."""

    OPEN = "open"
    ENDED = "ended"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an access: a person in a session, or an API token, whose session is ""."""

    tenant: str
    actor: str
    session: str


@dataclass(frozen=True, slots=True)
class Target:
    """A subscription as somebody who opens it sees it.

    Attributes:
        manifest: Its text.
        address: host:port of its health endpoint; "" while nothing runs.
        provisioner: Who runs it; "" if nobody.
    """

    name: SubscriptionName
    app_id: str
    state: State
    cause: Cause
    reason: str
    manifest: str
    address: str
    provisioner: str

    @property
    def running(self) -> bool:
        """Whether its pages are there."""
        return self.state in {State.ACTIVE, State.UPGRADING} and bool(self.address)


@dataclass(frozen=True, slots=True)
class AccessState:
    """What became of an access; without a verdict OPEN it says nothing else."""

    verdict: Verdict
    holder: Holder | None = None
    roles: frozenset[str] = frozenset()
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a ticket has bought."""

    secret: str
    expire_time: datetime
    state: AccessState
