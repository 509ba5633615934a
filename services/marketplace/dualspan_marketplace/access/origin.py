"""The origin that each subscription has for itself.

One label under the host of all apps, because a wildcard in a certificate, in a DNS zone of most providers and in an
Ingress stands for one label. Different subscriptions never have the same one.
"""

import base64
import hashlib
from urllib.parse import urlsplit

from dualspan_marketplace.subscriptions.model import SubscriptionName

# RFC 1035, 2.3.4.
_LONGEST_LABEL = 63
# Labels with hyphens in the third and fourth place are reserved (RFC 5891, 4.2.3.1): xn-- is one of them.
_RESERVED_AT = 2


def label(name: SubscriptionName) -> str:
    """`<subscription>--<tenant>`; a digest of the two where that is no label or could be another one's.

    Ids have 1 to 40 of a-z, 0-9 and "-". A digest has 52 characters: no id is as long.
    """
    plain = f"{name.subscription_id}--{name.tenant}"
    parts = (name.subscription_id, name.tenant)
    is_clear = not any("--" in part or part.startswith("-") or part.endswith("-") for part in parts)
    if is_clear and len(plain) <= _LONGEST_LABEL and len(name.subscription_id) != _RESERVED_AT:
        return plain
    digest = hashlib.sha256(f"{name.tenant}/{name.subscription_id}".encode()).digest()
    return f"app--{base64.b32encode(digest).decode().rstrip('=').lower()}"


def host(name: SubscriptionName, apps_url: str) -> str:
    """The host of a subscription's origin, without a port.

    Args:
        name: Of the subscription.
        apps_url: Scheme, host and port that all apps are under.
    """
    return f"{label(name)}.{urlsplit(apps_url).hostname}"


def opening(name: SubscriptionName, apps_url: str, ticket: str) -> str:
    """The address that hands in a ticket."""
    whole = urlsplit(apps_url)
    port = f":{whole.port}" if whole.port else ""
    return f"{whole.scheme}://{host(name, apps_url)}{port}/.dualspan/open?ticket={ticket}"
