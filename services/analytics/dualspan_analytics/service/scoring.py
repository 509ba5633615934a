"""Use cases: judging machines with fitted models, on request and by themselves, and watching for drift."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from dualspan_analytics.intelligence import archive, detector, errors
from dualspan_analytics.intelligence.archive import Archive, ArchiveError
from dualspan_analytics.intelligence.detector import AnomalyModel, Scores
from dualspan_analytics.intelligence.drift import Drift, drift
from dualspan_analytics.intelligence.episodes import Episode, episodes
from dualspan_analytics.service.machine_reading import MachineReader
from dualspan_analytics.service.models import check_span
from dualspan_analytics.store import anomaly_scores
from dualspan_analytics.store import models as store
from dualspan_analytics.store.anomaly_scores import StoredScores
from dualspan_analytics.store.models import Definition, Fitted
from dualspan_runtime.database import Database
from dualspan_runtime.errors import DomainError

_MOST_DAYS = 31
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
# After a pause scores begin so far back, and a round is so long at most.
_REACH_US = 6 * _HOUR_US
_LEAST_DRIFT_ROWS = 300
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of a machine.

    Attributes:
        version: Which version scored; 0 if several did.
        names: What is watched.
        scores: Step by step.
        alarms: Alarms in them.
    """

    version: int
    names: Sequence[str]
    scores: Scores
    alarms: Sequence[Episode]


