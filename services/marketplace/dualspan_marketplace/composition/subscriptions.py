"""Subscriptions, their bindings and what they grant."""

from dualspan.marketplace.v1.grants_pb2_grpc import add_GrantServiceServicer_to_server
from dualspan.marketplace.v1.subscriptions_pb2_grpc import add_SubscriptionServiceServicer_to_server
from dualspan_marketplace.composition.app_runtime import outputs
from dualspan_marketplace.composition.usage import limiting
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.granting import Granting
from dualspan_marketplace.service.handing_back import HandingBack
from dualspan_marketplace.service.subscribing import Subscriptions
from dualspan_marketplace.servicer.grants import GrantServicer
from dualspan_marketplace.servicer.subscriptions import SubscriptionServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    servicer = SubscriptionServicer(
        use_cases(parts), outputs(parts), limiting(parts), handing_back(parts), parts.tokens
    )
    return Concern(
        [
            Binding(add_SubscriptionServiceServicer_to_server, servicer),
            Binding(add_GrantServiceServicer_to_server, GrantServicer(Granting(parts.database))),
        ]
    )


def use_cases(parts: Parts) -> Subscriptions:
    """For calls, and for the worker's sweep."""
    return Subscriptions(parts.database, parts.plant, parts.audit, parts.settings.clock, parts.jobs)


def handing_back(parts: Parts) -> HandingBack:
    """For calls, and for the worker's sweep."""
    return HandingBack(parts.database, parts.samples, parts.result_tags, parts.audit)
