"""What was decoded once, kept for the reads that follow."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class WeightedCache(Generic[K, V]):
    """The values that were used last, up to a total weight; for several threads.

    Args:
        max_weight: The most that all values together may weigh.
        weigh: What one weighs; it must not change.
    """

    def __init__(self, max_weight: int, weigh: Callable[[V], int]) -> None:
        self._max_weight = max_weight
        self._weigh = weigh
        self._values: OrderedDict[K, V] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return a value if it is here."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def keep(self, key: K, value: V) -> V:
        """Keep a value; returns the one that is here already, if there is one."""
        with self._lock:
            if key in self._values:
                return self._values[key]
            self._values[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._max_weight:
                _, oldest = self._values.popitem(last=False)
                self._weight -= self._weigh(oldest)
        return value
