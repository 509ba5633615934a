"""Use cases: definitions of models, their versions, and which of them scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.longrunning.operations_pb2 import Operation

from dualspan.analytics.v1 import models_pb2
from dualspan_analytics.intelligence import archive, errors, forecast, watching
from dualspan_analytics.intelligence.proof import Verdict
from dualspan_analytics.intelligence.templates import templates
from dualspan_analytics.service.machine_reading import MachineReader
from dualspan_analytics.store import models as store
from dualspan_analytics.store.models import Definition, Fitted, Version
from dualspan_runtime.database import Database
from dualspan_runtime.names import ResourceName
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.tasks import Jobs

TRAIN = "analytics.models.train"
DEFINITION = ResourceName("tenants/{tenant}/modelDefinitions/{definition}")
VERSION = ResourceName("tenants/{tenant}/modelDefinitions/{definition}/versions/{version}", version="[0-9]{1,9}")
_MOST_DAYS = 92
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Proven:
    """A version and its machines."""

    version: Version
    fitted: Sequence[Fitted]


class Models:
    """Definitions and versions.

    Args:
        database: Where they are.
        operations: Trainings, for whoever waits.
        reader: Knows the machines.
        jobs: Asks the worker.
    """

    def __init__(self, database: Database, operations: OperationStore, reader: MachineReader, jobs: Jobs) -> None:
        self._database = database
        self._operations = operations
        self._reader = reader
        self._jobs = jobs

    async def create(
        self, tenant: str, given: Definition, spec: watching.AnomalySpec | forecast.ForecastSpec | None
    ) -> Definition:
        """Make a definition; without a spec it takes the template of its asset model.

        Raises:
            InvalidArgument: It makes no sense, or there is no template.
            AlreadyExists: There is one of this id.
        """
        if spec is None:
            spec = templates().get(given.asset_model)
            if spec is None:
                raise errors.no_template(given.asset_model, sorted(templates()))
        is_anomaly = isinstance(spec, watching.AnomalySpec)
        wrong = watching.problems(spec) if isinstance(spec, watching.AnomalySpec) else forecast.problems(spec)
        if not given.asset_model:
            wrong.append(("asset_model", "Say which machines it is for, by their asset model."))
        if wrong:
            raise errors.invalid_definition(wrong)
        facts = archive.spec_facts(spec) if isinstance(spec, watching.AnomalySpec) else archive.forecast_facts(spec)
        new = Definition(
            definition_id=given.definition_id,
            display_name=given.display_name,
            kind="anomaly" if is_anomaly else "forecast",
            asset_model=given.asset_model,
            under=given.under,
            spec=facts,
            live_version=0,
            needs_retraining=False,
            created_at=None,
        )
        async with self._database.transaction(tenant) as connection:
            if not await store.insert_definition(connection, tenant, new):
                raise errors.definition_taken(given.definition_id)
        return await self.get(tenant, given.definition_id)

    async def get(self, tenant: str, definition_id: str) -> Definition:
        """One definition; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.find_definition(connection, tenant, definition_id)
        if found is None:
            raise errors.definition_not_found(definition_id)
        return found

    async def page(self, tenant: str, after: str, limit: int) -> list[Definition]:
        """Definitions in order of their ids."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.definitions(connection, tenant, after, limit)

    async def delete(self, tenant: str, definition_id: str) -> None:
        """Remove a definition with its versions and scores; raises NotFound."""
        async with self._database.transaction(tenant) as connection:
            if not await store.delete_definition(connection, tenant, definition_id):
                raise errors.definition_not_found(definition_id)

    async def start_training(
        self, tenant: str, definition_id: str, span: tuple[int, int], known_faults: Sequence[tuple[str, int, int, int]]
    ) -> Operation:
        """Ask for a new version; returns the operation that follows its training.

        Raises:
            NotFound: There is no such definition.
            InvalidArgument: The span makes no sense.
            FailedPrecondition: No machine falls under it.
        """
        check_span(*span, _MOST_DAYS)
        definition = await self.get(tenant, definition_id)
        machines = await self._reader.machines(tenant, definition.asset_model, definition.under)
        if not machines:
            raise errors.no_machines(definition.asset_model, definition.under)
        async with self._database.transaction(tenant) as connection:
            if await store.find_definition(connection, tenant, definition_id, lock=True) is None:
                raise errors.definition_not_found(definition_id)
            version = await store.insert_version(connection, tenant, definition_id, span, known_faults)
            name = VERSION.format(tenant=tenant, definition=definition_id, version=version)
            progress = models_pb2.TrainingProgress(version=name, total=len(machines), step="waiting for a worker")
            operation = await self._operations.create(connection, tenant, metadata=progress, resource=name)
            await store.set_operation(connection, tenant, definition_id, version, operation.name)
        await self._jobs.request(TRAIN, tenant, definition_id, str(version))
        return operation

    async def versions(self, tenant: str, definition_id: str, before: int | None, limit: int) -> list[Proven]:
        """Versions with their machines, newest first; raises NotFound."""
        await self.get(tenant, definition_id)
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.versions(connection, tenant, definition_id, before, limit)
            return [Proven(each, await store.fitted(connection, tenant, definition_id, each.version)) for each in found]

    async def promote(self, tenant: str, definition_id: str, version: int) -> Proven:
        """Make a version the one that scores.

        Raises:
            NotFound: There is no such version.
            FailedPrecondition: It is not ready, or did not beat its naive baseline; says so with the figures.
        """
        async with self._database.transaction(tenant) as connection:
            found = await store.find_version(connection, tenant, definition_id, version)
            if found is None:
                raise errors.version_not_found(definition_id, version)
            if not found.ready:
                raise errors.not_ready(version)
            if found.verdict != Verdict.BETTER:
                definition = await store.find_definition(connection, tenant, definition_id)
                kind = definition.kind if definition else ""
                raise errors.not_better(version, kind, found.verdict, found.verdict_text)
            await store.set_live(connection, tenant, definition_id, version)
            return Proven(found, await store.fitted(connection, tenant, definition_id, version))


def check_span(start_us: int, end_us: int, days: int) -> None:
    """Raises InvalidArgument unless a span runs forward and is not too long."""
    if not start_us < end_us <= start_us + days * _DAY_US:
        raise errors.span_too_long(days)
