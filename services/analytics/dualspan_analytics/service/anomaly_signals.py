"""Anomaly scores as samples for alarm rules."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan, Trouble
from dualspan_analytics.alarms.rules import SignalKind
from dualspan_analytics.service.alarm_signals import NEVER
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.store import anomaly_scores
from dualspan_analytics.store.anomaly_scores import StoredScores
from dualspan_runtime.database import Database

_UNCERTAIN = 0x4000_0000
# Of what was never heard of, scores of the last quarter of an hour still count.
_LOOK_BACK_US = 900_000_000


class AnomalySignals:
    """Reads the scores that are newer than those that were evaluated. A step without one is Uncertain, with no number.

    Scores of one machine are stored in order of time, whoever stores them; between machines there is no order.

    Args:
        database: Where scores are.
        look_seconds: There is a look so often.
        catch_up_us: Nothing older is evaluated: it is too late to act on it.
    """

    def __init__(self, database: Database, look_seconds: float = 5.0, catch_up_us: int = 86_400_000_000) -> None:
        self._database = database
        self._look_seconds = look_seconds
        self._catch_up_us = catch_up_us
        self._looked: dict[str, float] = {}

    async def take(self, tenant: str, plan: Plan, heard: NDArray[np.int64]) -> Samples:
        """New scores of the anomaly signals of a plan, by their places in it."""
        places = {
            (signal.name, signal.asset): place
            for place, signal in enumerate(plan.table.signals)
            if signal.kind is SignalKind.ANOMALY
        }
        if not places or time.monotonic() - self._looked.get(tenant, -self._look_seconds) < self._look_seconds:
            return Samples.empty()
        self._looked[tenant] = time.monotonic()
        now = now_us()
        begin = np.where(heard == NEVER, now - _LOOK_BACK_US, np.maximum(heard, now - self._catch_up_us))
        wanted = [(*pair, int(begin[place])) for pair, place in places.items()]
        async with self._database.transaction(tenant, readonly=True) as connection:
            rounds = await anomaly_scores.scores_after(connection, tenant, wanted)
        samples = _samples(rounds, places)
        # Of a round some steps may have been evaluated before.
        return samples.take(samples.timestamp > begin[samples.signal])

    def troubles(self, tenant: str, plan: Plan) -> Sequence[Trouble]:
        """None: a model that cannot score says so itself."""
        return []


def _samples(rounds: Sequence[StoredScores], places: Mapping[tuple[str, str], int]) -> Samples:
    counts = [len(each.time_us) for each in rounds]
    signal = [places[each.definition_id, each.asset_id] for each in rounds]
    value = np.array([score for each in rounds for score in each.score], np.float64)
    return Samples(
        signal=np.repeat(np.array(signal, np.int64), np.array(counts, np.int64)),
        timestamp=np.array([moment for each in rounds for moment in each.time_us], np.int64),
        value=value,
        status=np.where(np.isnan(value), _UNCERTAIN, 0).astype(np.uint32),
    )
