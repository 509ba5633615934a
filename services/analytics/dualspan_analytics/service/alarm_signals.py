"""Samples that are not of properties: KPIs and anomaly scores, for the same rules."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan, Trouble

NEVER = np.iinfo(np.int64).min
"""In place of a time: nothing was heard of a signal yet."""


class SignalSource(Protocol):
    """Gives the samples of one kind of signals.

    It remembers nothing of what it has given: what was evaluated and then not committed is asked for again.
    """

    async def take(self, tenant: str, plan: Plan, heard: NDArray[np.int64]) -> Samples:
        """What is known and newer than what was heard, of the signals of its kind in the plan; by their places in it.

        Args:
            tenant: Whose.
            plan: What is watched.
            heard: int64 (s,): the newest sample of each signal that was evaluated, µs; `NEVER` for none.
        """
        ...

    def troubles(self, tenant: str, plan: Plan) -> Sequence[Trouble]:
        """Why some signals of the plan have no numbers at the moment, by rule and asset."""
        ...
