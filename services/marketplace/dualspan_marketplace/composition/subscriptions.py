"""Subscriptions, their bindings and what they grant."""

from datetime import timedelta

from dualspan.marketplace.v1.grants_pb2_grpc import add_GrantServiceServicer_to_server
from dualspan.marketplace.v1.subscriptions_pb2_grpc import add_SubscriptionServiceServicer_to_server
from dualspan_marketplace.composition.app_runtime import outputs
from dualspan_marketplace.composition.usage import limiting
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.granting import Granting
from dualspan_marketplace.service.subscribing import Subscriptions
from dualspan_marketplace.servicer.grants import GrantServicer
from dualspan_marketplace.servicer.subscriptions import SubscriptionServicer
from dualspan_marketplace.subscriptions.life import Clock
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    servicer = SubscriptionServicer(use_cases(parts), outputs(parts), limiting(parts), parts.tokens)
    return Concern(
        [
            Binding(add_SubscriptionServiceServicer_to_server, servicer),
            Binding(add_GrantServiceServicer_to_server, GrantServicer(Granting(parts.database))),
        ]
    )


def use_cases(parts: Parts) -> Subscriptions:
    """For calls, and for the worker's sweep."""
    settings = parts.settings
    clock = Clock(timedelta(days=settings.grace_days), timedelta(days=settings.hand_back_days))
    return Subscriptions(parts.database, parts.plant, parts.audit, clock, parts.jobs)
