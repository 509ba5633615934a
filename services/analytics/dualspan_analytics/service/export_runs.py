"""Use case: doing a run of an export, from wherever the one before it stopped."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag

from dualspan.analytics.v1 import exports_pb2 as contract
from dualspan_analytics.assets import AssetTree
from dualspan_analytics.changes import Changes
from dualspan_analytics.destinations import Destination, Quota, open_bucket, open_folder
from dualspan_analytics.exports import layout, parquet
from dualspan_analytics.exports.errors import cancelled, given_up, no_folder, secret_unreadable, taken_over
from dualspan_analytics.exports.model import DAY_US, ExportDefinition, Place, date_of, last_day
from dualspan_analytics.exports.parquet import NOTHING, Content
from dualspan_analytics.exports.planning import SCHEMA, AssetPlan, Due, day_versions, due, plans
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.sealing import Seal
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.export_reading import samples_of
from dualspan_analytics.service.exports import DEFINITION, RUN, export_name
from dualspan_analytics.store import exports
from dualspan_analytics.store.exports import StoredExport
from dualspan_runtime.database import Database
from dualspan_runtime.errors import Aborted, DomainError, Unavailable
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.tasks import Jobs

LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 10
_LONGEST_PAUSE = timedelta(minutes=15)
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Work:
    """A run that was taken.

    Attributes:
        tenant: Whose.
        definition: What is exported.
        stored: Its row when it was taken.
        owner: Who took it.
        operation: How it goes, for people.
        until: Monotonic seconds: give way then.
    """

    tenant: str
    definition: ExportDefinition
    stored: StoredExport
    owner: uuid.UUID
    operation: str
    until: float

    @property
    def key(self) -> tuple[str, str, uuid.UUID]:
        """Tenant, export and owner, as the store wants them."""
        return self.tenant, self.definition.id, self.owner


@dataclass(frozen=True, slots=True)
class _Plan:
    """What there is to do: of a tree of assets, and the days [first_day, end_day)."""

    tree: AssetTree
    assets: Mapping[str, AssetPlan]
    first_day: int
    end_day: int


class ExportRuns:
    """Does runs. Any number of workers may try to do the same one; one of them does.

    A file takes its place whole, then its row commits: a crash between the two has the file written once more, with
    the same samples. One that would be the same as before is left where it is: versions of samples are those of a
    gateway, and a late sample of one asset makes that day of all its assets due. The manifest comes last.

    Args:
        database: The service's schema.
        operations: How runs go.
        plant: Samples; it should refuse to hold more than the worker has memory for.
        changes: Which samples changed.
        jobs: Asks for the rest of a run that gives way.
        seal: For the secrets of buckets.
        folder: Of the platform; "" if it has none.
        folder_bytes: So much of it may one tenant have.
        slice_seconds: A run gives way to other tasks after so long.
    """

    def __init__(
        self,
        database: Database,
        operations: OperationStore,
        plant: PlantData,
        changes: Changes,
        jobs: Jobs,
        seal: Seal,
        folder: str,
        folder_bytes: int,
        slice_seconds: float,
    ) -> None:
        self._database = database
        self._operations = operations
        self._plant = plant
        self._changes = changes
        self._jobs = jobs
        self._seal = seal
        self._folder = folder
        self._folder_bytes = folder_bytes
        self._slice_seconds = slice_seconds

    async def run(self, tenant: str, export_id: str) -> None:
        """Do the run that was asked for, or a slice of it; nothing if there is none, or another worker does it."""
        owner = uuid.uuid4()
        async with self._database.transaction(tenant) as connection:
            stored = await exports.claim(connection, tenant, export_id, owner, LEASE)
        if stored is None or stored.operation is None:
            return
        definition = DEFINITION.validate_json(stored.definition)
        until = time.monotonic() + self._slice_seconds
        work = Work(tenant, definition, stored, owner, stored.operation, until)
        try:
            async with self._lease(work):
                is_done = await self._slice(work)
        except Unavailable as error:
            await self._later(work, error)
        except Aborted as error:
            # Of another worker's run nothing is said; a run that was cancelled is this worker's still.
            if error.reason == cancelled().reason:
                await self._fail(work, error)
        except DomainError as error:
            await self._fail(work, error)
        else:
            if not is_done:
                await self._let_go(work, timedelta(0), "")
                await self._jobs.request(RUN, tenant, export_id)

    @asynccontextmanager
    async def _lease(self, work: Work) -> AsyncGenerator[None]:
        """Keep the run while the context lasts, however long one file takes."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(LEASE.total_seconds() / 3)
                # A database that is away for a moment is no reason to stop: the next step finds out whose run it is.
                with contextlib.suppress(Unavailable):
                    async with self._database.transaction(work.tenant) as connection:
                        await exports.keep(connection, *work.key, LEASE)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def _slice(self, work: Work) -> bool:
        """Write until all is written or the time is over; whether all is."""
        if work.stored.attempts > MOST_ATTEMPTS:
            raise given_up(MOST_ATTEMPTS, work.stored.trouble)
        plan = await self._plan(work)
        with self._destination(work) as destination:
            waiting, standing = await self._due(work, plan, destination)
            for each in waiting:
                if time.monotonic() >= work.until:
                    return False
                before = standing.get(each.place)
                await self._write(work, plan.assets[each.place.asset], each, destination, before)
            await self._end(work, plan, destination)
        return True

    def _destination(self, work: Work) -> AbstractContextManager[Destination]:
        bucket, name = work.definition.bucket, export_name(work.tenant, work.definition.id)
        if bucket is None:
            if not self._folder:
                raise no_folder()
            own = Path(self._folder) / work.tenant
            return open_folder(own / work.definition.id, Quota(own, self._folder_bytes))
        try:
            secret = self._seal.open(work.stored.secret or b"", name)
        except (InvalidTag, ValueError) as err:
            raise secret_unreadable() from err
        prefix = "/".join(part for part in (bucket.prefix, work.definition.id) if part)
        return open_bucket(bucket, secret, prefix)

    async def _plan(self, work: Work) -> _Plan:
        tree = await self._plant.assets(work.tenant)
        first_day = work.definition.first_day
        end_day = max(first_day, last_day(work.definition, now_us()))
        return _Plan(tree, plans(tree, work.definition), first_day, end_day)

    async def _due(
        self, work: Work, plan: _Plan, destination: Destination
    ) -> tuple[Sequence[Due], Mapping[Place, Content]]:
        """All that is to be written, the oldest day first; and what stands where it should be by now."""
        if plan.first_day == plan.end_day:
            return [], {}
        folder = layout.samples_folder(work.tenant)
        found = await asyncio.to_thread(destination.sizes, folder)
        async with self._database.transaction(work.tenant, readonly=True) as connection:
            rows = await exports.written(connection, work.tenant, work.definition.id, plan.first_day, plan.end_day)
        written = {place: row for place, (row, _) in rows.items()}
        sizes = {
            place: size
            for place in written
            if (size := found.get(layout.partition_path(work.tenant, place))) is not None
        }
        waiting: list[Due] = []
        for asset, asset_plan in plan.assets.items():
            gateways, _ = await self._changes.versions(
                work.tenant, asset_plan.tags, plan.first_day * DAY_US, plan.end_day * DAY_US
            )
            versions = day_versions(gateways, plan.first_day, plan.end_day)
            waiting += due(asset, asset_plan, versions, plan.first_day, written, sizes)
        kept = len(plan.assets) * (plan.end_day - plan.first_day) - len(waiting)
        async with self._database.transaction(work.tenant) as connection:
            await exports.planned(connection, *work.key, len(waiting), kept)
        standing = {place: content for place, (_, content) in rows.items() if sizes.get(place, 0) == content.size}
        return sorted(waiting, key=lambda each: (each.place.day, each.place.asset)), standing

    async def _write(
        self, work: Work, plan: AssetPlan, each: Due, destination: Destination, before: Content | None
    ) -> None:
        """One partition: its file first, then its row."""
        content = await self._file(work, plan, each.place, destination, before)
        async with self._database.transaction(work.tenant) as connection:
            if await self._operations.cancelled(connection, work.tenant, work.operation):
                raise cancelled()
            if content == before:
                so_far = await exports.step_over(connection, *work.key, LEASE)
            else:
                so_far = await exports.step(connection, *work.key, LEASE, again=each.again, of=content)
            if so_far is None:
                raise taken_over()
            await exports.put_partition(
                connection, work.tenant, work.definition.id, each.place, plan.digest, each.versions, content
            )
            progress = contract.ExportProgress(
                export=export_name(work.tenant, work.definition.id),
                partitions_due=so_far.due,
                partitions_done=so_far.done,
                rows=so_far.rows,
                bytes=so_far.size,
                current=str(each.place),
            )
            await self._operations.progress(connection, work.tenant, work.operation, progress)

    async def _file(
        self, work: Work, plan: AssetPlan, place: Place, destination: Destination, before: Content | None
    ) -> Content:
        """Write the file of a partition, and let it take its place unless it is what stands there."""
        path = layout.partition_path(work.tenant, place)
        scratch = destination.scratch()
        file = parquet.SampleFile(scratch)
        try:
            reading = samples_of(self._plant, work.tenant, plan.refs, place.start_us, place.end_us)
            async with contextlib.aclosing(reading) as samples:
                async for ref, series in samples:
                    await asyncio.to_thread(file.append, ref, series)
            written = await asyncio.to_thread(file.close)
        except BaseException:
            file.abandon()
            raise
        content = written if written.rows else NOTHING
        if content != before and content.rows:
            await asyncio.to_thread(destination.put, scratch, path)
            return content
        scratch.unlink()
        if content != before:
            await asyncio.to_thread(destination.remove, path)
        return content

    async def _end(self, work: Work, plan: _Plan, destination: Destination) -> None:
        """What the samples are of, then the manifest, then the row that says that the run is done."""
        refs = [ref for each in plan.assets.values() for ref in each.refs]
        tables = {
            layout.assets_path(work.tenant): parquet.asset_table(plan.tree, plan.assets),
            layout.properties_path(work.tenant): parquet.property_table(plan.tree, refs),
        }
        async with self._database.transaction(work.tenant, readonly=True) as connection:
            rows = await exports.written(connection, work.tenant, work.definition.id, -(2**31), 2**31 - 1)
        partitions = [(place, content) for place, (_, content) in rows.items() if content.rows]
        tables[layout.MANIFEST] = parquet.manifest_table(work.tenant, partitions, _facts(work, plan))
        for path, table in tables.items():
            await asyncio.to_thread(_place, destination, path, table)
        async with self._database.transaction(work.tenant) as connection:
            stored = await exports.get(connection, work.tenant, work.definition.id, lock=True)
            if stored is None or not await exports.finish(connection, *work.key, ""):
                raise taken_over()
            result = _result(stored, f"{destination.place}/{layout.MANIFEST}")
            await self._operations.finish(connection, work.tenant, work.operation, result)

    async def _later(self, work: Work, error: Unavailable) -> None:
        """Something does not answer: the sweep asks again, less and less often."""
        _log.warning("export waits", tenant=work.tenant, export=work.definition.id, reason=error.reason)
        if work.stored.attempts >= MOST_ATTEMPTS:
            await self._fail(work, given_up(MOST_ATTEMPTS, error.message))
            return
        pause = min(timedelta(seconds=5 * 2 ** min(work.stored.attempts, 10)), _LONGEST_PAUSE)
        await self._let_go(work, pause, error.message)

    async def _let_go(self, work: Work, pause: timedelta, trouble: str) -> None:
        async with self._database.transaction(work.tenant) as connection:
            await exports.let_go(connection, *work.key, pause, trouble)

    async def _fail(self, work: Work, error: DomainError) -> None:
        async with self._database.transaction(work.tenant) as connection:
            if await exports.finish(connection, *work.key, error.message):
                await self._operations.fail(connection, work.tenant, work.operation, error)


def _place(destination: Destination, path: str, table: object) -> None:
    scratch = destination.scratch()
    parquet.write_table(scratch, table)
    destination.put(scratch, path)


def _facts(work: Work, plan: _Plan) -> Mapping[str, str]:
    return {
        "dualspan.format": f"dualspan.samples/{SCHEMA}",
        "dualspan.export": export_name(work.tenant, work.definition.id),
        "dualspan.first_date": date_of(plan.first_day),
        "dualspan.end_date": date_of(plan.end_day),
    }


def _result(stored: StoredExport, manifest: str) -> contract.ExportResult:
    return contract.ExportResult(
        partitions_written=stored.done,
        partitions_rewritten=stored.again,
        partitions_kept=stored.kept,
        rows=stored.rows,
        bytes=stored.size,
        manifest=manifest,
    )
