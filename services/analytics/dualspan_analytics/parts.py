"""What all concerns of the service share, opened once per process: by the server and by the worker."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dualspan.historian.v1.changes_pb2_grpc import ChangeServiceStub
from dualspan.historian.v1.completeness_pb2_grpc import CompletenessServiceStub
from dualspan.historian.v1.event_service_pb2_grpc import EventServiceStub
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan_analytics.changes import Changes
from dualspan_analytics.clients import Historian, Onboarding
from dualspan_analytics.migrations import MIGRATIONS
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_runtime.audit import Audit
from dualspan_runtime.channels import open_channel
from dualspan_runtime.database import Database
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding
from dualspan_runtime.supervision import Background
from dualspan_runtime.tasks import Jobs, create_celery

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.historian.v1.event_service_pb2_grpc import EventServiceAsyncStub


@dataclass(frozen=True, slots=True)
class Parts:
    """What a concern may be made of.

    Attributes:
        settings: Of the service.
        database: The schema `analytics`.
        operations: Long-running operations, as rows.
        tokens: Page tokens.
        plant: Assets, and the values of their properties.
        historian: Samples of tags, for what knows no assets: events.
        changes: Which samples changed since somebody looked.
        events: Stored events of OPC UA servers.
        jobs: Puts tasks on the service's queue.
        audit: Writes down what people decide; sharing's concern brings it to identity.
    """

    settings: AnalyticsSettings
    database: Database
    operations: OperationStore
    tokens: PageTokens
    plant: PlantData
    historian: Historian
    changes: Changes
    events: "EventServiceAsyncStub"
    jobs: Jobs
    audit: Audit


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
async def open_parts(settings: AnalyticsSettings, *, pool_minimum: int = 1) -> AsyncGenerator[Parts]:
    """Open them, and close them when the context ends.

    Args:
        settings: Of the service.
        pool_minimum: Connections to PostgreSQL that are kept open; 0 for a worker, which often has nothing to do.
    """
    platform = settings.platform
    connect = partial(open_channel, service="analytics", secret=platform.service_secret, timeout=60.0)
    identity = partial(open_channel, platform.identity_address, service="analytics", secret=platform.service_secret)
    async with (
        Database.open(settings, schema=MIGRATIONS, min_size=pool_minimum) as database,
        connect(platform.onboarding_address) as to_onboarding,
        connect(platform.historian_address) as to_historian,
    ):
        onboarding = Onboarding(AssetServiceStub(to_onboarding))
        historian = Historian(HistorianServiceStub(to_historian), CompletenessServiceStub(to_historian))
        yield Parts(
            settings=settings,
            database=database,
            operations=OperationStore(),
            tokens=PageTokens(platform.service_secret.get_secret_value()),
            plant=PlantData(onboarding, historian, settings.assets_seconds, settings.max_read_samples),
            historian=historian,
            changes=Changes(ChangeServiceStub(to_historian)),
            events=EventServiceStub(to_historian),
            jobs=Jobs(create_celery("analytics", platform)),
            audit=Audit(database, identity),
        )
