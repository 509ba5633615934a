"""What a kWh costs at which hour of the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dualspan_sdk import DualSpanError

_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Tariff:
    """Prices by the hour, in local time.

    Attributes:
        prices: float64, shape (24,): of a kWh that is used in that hour.
        zone: Whose hours.
    """

    prices: NDArray[np.float64]
    zone: ZoneInfo

    @classmethod
    def parse(cls, texts: Sequence[str], zone: ZoneInfo) -> Self:
        """Prices of `08=1.05`: from that hour on; before the first, the last one holds.

        Raises:
            DualSpanError: `MALFORMED_TARIFF`; the message says which part.
        """
        steps: dict[int, float] = {}
        for text in texts:
            hour, _, price = text.partition("=")
            try:
                steps[int(hour)] = float(price)
            except ValueError:
                steps[-1] = 0.0
            if not 0 <= min(steps) <= max(steps) < 24 or not 0 <= min(steps.values()) < 1e6:
                words = f"tariff: {text!r} is no price. Write an hour from 00 to 23 and a price, such as 08=1.05."
                raise DualSpanError("INVALID_ARGUMENT", "MALFORMED_TARIFF", words)
        hours = sorted(steps)
        place = np.searchsorted(hours, np.arange(24), side="right") - 1
        return cls(np.array([steps[hours[each]] for each in place.tolist()]), zone)

    def at(self, hours_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64, shape (n,): the price in each hour, given by its begin in µs."""
        # Zones differ from UTC by quarters of an hour at times; the hour that holds the middle decides.
        middles = (hours_us + _HOUR_US // 2) / 1e6
        local = [datetime.fromtimestamp(each, UTC).astimezone(self.zone).hour for each in middles.tolist()]
        return self.prices[np.array(local, np.intp)]
