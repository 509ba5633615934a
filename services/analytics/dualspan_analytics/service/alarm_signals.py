"""Samples that are not of properties: KPIs and anomaly scores, for the same rules."""

from typing import Protocol

from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan


class SignalSource(Protocol):
    """Gives the samples of one kind of signals."""

    async def take(self, tenant: str, plan: Plan) -> Samples:
        """What came since the last call, of the signals of its kind in the plan; by their places in it.

        It may give a sample again after a restart; the evaluation knows which ones it has had.
        """
        ...
