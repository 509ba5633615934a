"""Upgrades of subscriptions."""

from datetime import timedelta

from dualspan.marketplace.v1.upgrades_pb2_grpc import add_UpgradeServiceServicer_to_server
from dualspan_marketplace.composition.app_runtime import outputs
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.likeness import Likeness
from dualspan_marketplace.service.upgrades import Upgrades
from dualspan_marketplace.service.upgrading import Upgrading
from dualspan_marketplace.servicer.upgrades import UpgradeServicer
from dualspan_marketplace.subscriptions.life import Clock
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their calls."""
    use_cases = Upgrades(parts.database, parts.operations, parts.plant, parts.audit, _clock(parts), parts.jobs)
    return Concern([Binding(add_UpgradeServiceServicer_to_server, UpgradeServicer(use_cases, parts.tokens))])


def upgrading(parts: Parts) -> Upgrading:
    """What takes the steps, for the worker."""
    likeness = Likeness(parts.database, parts.results)
    return Upgrading(parts.database, parts.operations, parts.audit, _clock(parts), outputs(parts), likeness, parts.jobs)


def _clock(parts: Parts) -> Clock:
    settings = parts.settings
    return Clock(timedelta(days=settings.grace_days), timedelta(days=settings.hand_back_days))
