"""The payment side: what it asks for, and what it is told."""

from dualspan.marketplace.v1.fulfilment_pb2_grpc import add_FulfilmentServiceServicer_to_server
from dualspan_marketplace.composition.usage import limiting
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.fulfilling import Fulfilling
from dualspan_marketplace.service.telling import Telling, look_up
from dualspan_marketplace.servicer.fulfilment import FulfilmentServicer
from dualspan_runtime.server import Binding
from dualspan_runtime.webhooks import Caller

_DEADLINE_SECONDS = 10.0


def compose(parts: Parts) -> Concern:
    """Its calls."""
    secret = parts.settings.fulfilment_secret.get_secret_value()
    fulfilling = Fulfilling(parts.database, parts.audit, parts.settings.clock, parts.jobs, limiting(parts), secret)
    servicer = FulfilmentServicer(fulfilling, parts.tokens)
    return Concern([Binding(add_FulfilmentServiceServicer_to_server, servicer)])


def telling(parts: Parts) -> Telling:
    """What tells it, for the worker."""
    settings = parts.settings
    caller = Caller(
        look_up,
        setting="DUALSPAN_MARKETPLACE_PRIVATE_WEBHOOKS",
        private_allowed=settings.private_webhooks,
        deadline=_DEADLINE_SECONDS,
    )
    secret = settings.fulfilment_secret.get_secret_value()
    return Telling(parts.database, caller, settings.fulfilment_url, secret, _DEADLINE_SECONDS)
