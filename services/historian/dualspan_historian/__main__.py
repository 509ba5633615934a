"""The historian's composition root: the only place that constructs."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from dualspan.historian.v1 import service_pb2_grpc
from dualspan_frame import DecodeLimits
from dualspan_historian.ingest.registry import TagRegistry
from dualspan_historian.ingest.service import IngestService
from dualspan_historian.ingest.verification import Rules
from dualspan_historian.migrations import MIGRATIONS
from dualspan_historian.read.frames import FrameCache
from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.service import HistorianService
from dualspan_historian.servicer.historian import HistorianServicer
from dualspan_historian.servicer.ingest import IngestServicer
from dualspan_historian.settings import HistorianSettings
from dualspan_runtime.database import Database
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding, Listener, Server, serve, start_server
from dualspan_runtime.trust import IdentityTrust, Trust


@asynccontextmanager
async def build(settings: HistorianSettings) -> AsyncIterator[Server]:
    """Run the historian while the context lasts."""
    async with (
        IdentityTrust.open(settings.platform, service="historian") as trust,
        build_trusting(settings, trust) as server,
    ):
        yield server


@asynccontextmanager
async def build_trusting(settings: HistorianSettings, trust: Trust) -> AsyncIterator[Server]:
    """Run the historian with somebody else's idea of whom to trust."""
    async with Database.open(settings, schema=MIGRATIONS) as database:
        with ThreadPoolExecutor(settings.query_threads, thread_name_prefix="query") as executor:
            registry = TagRegistry(database)
            cache = FrameCache(settings.frame_cache_bytes)
            ingest = IngestService(database, registry, _rules(settings), [cache])
            snapshots = Snapshots(
                database,
                cache,
                executor,
                max_queries=settings.max_queries,
                wait_seconds=settings.query_wait_seconds,
                max_samples=settings.max_query_samples,
            )
            tokens = PageTokens(settings.platform.service_secret.get_secret_value())
            historian = HistorianServicer(HistorianService(database, registry), snapshots, tokens)
            add_reads = Binding(service_pb2_grpc.add_HistorianServiceServicer_to_server, historian)
            add_ingest = Binding(
                service_pb2_grpc.add_IngestServiceServicer_to_server, IngestServicer(ingest, settings)
            )
            async with start_server(
                "historian",
                settings,
                trust=trust,
                listeners=[Listener.people(settings, [add_reads]), Listener.gateways(settings, [add_ingest])],
            ) as server:
                yield server


def _rules(settings: HistorianSettings) -> Rules:
    return Rules(
        limits=DecodeLimits(max_samples=settings.max_frame_samples),
        max_upload_bytes=settings.max_upload_bytes,
        max_future_us=int(settings.max_future_seconds * 1_000_000),
    )


async def main() -> None:
    await serve("historian", HistorianSettings(), build)


if __name__ == "__main__":
    asyncio.run(main())
