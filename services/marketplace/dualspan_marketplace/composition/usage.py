"""What subscriptions use, and what it costs."""

from collections.abc import Sequence
from datetime import timedelta

from dualspan.marketplace.v1.billing_pb2_grpc import add_BillingServiceServicer_to_server
from dualspan.marketplace.v1.usage_pb2_grpc import add_UsageServiceServicer_to_server
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.accounting import Accounting
from dualspan_marketplace.service.billing import Billing, Terms
from dualspan_marketplace.service.comparing import Comparing
from dualspan_marketplace.service.consuming import Consuming
from dualspan_marketplace.service.limiting import Limiting
from dualspan_marketplace.service.metering import Metering
from dualspan_marketplace.servicer.billing import BillingServicer
from dualspan_marketplace.servicer.usage import UsageServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    return Concern(
        [
            Binding(add_UsageServiceServicer_to_server, UsageServicer(metering(parts))),
            Binding(add_BillingServiceServicer_to_server, BillingServicer(billing(parts), parts.tokens)),
        ]
    )


def metering(parts: Parts) -> Metering:
    """For calls, and for the worker's sweep."""
    return Metering(parts.database, parts.audit, limiting(parts), parts.settings.time_zone)


def limiting(parts: Parts) -> Limiting:
    """For whatever changes plans or counts."""
    return Limiting(parts.database, parts.settings.time_zone)


def billing(parts: Parts) -> Billing:
    """For calls, and for the worker's sweep."""
    settings = parts.settings
    terms = Terms(settings.time_zone, timedelta(hours=settings.statement_delay_hours))
    return Billing(parts.database, parts.audit, Comparing(parts.database, parts.kpis), terms)


def accounting(parts: Parts, provisioners: Sequence[object]) -> Accounting:
    """For the worker; one to a process, for it holds what reaches who runs apps."""
    return Accounting(Consuming(parts.database, provisioners), metering(parts), limiting(parts), billing(parts))
