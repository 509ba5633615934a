"""The historian's composition root: the only place that constructs."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import grpc.aio
from celery import Celery

from dualspan.historian.v1 import service_pb2_grpc
from dualspan.historian.v1.changes_pb2_grpc import add_ChangeServiceServicer_to_server
from dualspan.historian.v1.chart_pb2_grpc import add_ChartServiceServicer_to_server
from dualspan.historian.v1.completeness_pb2_grpc import add_CompletenessServiceServicer_to_server
from dualspan.historian.v1.coverage_pb2_grpc import add_CoverageServiceServicer_to_server
from dualspan.historian.v1.event_service_pb2_grpc import add_EventServiceServicer_to_server
from dualspan.identity.v1.statement_service_pb2_grpc import StatementServiceStub
from dualspan_frame import DecodeLimits
from dualspan_historian.ingest.registry import TagRegistry
from dualspan_historian.ingest.service import IngestService
from dualspan_historian.ingest.trigger import SealTrigger
from dualspan_historian.ingest.verification import Rules
from dualspan_historian.live.hub import Hub
from dualspan_historian.live.publisher import Publisher
from dualspan_historian.live.subscription import Subscriptions
from dualspan_historian.memory import keep_freed_memory
from dualspan_historian.metering import ReadCounter, telling
from dualspan_historian.migrations import MIGRATIONS
from dualspan_historian.read.frames import FrameCache, weigh_block
from dualspan_historian.read.memory import SegmentCache
from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.repair.known import KnownSamples
from dualspan_historian.report.coverage import GatewayCoverage
from dualspan_historian.report.missing import MissingSpans
from dualspan_historian.report.service import CompletenessReports
from dualspan_historian.report.signing import IdentitySigner
from dualspan_historian.service import HistorianService
from dualspan_historian.servicer.changes import ChangeServicer
from dualspan_historian.servicer.chart import ChartServicer
from dualspan_historian.servicer.completeness import CompletenessServicer
from dualspan_historian.servicer.coverage import CoverageServicer
from dualspan_historian.servicer.events import EventServicer
from dualspan_historian.servicer.historian import HistorianServicer
from dualspan_historian.servicer.ingest import IngestServicer
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.backlog import BacklogMetrics
from dualspan_runtime.broker import connect
from dualspan_runtime.channels import open_channel
from dualspan_runtime.database import Database
from dualspan_runtime.grants import GrantWatch
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding, Listener, Server, serve, start_server
from dualspan_runtime.settings import read_settings
from dualspan_runtime.status import Status
from dualspan_runtime.tasks import create_celery
from dualspan_runtime.trust import IdentityTrust, Trust


@asynccontextmanager
async def build(settings: HistorianSettings) -> AsyncGenerator[Server]:
    """Run the historian while the context lasts."""
    async with (
        IdentityTrust.open(settings.platform, service="historian") as trust,
        build_trusting(settings, trust) as server,
    ):
        yield server


@asynccontextmanager
async def build_trusting(settings: HistorianSettings, trust: Trust) -> AsyncGenerator[Server]:
    """Run the historian with a trust of the caller's choice."""
    reads = ReadCounter()
    async with (
        Database.open(settings, schema=MIGRATIONS) as database,
        connect(settings.platform.redis_url) as redis,
        open_channel(
            settings.platform.identity_address, service="historian", secret=settings.platform.service_secret
        ) as to_identity,
        telling(reads, _marketplace(settings)) as reports_of_reads,
    ):
        with ThreadPoolExecutor(settings.query_threads, thread_name_prefix="query") as executor:
            registry = TagRegistry(database)
            cache = FrameCache(settings.frame_cache_bytes)
            publisher = Publisher(redis)
            trigger = SealTrigger(_seal_request(create_celery("historian", settings.platform)), settings.seal_samples)
            snapshots = _snapshots(settings, database, cache, executor)
            known = KnownSamples(snapshots)
            ingest = IngestService(database, registry, _rules(settings), known, [cache, publisher, trigger])
            hub = Hub(redis, settings.subscriber_frames)
            tokens = PageTokens(settings.platform.service_secret.get_secret_value())
            historian = HistorianServicer(
                HistorianService(database, registry), snapshots, Subscriptions(hub, snapshots), tokens, reads
            )
            signer = IdentitySigner(StatementServiceStub(to_identity))
            grants = GrantWatch(_marketplace(settings))
            reports = CompletenessReports(snapshots, signer, settings.ledger_days)
            async with start_server(
                "historian",
                settings,
                trust=trust,
                listeners=_listeners(
                    settings,
                    historian,
                    ChangeServicer(snapshots),
                    ChartServicer(snapshots, MissingSpans(database), reads),
                    CompletenessServicer(reports, MissingSpans(database)),
                    CoverageServicer(GatewayCoverage(database)),
                    EventServicer(snapshots, tokens),
                    IngestServicer(ingest, settings),
                ),
                background=[publisher.run, trigger.run, hub.run, grants.run, reports_of_reads.run],
                grants=grants,
                status=Status("historian", database, settings.platform, has_queue=True),
                readings=[BacklogMetrics(database).read],
            ) as server:
                yield server


def _marketplace(settings: HistorianSettings) -> Callable[[], AbstractAsyncContextManager[grpc.aio.Channel]]:
    platform = settings.platform
    return partial(open_channel, platform.marketplace_address, service="historian", secret=platform.service_secret)


def _listeners(
    settings: HistorianSettings,
    historian: HistorianServicer,
    changes: ChangeServicer,
    charts: ChartServicer,
    completeness: CompletenessServicer,
    coverage: CoverageServicer,
    events: EventServicer,
    ingest: IngestServicer,
) -> list[Listener]:
    for_people = [
        Binding(service_pb2_grpc.add_HistorianServiceServicer_to_server, historian),
        Binding(add_ChangeServiceServicer_to_server, changes),
        Binding(add_ChartServiceServicer_to_server, charts),
        Binding(add_CompletenessServiceServicer_to_server, completeness),
        Binding(add_CoverageServiceServicer_to_server, coverage),
        Binding(add_EventServiceServicer_to_server, events),
    ]
    # Apps send their results where people read: they show a token, no certificate.
    sending = Binding(service_pb2_grpc.add_IngestServiceServicer_to_server, ingest)
    return [Listener.people(settings, [*for_people, sending]), Listener.gateways(settings, [sending])]


def _snapshots(
    settings: HistorianSettings, database: Database, cache: FrameCache, executor: ThreadPoolExecutor
) -> Snapshots:
    return Snapshots(
        database,
        cache,
        SegmentCache(settings.segment_cache_bytes, weigh_block),
        executor,
        max_queries=settings.max_queries,
        wait_seconds=settings.query_wait_seconds,
        max_samples=settings.max_query_samples,
        max_bytes=settings.max_query_bytes,
    )


def _rules(settings: HistorianSettings) -> Rules:
    return Rules(
        limits=DecodeLimits(max_samples=settings.max_frame_samples, max_bytes=settings.max_frame_bytes),
        max_upload_bytes=settings.max_upload_bytes,
        max_value_bytes=settings.max_value_bytes,
        quarantine_bytes=settings.quarantine_bytes,
        max_future_us=int(settings.max_future_seconds * 1_000_000),
    )


def _seal_request(app: Celery) -> Callable[[str, str], None]:
    def request(tenant: str, gateway_id: str) -> None:
        app.send_task("historian.seal", (tenant, gateway_id))

    return request


async def main() -> None:
    keep_freed_memory()
    await serve("historian", read_settings(HistorianSettings), build)


if __name__ == "__main__":
    asyncio.run(main())
