"""The catalogue: publishers, versions and their checks, plans, listings."""

from collections.abc import Sequence

from dualspan.marketplace.v1.catalogue_pb2_grpc import add_CatalogueServiceServicer_to_server
from dualspan.marketplace.v1.publishing_pb2_grpc import add_PublishingServiceServicer_to_server
from dualspan_marketplace.catalogue.checks import LICENCE, MANIFEST, PERMISSIONS, Check, artefacts
from dualspan_marketplace.catalogue.images import chart, signature
from dualspan_marketplace.composition.clusters import rendering
from dualspan_marketplace.composition.trials import trying
from dualspan_marketplace.deployments.provisioner import Provisioner
from dualspan_marketplace.parts import Concern, Parts
from dualspan_marketplace.service.checking import Checking
from dualspan_marketplace.service.listings import Listings
from dualspan_marketplace.service.publishers import Publishers
from dualspan_marketplace.service.publishing import Publishing
from dualspan_marketplace.service.trying import TRIAL
from dualspan_marketplace.servicer.catalogue import CatalogueServicer
from dualspan_marketplace.servicer.publishing import PublishingServicer
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Its calls."""
    names = (MANIFEST, *(check.name for check in checks(parts.settings)), TRIAL)
    publishing = Publishing(parts.database, parts.operations, parts.audit, parts.jobs, names)
    publishers = Publishers(parts.database, parts.audit)
    return Concern(
        [
            Binding(add_PublishingServiceServicer_to_server, PublishingServicer(publishing, publishers, parts.tokens)),
            Binding(add_CatalogueServiceServicer_to_server, CatalogueServicer(Listings(parts.database), parts.tokens)),
        ]
    )


def checks(settings: MarketplaceSettings) -> Sequence[Check]:
    """What is checked of a submission once its manifest was read, in order; a trial comes after it all."""
    own = [each.strip() for each in settings.process_publishers.split(",") if each.strip()]
    charts = rendering(settings)
    return (artefacts(own), chart(charts), signature(charts), LICENCE, PERMISSIONS)


def checking(parts: Parts, provisioners: Sequence[Provisioner]) -> Checking:
    """What runs the checks, for the worker.

    Args:
        parts: Shared.
        provisioners: Those that could run a trial.
    """
    every = (*checks(parts.settings), trying(parts, provisioners).check())
    return Checking(parts.database, parts.operations, parts.jobs, every)
