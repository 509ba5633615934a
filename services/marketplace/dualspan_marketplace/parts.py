"""What all concerns of the service share, opened once per process: by the server and by the worker."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub, IngestServiceStub
from dualspan.identity.v1.app_token_service_pb2_grpc import AppTokenServiceStub
from dualspan.identity.v1.session_service_pb2_grpc import SessionServiceStub
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan.onboarding.v1.result_tags_pb2_grpc import ResultTagServiceStub
from dualspan_marketplace.app_tokens import AppTokens
from dualspan_marketplace.kpis import Kpis
from dualspan_marketplace.migrations import MIGRATIONS
from dualspan_marketplace.plant import Plant
from dualspan_marketplace.result_tags import ResultTags
from dualspan_marketplace.results import Results
from dualspan_marketplace.samples import Samples
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_marketplace.sign_ins import SignIns
from dualspan_runtime.audit import Audit
from dualspan_runtime.channels import open_channel
from dualspan_runtime.database import Database
from dualspan_runtime.errors import AlreadyExists
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding
from dualspan_runtime.supervision import Background
from dualspan_runtime.tasks import Jobs, create_celery

_CONSTRAINTS = {
    "app_id_key": lambda: AlreadyExists(
        "APP_ID_TAKEN", "Another publisher has an app of this id. Choose another id in the manifest."
    )
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a concern may be made of.

    Attributes:
        settings: Of the service.
        database: The schema `marketplace`.
        operations: Long-running operations, as rows.
        audit: Keeps who did what, and brings it to identity.
        plant: Assets of tenants.
        result_tags: Tags for the results of apps.
        results: What apps have written.
        samples: Of trials, and of apps that have ended.
        app_tokens: Access tokens of apps.
        sign_ins: Who is still signed in.
        kpis: KPIs of machines.
        tokens: Page tokens.
        jobs: Puts tasks on the service's queue.
    """

    settings: MarketplaceSettings
    database: Database
    operations: OperationStore
    audit: Audit
    plant: Plant
    result_tags: ResultTags
    results: Results
    samples: Samples
    app_tokens: AppTokens
    sign_ins: SignIns
    kpis: Kpis
    tokens: PageTokens
    jobs: Jobs


@dataclass(frozen=True, slots=True)
class Concern:
    """What a concern adds to the server.

    Attributes:
        bindings: Its gRPC services.
        background: What runs beside them for ever, supervised.
    """

    bindings: Sequence[Binding] = ()
    background: Sequence[Background] = ()


@asynccontextmanager
async def open_parts(settings: MarketplaceSettings, *, pool_minimum: int = 1) -> AsyncGenerator[Parts]:
    """Open them, and close them when the context ends.

    Args:
        settings: Of the service.
        pool_minimum: Connections to PostgreSQL that are kept open; 0 for a worker, which often has nothing to do.
    """
    platform = settings.platform
    connect = partial(open_channel, service="marketplace", secret=platform.service_secret)
    async with (
        Database.open(settings, schema=MIGRATIONS, min_size=pool_minimum, constraints=_CONSTRAINTS) as database,
        connect(platform.onboarding_address, timeout=60.0) as to_onboarding,
        connect(platform.identity_address) as to_identity,
        connect(platform.historian_address) as to_historian,
        open_channel(platform.historian_address) as as_apps,
        connect(platform.analytics_address, timeout=120.0) as to_analytics,
    ):
        yield Parts(
            settings=settings,
            database=database,
            operations=OperationStore(),
            audit=Audit(database, partial(connect, platform.identity_address)),
            plant=Plant(AssetServiceStub(to_onboarding)),
            result_tags=ResultTags(ResultTagServiceStub(to_onboarding)),
            results=Results(HistorianServiceStub(to_historian)),
            samples=Samples(HistorianServiceStub(to_historian), IngestServiceStub(as_apps)),
            app_tokens=AppTokens(AppTokenServiceStub(to_identity)),
            sign_ins=SignIns(SessionServiceStub(to_identity)),
            kpis=Kpis(KpiServiceStub(to_analytics)),
            tokens=PageTokens(platform.service_secret.get_secret_value()),
            jobs=Jobs(create_celery("marketplace", platform)),
        )
