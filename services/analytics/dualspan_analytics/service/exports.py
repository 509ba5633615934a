"""Use cases: what is exported, and asking for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from google.longrunning import operations_pb2
from pydantic import TypeAdapter

from dualspan.analytics.v1 import exports_pb2 as contract
from dualspan_analytics.exports.errors import cancelled, export_not_found, no_folder, secret_missing
from dualspan_analytics.exports.model import ExportDefinition, Place, check
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.sealing import Seal
from dualspan_analytics.store import exports
from dualspan_analytics.store.exports import StoredExport, StoredPartition, Totals
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.tasks import Jobs

RUN = "analytics.export"
"""The task that does a run."""
DEFINITION = TypeAdapter(ExportDefinition)


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export and how it is."""

    definition: ExportDefinition
    stored: StoredExport
    totals: Totals


def export_name(tenant: str, export_id: str) -> str:
    """`tenants/{tenant}/exports/{export}`."""
    return f"tenants/{tenant}/exports/{export_id}"


class Exports:
    """What is exported.

    Args:
        database: The service's schema.
        operations: Runs are long.
        plant: Knows the assets.
        jobs: Asks the worker.
        seal: For the secrets of buckets.
        folder: Of the platform; "" if it has none.
        endpoints: Servers other than Amazon's that are allowed.
    """

    def __init__(
        self,
        database: Database,
        operations: OperationStore,
        plant: PlantData,
        jobs: Jobs,
        seal: Seal,
        folder: str,
        endpoints: tuple[str, ...],
    ) -> None:
        self._database = database
        self._operations = operations
        self._plant = plant
        self._jobs = jobs
        self._seal = seal
        self._folder = folder
        self._endpoints = endpoints

    async def put(self, tenant: str, definition: ExportDefinition, secret: str) -> ExportView:
        """Make an export or replace what it says; `secret` is the bucket's, empty for that of before.

        Raises:
            InvalidArgument: It cannot work (`BAD_EXPORT`).
            NotFound: There is no such asset.
            FailedPrecondition: It goes to a folder, and the platform has none.
        """
        check(definition, self._endpoints)
        if definition.bucket is None and not self._folder:
            raise no_folder()
        (await self._plant.assets(tenant)).check_known(definition.assets)
        next_at = datetime.now(UTC) if definition.interval_us else None
        document = DEFINITION.dump_json(definition).decode()
        async with self._database.transaction(tenant) as connection:
            before = await exports.get(connection, tenant, definition.id, lock=True)
            sealed = self._sealed(tenant, definition, secret, before)
            await exports.put(connection, tenant, definition.id, document, sealed, next_at)
            return await _view(connection, tenant, definition.id)

    def _sealed(
        self, tenant: str, definition: ExportDefinition, secret: str, before: StoredExport | None
    ) -> bytes | None:
        bucket = definition.bucket
        if bucket is None:
            return None
        if secret:
            return self._seal.close(secret, export_name(tenant, definition.id))
        old = DEFINITION.validate_json(before.definition).bucket if before is not None else None
        # A secret of before goes nowhere but to where its owner sent it.
        if before is None or old is None or replace(old, prefix=bucket.prefix) != bucket:
            raise secret_missing()
        return before.secret

    async def get(self, tenant: str, export_id: str) -> ExportView:
        """One export.

        Raises:
            NotFound: There is none of that id.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await _view(connection, tenant, export_id)

    async def page(self, tenant: str, after: str, most: int) -> Sequence[ExportView]:
        """Exports behind an id, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await exports.page(connection, tenant, after, most)
            totals = await exports.totals(connection, tenant, [each.export_id for each in found])
        return [_view_of(each, totals) for each in found]

    async def delete(self, tenant: str, export_id: str) -> None:
        """Forget an export; a run that is on finds out and stops.

        Raises:
            NotFound: There is none of that id.
        """
        async with self._database.transaction(tenant) as connection:
            stored = await exports.get(connection, tenant, export_id, lock=True)
            if stored is None:
                raise export_not_found(export_id)
            if stored.operation is not None:
                await self._operations.fail(connection, tenant, stored.operation, cancelled())
            await exports.delete(connection, tenant, export_id)

    async def partitions(
        self, tenant: str, export_id: str, after: Place | None, most: int
    ) -> Sequence[StoredPartition]:
        """What was written, in order of asset and day.

        Raises:
            NotFound: There is no such export.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            if await exports.get(connection, tenant, export_id) is None:
                raise export_not_found(export_id)
            return await exports.partitions(connection, tenant, export_id, after, most)

    async def run(self, tenant: str, export_id: str) -> operations_pb2.Operation:
        """Ask for a run; the one that is on is returned if there is one.

        Raises:
            NotFound: There is no such export.
        """
        async with self._database.transaction(tenant) as connection:
            operation = await self._begin(connection, tenant, export_id)
        await self._jobs.request(RUN, tenant, export_id)
        return operation

    async def sweep(self) -> None:
        """Begin the runs whose time has come, and ask again for those that nobody does."""
        async with self._database.platform_transaction() as connection:
            scheduled = await exports.scheduled(connection)
        for tenant, export_id in scheduled:
            async with self._database.transaction(tenant) as connection:
                if await exports.get(connection, tenant, export_id) is not None:
                    await self._begin(connection, tenant, export_id)
        async with self._database.platform_transaction() as connection:
            waiting = await exports.waiting(connection)
        for tenant, export_id in waiting:
            await self._jobs.request(RUN, tenant, export_id)

    async def _begin(self, connection: Connection, tenant: str, export_id: str) -> operations_pb2.Operation:
        stored = await exports.get(connection, tenant, export_id, lock=True)
        if stored is None:
            raise export_not_found(export_id)
        if stored.operation is not None:
            return await self._operations.get(connection, stored.operation)
        name = export_name(tenant, export_id)
        metadata = contract.ExportProgress(export=name)
        operation = await self._operations.create(connection, tenant, metadata=metadata, resource=name)
        interval_us = DEFINITION.validate_json(stored.definition).interval_us
        interval = timedelta(microseconds=interval_us) if interval_us else None
        await exports.begin(connection, tenant, export_id, operation.name, interval)
        return operation


async def _view(connection: Connection, tenant: str, export_id: str) -> ExportView:
    stored = await exports.get(connection, tenant, export_id)
    if stored is None:
        raise export_not_found(export_id)
    return _view_of(stored, await exports.totals(connection, tenant, [export_id]))


def _view_of(stored: StoredExport, totals: dict[str, Totals]) -> ExportView:
    definition = DEFINITION.validate_json(stored.definition)
    return ExportView(definition, stored, totals.get(stored.export_id, Totals(0, 0, 0)))
