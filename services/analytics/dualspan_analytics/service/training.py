"""Use case of the worker: train a version, hold it against its naive baseline, store it as data."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import structlog

from dualspan.analytics.v1 import models_pb2
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.intelligence import archive, detector, errors, forecast, proof
from dualspan_analytics.intelligence.episodes import Detection, Event
from dualspan_analytics.intelligence.forecast import Accuracy, ForecastSpec
from dualspan_analytics.intelligence.proof import Judgement, Verdict
from dualspan_analytics.intelligence.watching import AnomalySpec
from dualspan_analytics.service.leisure import Leisure
from dualspan_analytics.service.machine_reading import MachineReader
from dualspan_analytics.service.model_answers import version_message
from dualspan_analytics.service.models import TRAIN, VERSION, Proven
from dualspan_analytics.store import models as store
from dualspan_analytics.store.models import Definition, Fitted, Version
from dualspan_runtime.database import Database
from dualspan_runtime.errors import DomainError, FailedPrecondition
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.tasks import Jobs

_log = structlog.stdlib.get_logger()


class Training:
    """Trains versions.

    Args:
        database: Where they are.
        operations: How trainings go.
        reader: Reads machines.
        jobs: Asks for what is left, and for what a crash left behind.
        slice_seconds: A run gives way to other tasks after so long, and then goes on.
        leisure: Computes.
    """

    def __init__(
        self,
        database: Database,
        operations: OperationStore,
        reader: MachineReader,
        jobs: Jobs,
        slice_seconds: float,
        leisure: Leisure,
    ) -> None:
        self._database = database
        self._operations = operations
        self._reader = reader
        self._jobs = jobs
        self._slice_seconds = slice_seconds
        self._leisure = leisure

    async def sweep(self) -> None:
        """Ask for the trainings that nobody works on."""
        async with self._database.platform_transaction() as connection:
            waiting = await store.open_versions(connection)
        for tenant, definition_id, version in waiting:
            await self._jobs.request(TRAIN, tenant, definition_id, str(version))

    async def train(self, tenant: str, definition_id: str, number: int) -> None:
        """Train a version; safe to call twice: a version is trained by one worker at a time.

        A run that gives way asks for the next one, which goes on.
        """
        async with self._database.transaction(tenant) as connection:
            version = await store.claim_version(connection, tenant, definition_id, number)
            definition = await store.find_definition(connection, tenant, definition_id)
        if version is None or definition is None:
            return
        try:
            await self._train(tenant, definition, version)
        except DomainError as error:
            async with self._database.transaction(tenant) as connection:
                ended = (int(Verdict.UNPROVEN), error.message)
                await store.end_version(
                    connection, tenant, version, ready=False, verdict=ended, report=[], libraries={}
                )
                await self._operations.fail(connection, tenant, version.operation, error)

    async def _train(self, tenant: str, definition: Definition, version: Version) -> None:
        """Train the machines that no run before this one has trained, until time is up."""
        machines = await self._reader.machines(tenant, definition.asset_model, definition.under)
        if not machines:
            raise errors.no_machines(definition.asset_model, definition.under)
        done = {one.asset_id for one in await self._fitted(tenant, version)}
        until = time.monotonic() + self._slice_seconds
        for asset_id in machines:
            if asset_id in done:
                continue
            if time.monotonic() > until:
                await self._give_way(tenant, version)
                return
            await self._say(tenant, version, len(done), len(machines), asset_id)
            one = await self._machine(tenant, definition, version, asset_id)
            async with self._database.transaction(tenant) as connection:
                await store.put_fitted(connection, tenant, version.definition_id, version.version, one)
            done.add(asset_id)
        await self._finish(tenant, definition, version)

    async def _fitted(self, tenant: str, version: Version) -> list[Fitted]:
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.fitted(connection, tenant, version.definition_id, version.version)

    async def _give_way(self, tenant: str, version: Version) -> None:
        async with self._database.transaction(tenant) as connection:
            await store.release_version(connection, tenant, version.definition_id, version.version)
        await self._jobs.request(TRAIN, tenant, version.definition_id, str(version.version))

    async def _say(self, tenant: str, version: Version, done: int, total: int, asset_id: str) -> None:
        name = VERSION.format(tenant=tenant, definition=version.definition_id, version=version.version)
        progress = models_pb2.TrainingProgress(version=name, done=done, total=total, step=f"training {asset_id}")
        async with self._database.transaction(tenant) as connection:
            await store.keep_claim(connection, tenant, version.definition_id, version.version)
            await self._operations.progress(connection, tenant, version.operation, progress)
            if await self._operations.cancelled(connection, tenant, version.operation):
                raise FailedPrecondition("TRAINING_CANCELLED", "Somebody asked for the training to stop.")

    async def _machine(self, tenant: str, definition: Definition, version: Version, asset_id: str) -> Fitted:
        try:
            if definition.kind == "anomaly":
                spec = archive.spec_of(definition.spec)
                return await self._anomaly(tenant, spec, version, asset_id)
            return await self._forecast(tenant, archive.forecast_spec_of(definition.spec), version, asset_id)
        except detector.NotEnoughDataError as error:
            problem = str(error)
        except FailedPrecondition as error:
            problem = error.message
        return Fitted(asset_id, b"", "", "", problem)

    async def _anomaly(self, tenant: str, wanted: AnomalySpec, version: Version, asset_id: str) -> Fitted:
        spec = await self._reader.spec_of(tenant, wanted, asset_id)
        start_us, end_us = _whole_steps(version, spec.step_us)
        table = await self._reader.table(tenant, asset_id, spec, start_us, end_us)
        first = table.row(start_us)
        confirmed = [Event(*times) for asset, *times in version.known_faults if asset == asset_id]
        faults = confirmed if version.known_faults else None

        def work() -> Fitted:
            model = detector.train(spec, table, first)
            stored = archive.store_anomaly(model)
            fitted = Fitted(asset_id, stored.arrays, stored.facts, archive.fingerprint(table), "")
            try:
                found = proof.backtest(spec, table, first, faults)
            except detector.NotEnoughDataError:
                # The whole span suffices, its first part does not: the model stands, unproven.
                return fitted
            return replace(fitted, figures={name: asdict(each) for name, each in found.items()})

        return await self._leisure.compute(work)

    async def _forecast(self, tenant: str, spec: ForecastSpec, version: Version, asset_id: str) -> Fitted:
        span = _whole_steps(version, spec.step_us)
        values = await self._reader.values(tenant, PropertyRef(asset_id, spec.property, spec.index), span, spec)

        def work() -> Fitted:
            stored = archive.store_forecast(forecast.train(spec, span[0], values))
            digest = archive.values_fingerprint(span[0], spec.step_us, values)
            fitted = Fitted(asset_id, stored.arrays, stored.facts, digest, "")
            try:
                found = forecast.backtest(spec, span[0], values)
            except detector.NotEnoughDataError:
                return fitted
            return replace(fitted, figures={name: _plain(asdict(each)) for name, each in found.items()})

        return await self._leisure.compute(work)

    async def _finish(self, tenant: str, definition: Definition, version: Version) -> None:
        fitted = await self._fitted(tenant, version)
        if not any(one.arrays for one in fitted):
            raise errors.not_enough_data(f"No machine could be modelled. {fitted[0].problem}")
        judgement, report = _judged(definition, fitted)
        async with self._database.transaction(tenant) as connection:
            await store.end_version(
                connection,
                tenant,
                version,
                ready=True,
                verdict=(int(judgement.verdict), judgement.text),
                report=report,
                libraries=archive.libraries(),
            )
            ended = await store.find_version(connection, tenant, version.definition_id, version.version)
            if ended is not None:
                answer = version_message(tenant, Proven(ended, fitted))
                await self._operations.finish(connection, tenant, version.operation, answer)
        _log.info("models trained", tenant=tenant, definition=version.definition_id, verdict=judgement.text)


def _whole_steps(version: Version, step_us: int) -> tuple[int, int]:
    start_us = -(-version.start_us // step_us) * step_us
    return start_us, max(start_us + step_us, version.end_us // step_us * step_us)


def _judged(definition: Definition, fitted: Sequence[Fitted]) -> tuple[Judgement, list[dict[str, Any]]]:
    parts = [one.figures for one in fitted if one.figures]
    if definition.kind == "anomaly":
        figures = proof.pooled([{name: _detection(each) for name, each in part.items()} for part in parts])
        return proof.judge_detection(figures), [_detection_row(name, each) for name, each in figures.items()]
    if not parts:
        return Judgement(Verdict.UNPROVEN, "The span is too short to hold any of it back. Choose a longer one."), []
    pooled = proof.pooled_accuracy([{name: _accuracy(each) for name, each in part.items()} for part in parts])
    return proof.judge_accuracy(pooled), [{"method": name, **_plain(asdict(each))} for name, each in pooled.items()]


def _detection(figures: Mapping[str, Any]) -> Detection:
    return Detection(
        events=figures["events"],
        found=figures["found"],
        alarms=figures["alarms"],
        false_alarms=figures["false_alarms"],
        lead_us=tuple(figures["lead_us"]),
        machine_weeks=figures["machine_weeks"],
    )


def _accuracy(figures: Mapping[str, Any]) -> Accuracy:
    pinball, mase, coverage = (
        math.nan if figures[name] is None else float(figures[name]) for name in ("pinball", "mase", "coverage")
    )
    return Accuracy(pinball, mase, coverage, figures["forecasts"])


def _detection_row(name: str, each: Detection) -> dict[str, Any]:
    figures = {
        "recall": each.recall,
        "precision": each.precision,
        "f1": each.f1,
        "median_lead_us": each.median_lead_us,
        "false_per_machine_week": each.false_per_machine_week,
    }
    counts = {"events": each.events, "found": each.found, "alarms": each.alarms, "false_alarms": each.false_alarms}
    return {"method": name, **counts, **_plain(figures)}


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {name: None if isinstance(each, float) and math.isnan(each) else each for name, each in figures.items()}
