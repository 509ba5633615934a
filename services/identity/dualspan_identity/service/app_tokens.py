"""Access tokens of apps: signed for the marketplace, which knows whom they are for."""

from typing import Protocol

from dualspan_identity.errors import malformed
from dualspan_identity.model import SignedToken
from dualspan_runtime.names import ResourceName

SUBSCRIPTION = ResourceName("tenants/{tenant}/subscriptions/{subscription}")
_LARGEST = (1 << 53) - 1


class AppSigner(Protocol):
    """What signs apps' tokens: `SigningKeys`."""

    def sign_app(self, tenant: str, subscription: str, credential: int) -> SignedToken:
        """Returns a token of a subscription's credential."""
        ...


class AppTokens:
    """Signs access tokens of apps.

    Args:
        keys: Signs.
    """

    def __init__(self, keys: AppSigner) -> None:
        self._keys = keys

    def sign(self, subscription: str, credential: int) -> SignedToken:
        """Returns an access token of a quarter of an hour.

        Args:
            subscription: `tenants/{tenant}/subscriptions/{subscription}`.
            credential: Which of the subscription's credentials; tokens of an earlier one are void.

        Raises:
            InvalidArgument: That is no name of a subscription, or no credential (`MALFORMED_NAME`,
                `MALFORMED_FIELD`).
        """
        names = SUBSCRIPTION.parse(subscription)
        if not 0 <= credential <= _LARGEST:
            raise malformed("credential", f"must be 0 to {_LARGEST}")
        return self._keys.sign_app(names["tenant"], names["subscription"], credential)
