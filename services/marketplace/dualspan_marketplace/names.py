"""Resource names of the marketplace."""

from dualspan_runtime.names import ResourceName

_VERSION = r"[0-9A-Za-z.+-]{5,80}"

PUBLISHER = ResourceName("tenants/{tenant}/publisher")
APP = ResourceName("tenants/{tenant}/apps/{app}")
APP_VERSION = ResourceName("tenants/{tenant}/apps/{app}/appVersions/{version}", version=_VERSION)
PLAN = ResourceName("tenants/{tenant}/apps/{app}/plans/{plan}")
LISTING = ResourceName("tenants/{tenant}/listings/{app}")
SUBSCRIPTION = ResourceName("tenants/{tenant}/subscriptions/{subscription}")
BASELINE = ResourceName("tenants/{tenant}/subscriptions/{subscription}/baseline")
BILLING_ACCOUNT = ResourceName("tenants/{tenant}/billingAccount")
STATEMENT = ResourceName("tenants/{tenant}/statements/{statement}")
UPGRADE = ResourceName("tenants/{tenant}/subscriptions/{subscription}/upgrades/{upgrade}", upgrade="[1-9][0-9]{0,8}")
