"""What a subscription's things are called on a cluster, and the labels that they carry."""

import hashlib
from dataclasses import dataclass

from dualspan_marketplace.subscriptions.model import SubscriptionName

PLATFORM = "dualspan.io/platform"
TENANT = "dualspan.io/tenant"
SUBSCRIPTION = "dualspan.io/subscription"
GENERATION = "dualspan.io/generation"
# On the pods that answer for the app.
SERVES = "dualspan.io/serves"
# Annotations: whose it is, word for word.
TENANT_ID = "dualspan.io/tenant-id"
SUBSCRIPTION_ID = "dualspan.io/subscription-id"
# An annotation: what the object was made as, so that a change by hand is seen.
SEALED = "dualspan.io/sealed"
# An annotation: every object of the release.
OBJECTS = "dualspan.io/objects"


@dataclass(frozen=True, slots=True)
class Names:
    """Of one subscription.

    A release has one name for all generations: Helm itself refuses a second one, whoever asks for it. A namespace's
    name has 63 characters at the most and a release's 53: ids of tenants and subscriptions have 40.
    """

    platform: str
    name: SubscriptionName

    @property
    def namespace(self) -> str:
        """Of the tenant."""
        return f"{self.platform}-apps-{_word(self.name.tenant)}"

    @property
    def release(self) -> str:
        """Of the release, of the Service that the platform asks, of the policy of its network."""
        return f"app-{_word(self.name.subscription_id)}"

    @property
    def given(self) -> str:
        """Of the Secret with what the app is given; no other release's objects have such a name."""
        return f"given-{_word(self.name.subscription_id)}"

    @property
    def labels(self) -> dict[str, str]:
        """What everything carries."""
        return {
            PLATFORM: self.platform,
            TENANT: _word(self.name.tenant),
            SUBSCRIPTION: _word(self.name.subscription_id),
        }

    @property
    def annotations(self) -> dict[str, str]:
        """Whose it is."""
        return {TENANT_ID: self.name.tenant, SUBSCRIPTION_ID: self.name.subscription_id}

    @property
    def selector(self) -> str:
        """The same, as the API is asked for it."""
        return ",".join(f"{key}={value}" for key, value in self.labels.items())


def _word(slug: str) -> str:
    """An id as Kubernetes takes it: ours may begin and end with a hyphen, which its names and labels do not."""
    return slug if slug.strip("-") == slug else "x" + hashlib.sha256(slug.encode()).hexdigest()[:24]
