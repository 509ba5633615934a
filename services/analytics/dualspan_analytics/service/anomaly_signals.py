"""Anomaly scores as samples for alarm rules."""

import time
from collections.abc import Mapping

import numpy as np

from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan
from dualspan_analytics.alarms.rules import SignalKind
from dualspan_analytics.store import anomaly_scores
from dualspan_analytics.store.anomaly_scores import StoredScores
from dualspan_runtime.database import Database

_UNCERTAIN = 0x4000_0000
# Where nothing is remembered yet, scores of the last quarter of an hour still count.
_LOOK_BACK_US = 900_000_000


class AnomalySignals:
    """Reads the scores that came since the last call. A step without a score is Uncertain, with no number.

    Args:
        database: Where scores are.
        look_seconds: There is a look so often.
    """

    def __init__(self, database: Database, look_seconds: float = 5.0) -> None:
        self._database = database
        self._look_seconds = look_seconds
        self._seen: dict[str, int] = {}
        self._looked: dict[str, float] = {}

    async def take(self, tenant: str, plan: Plan) -> Samples:
        """New scores of the anomaly signals of a plan, by their places in it."""
        places = {
            (signal.name, signal.asset): place
            for place, signal in enumerate(plan.table.signals)
            if signal.kind is SignalKind.ANOMALY
        }
        if not places or time.monotonic() - self._looked.get(tenant, -self._look_seconds) < self._look_seconds:
            return _samples([], {})
        self._looked[tenant] = time.monotonic()
        async with self._database.transaction(tenant, readonly=True) as connection:
            known = self._seen.get(tenant)
            if known is None:
                known = await anomaly_scores.score_before(connection, tenant, time.time_ns() // 1000 - _LOOK_BACK_US)
            rounds = await anomaly_scores.scores_after(connection, tenant, known, list(places))
        self._seen[tenant] = max([known, *(each.score_id for each in rounds)])
        return _samples(rounds, places)


def _samples(rounds: list[StoredScores], places: Mapping[tuple[str, str], int]) -> Samples:
    counts = [len(each.time_us) for each in rounds]
    signal = [places[each.definition_id, each.asset_id] for each in rounds]
    value = np.array([score for each in rounds for score in each.score], np.float64)
    return Samples(
        signal=np.repeat(np.array(signal, np.int64), np.array(counts, np.int64)),
        timestamp=np.array([moment for each in rounds for moment in each.time_us], np.int64),
        value=value,
        status=np.where(np.isnan(value), _UNCERTAIN, 0).astype(np.uint32),
    )
