"""Upgrades of subscriptions."""

from dualspan.marketplace.v1.upgrades_pb2_grpc import add_UpgradeServiceServicer_to_server
from dualspan_marketplace.composition.app_runtime import outputs
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.likeness import Likeness
from dualspan_marketplace.service.upgrades import Upgrades
from dualspan_marketplace.service.upgrading import Upgrading
from dualspan_marketplace.servicer.upgrades import UpgradeServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    use_cases = Upgrades(parts.database, parts.operations, parts.plant, parts.audit, parts.settings.clock, parts.jobs)
    return Concern([Binding(add_UpgradeServiceServicer_to_server, UpgradeServicer(use_cases, parts.tokens))])


def upgrading(parts: Parts) -> Upgrading:
    """What takes the steps, for the worker."""
    likeness = Likeness(parts.database, parts.results)
    return Upgrading(
        parts.database, parts.operations, parts.audit, parts.settings.clock, outputs(parts), likeness, parts.jobs
    )
