"""The pages of apps: who may open them, who has them open."""

from datetime import timedelta

from dualspan.marketplace.v1.access_pb2_grpc import add_AccessServiceServicer_to_server
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.access import Access
from dualspan_marketplace.servicer.access import AccessServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Its calls."""
    servicer = AccessServicer(use_cases(parts), parts.tokens)
    return Concern([Binding(add_AccessServiceServicer_to_server, servicer)])


def use_cases(parts: Parts) -> Access:
    """For calls."""
    life = timedelta(hours=parts.settings.access_hours)
    return Access(parts.database, parts.audit, parts.sign_ins, parts.settings.platform.apps_url, life)
