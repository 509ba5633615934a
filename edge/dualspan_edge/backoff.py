"""How long to wait before trying again."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between attempts: doubling from `first` to `longest`, each up to half shorter by chance."""

    first: float = 1.0
    longest: float = 60.0

    def delay(self, attempt: int) -> float:
        """The wait before attempt number `attempt`, from 1."""
        return min(self.first * 2 ** min(attempt - 1, 20), self.longest) * (0.5 + random.random() / 2)
