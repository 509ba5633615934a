"""A subscription as it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dualspan_marketplace.subscriptions.life import Life
from dualspan_marketplace.usage.model import Limit, Pricing


@dataclass(frozen=True, slots=True)
class SubscriptionName:
    """Whose subscription, and which."""

    tenant: str
    subscription_id: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan means for a subscription, as it was when it was chosen.

    Attributes:
        trial_days: Of a trial; else 0.
        price_micros: Millionths of the currency's unit; 0 where nothing is paid.
        currency: ISO 4217; "" where nothing is paid.
        limits: Of what the app may read in a month.
    """

    plan_id: str
    max_assets: int
    is_paid: bool
    trial_days: int
    pricing: Pricing = Pricing.FREE
    price_micros: int = 0
    currency: str = ""
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription to an app.

    Attributes:
        publisher: The tenant whose app it is.
        manifest: The text of the version's manifest.
        scopes: What the app's credential is for.
        roles: Ids of the chosen assets, by role.
        revision: One more for each change.
        credential: Which of its credentials counts; tokens of an earlier one are void.
        health_problem: What the app last said that it lacks; "" if nothing.
        health_time: When it said so.
        canary_of: Of a new version that is tried beside the old one: the subscription that it is tried for; else "".
        quota_notice: What a person should know about the limits of the plan; "" as a rule.
        erase_time: All that its app had and wrote is deleted since then.
        unwell_since: Its app should run and was seen well for the last time then; None as a rule.
    """

    name: SubscriptionName
    publisher: str
    app_id: str
    version: str
    manifest: str
    scopes: tuple[str, ...]
    terms: Terms
    configuration: Mapping[str, Any]
    roles: Mapping[str, tuple[str, ...]]
    life: Life
    revision: int
    request_id: str
    request_digest: bytes
    create_time: datetime
    credential: int = 0
    health_problem: str = ""
    health_time: datetime | None = None
    canary_of: str = ""
    quota_notice: str = ""
    erase_time: datetime | None = None
    unwell_since: datetime | None = None

    @property
    def told_reason(self) -> str:
        """What a person should know of it; "" if there is nothing to say."""
        if self.unwell_since is None:
            return self.life.told_reason
        words = (
            f"The app was seen well for the last time at {self.unwell_since:%Y-%m-%d %H:%M} UTC, and is started again"
            " and again. Its running and asset hours do not count until it is well."
        )
        return f"{self.life.told_reason} {words}".strip()

    @property
    def etag(self) -> str:
        """Of this state of the subscription."""
        return f"r{self.revision}"