class Scoring:
    """Judges machines.

    Args:
        database: Where models and scores are.
        reader: Reads machines.
        delay_us: A step is judged so long after its end, for samples that are on their way.
        keep_us: Scores are kept so long.
    """

    def __init__(self, database: Database, reader: MachineReader, delay_us: int, keep_us: int) -> None:
        self._database = database
        self._reader = reader
        self._delay_us = delay_us
        self._keep_us = keep_us

    async def score(
        self, tenant: str, definition_id: str, asset_id: str, span: tuple[int, int], version: int = 0
    ) -> Scored:
        """Judge a span now.

        Raises:
            NotFound: There is no such definition or version.
            InvalidArgument: The span makes no sense.
            FailedPrecondition: No version is live, or it has no model of the machine.
        """
        check_span(*span, _MOST_DAYS)
        definition = await self._definition(tenant, definition_id)
        wanted = version or definition.live_version
        if not wanted:
            raise errors.not_live(definition_id)
        fitted = await self._fitted(tenant, definition_id, wanted, asset_id)
        model = await asyncio.to_thread(loaded, fitted)
        scores = await self._judge(tenant, asset_id, model, span)
        alarms = episodes(scores.time_us, scores.score, model.spec.release)
        return Scored(wanted, model.spec.names, scores, alarms)

    async def stored(self, tenant: str, definition_id: str, asset_id: str, span: tuple[int, int]) -> Scored:
        """What live versions have scored by themselves.

        Raises:
            NotFound: There is no such definition.
            InvalidArgument: The span makes no sense.
        """
        check_span(*span, _MOST_DAYS)
        definition = await self._definition(tenant, definition_id)
        async with self._database.transaction(tenant, readonly=True) as connection:
            rounds = await anomaly_scores.scores(connection, tenant, definition_id, asset_id, span)
        names = sorted({name for each in rounds for name in each.properties})
        found = _joined(rounds, names, span)
        versions = {each.version for each in rounds}
        release = archive.spec_of(definition.spec).release
        alarms = episodes(found.time_us, found.score, release)
        return Scored(versions.pop() if len(versions) == 1 else 0, names, found, alarms)

    async def _definition(self, tenant: str, definition_id: str) -> Definition:
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.find_definition(connection, tenant, definition_id)
        if found is None:
            raise errors.definition_not_found(definition_id)
        if found.kind != "anomaly":
            raise errors.wrong_kind(definition_id, "an anomaly model")
        return found

    async def _fitted(self, tenant: str, definition_id: str, version: int, asset_id: str) -> Fitted:
        async with self._database.transaction(tenant, readonly=True) as connection:
            if await store.find_version(connection, tenant, definition_id, version) is None:
                raise errors.version_not_found(definition_id, version)
            found = await store.fitted(connection, tenant, definition_id, version, asset_id)
        if not found or not found[0].arrays:
            raise errors.no_fitted(asset_id, version, found[0].problem if found else "")
        return found[0]

    async def _judge(self, tenant: str, asset_id: str, model: AnomalyModel, span: tuple[int, int]) -> Scores:
        step = model.spec.step_us
        start_us, end_us = span[0] // step * step, -(-span[1] // step) * step
        table = await self._reader.table(tenant, asset_id, model.spec, start_us, end_us)
        return await asyncio.to_thread(detector.score, model, table, table.row(start_us))

    async def sweep(self) -> None:
        """Score what the live models of all tenants have not scored yet, and look for drift once a day."""
        async with self._database.platform_transaction() as connection:
            live = await store.live_definitions(connection)
            await anomaly_scores.expire_scores(connection, time.time_ns() // 1000 - self._keep_us)
        for tenant, definition in live:
            async with self._database.transaction(tenant, readonly=True) as connection:
                machines = await store.fitted(connection, tenant, definition.definition_id, definition.live_version)
            for fitted in machines:
                if fitted.arrays:
                    await self.keep_up(tenant, definition, fitted.asset_id, time.time_ns() // 1000)

    async def keep_up(self, tenant: str, definition: Definition, asset_id: str, now_us: int) -> None:
        """Score one machine up to a moment; what is wrong with it does not keep the others from being scored."""
        try:
            fitted = await self._fitted(tenant, definition.definition_id, definition.live_version, asset_id)
            await self._round(tenant, definition, fitted, now_us)
        except DomainError as error:
            _log.warning("machine not scored", tenant=tenant, asset=asset_id, reason=error.reason)

    async def _round(self, tenant: str, definition: Definition, fitted: Fitted, now_us: int) -> None:
        model = await asyncio.to_thread(loaded, fitted)
        step = model.spec.step_us
        until = (now_us - self._delay_us) // step * step
        begin = max(fitted.scored_us, until - _REACH_US) // step * step
        if begin >= until:
            return
        scores = await self._judge(tenant, fitted.asset_id, model, (begin, until))
        await self.put(
            tenant, definition, fitted.asset_id, Scored(definition.live_version, model.spec.names, scores, ())
        )
        if until - fitted.drift_looked_us >= _DAY_US:
            await self.look_for_drift(tenant, definition, fitted, model, until)

    @property
    def delay_us(self) -> int:
        """A step is judged so long after its end."""
        return self._delay_us

    async def put(self, tenant: str, definition: Definition, asset_id: str, scored: Scored) -> None:
        """Store a round of scores, for alarms and charts."""
        scores = scored.scores
        leading = np.where(scores.share.max(axis=1) > 0.0, scores.share.argmax(axis=1), -1)
        step = int(definition.spec["step_us"])
        rows = StoredScores(
            score_id=0,
            definition_id=definition.definition_id,
            asset_id=asset_id,
            version=scored.version,
            start_us=int(scores.time_us[0]) - step,
            end_us=int(scores.time_us[-1]),
            time_us=scores.time_us.tolist(),
            score=scores.score.tolist(),
            reason=scores.reason.tolist(),
            leader=leading.tolist(),
            leader_share=scores.share.max(axis=1).tolist(),
            properties=list(scored.names),
        )
        async with self._database.transaction(tenant) as connection:
            await anomaly_scores.put_scores(connection, tenant, rows)

    async def look_for_drift(
        self, tenant: str, definition: Definition, fitted: Fitted, model: AnomalyModel, until_us: int
    ) -> Drift | None:
        """Compare the last day of what a model does not explain with normal time in training; marks what has moved.

        Returns:
            The drift of the property that moved the most; None without enough data.
        """
        table = await self._reader.table(tenant, fitted.asset_id, model.spec, until_us - _DAY_US, until_us)
        found = await asyncio.to_thread(_drifts, model, detector.unexplained(model, table))
        worst = max(found, key=lambda each: each[1].psi, default=None)
        async with self._database.transaction(tenant) as connection:
            version = (definition.definition_id, definition.live_version)
            told = (None, "") if worst is None else (worst[1].psi, worst[0])
            await store.set_drift(connection, tenant, version, fitted.asset_id, told, until_us)
            # A fault of an hour moves a few deciles; a model is outdated when most of a day is elsewhere.
            if any(each.is_drifted for _, each in found):
                await store.mark_drifted(connection, tenant, definition.definition_id)
        return None if worst is None else worst[1]


def loaded(fitted: Fitted) -> AnomalyModel:
    """A fitted model from its data; raises FailedPrecondition if it is damaged."""
    try:
        return archive.load_anomaly(Archive(fitted.arrays, fitted.facts))
    except ArchiveError as error:
        raise errors.damaged(str(error)) from error


def _drifts(
    model: AnomalyModel, deviation: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> list[tuple[str, Drift]]:
    return [
        (name, drift(model.reference[place], deviation[place]))
        for place, name in enumerate(model.spec.names)
        if model.is_fitted[place] and int(np.isfinite(deviation[place]).sum()) >= _LEAST_DRIFT_ROWS
    ]


def _joined(rounds: Sequence[StoredScores], names: Sequence[str], span: tuple[int, int]) -> Scores:
    places = {name: place for place, name in enumerate(names)}
    count = sum(len(each.time_us) for each in rounds)
    share = np.zeros((count, len(names)))
    row = 0
    for each in rounds:
        own = np.array([places[name] for name in each.properties], np.int64)
        leading = np.asarray(each.leader, np.int64)
        rows = row + np.flatnonzero(leading >= 0)
        share[rows, own[leading[leading >= 0]]] = np.asarray(each.leader_share)[leading >= 0]
        row += len(each.time_us)
    time_us = np.array([t for each in rounds for t in each.time_us], np.int64)
    score = np.array([value for each in rounds for value in each.score], np.float64)
    reason = np.array([value for each in rounds for value in each.reason], np.uint8)
    inside = (time_us > span[0]) & (time_us <= span[1])
    return Scores(time_us[inside], score[inside], reason[inside], share[inside])
