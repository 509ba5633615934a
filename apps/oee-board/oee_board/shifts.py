"""When shifts begin, by the clock of the plant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Self
from zoneinfo import ZoneInfo

from dualspan_sdk import DualSpanError


@dataclass(frozen=True, slots=True)
class Shifts:
    """Begins of shifts, local times in rising order."""

    begins: tuple[time, ...]
    zone: ZoneInfo

    @classmethod
    def parse(cls, texts: Sequence[str], zone: ZoneInfo) -> Self:
        """Shifts that begin at `06:00` and so on; raises `DualSpanError` `MALFORMED_SHIFT`."""
        try:
            begins = sorted({time.fromisoformat(text) for text in texts})
        except ValueError as err:
            raise DualSpanError(
                "INVALID_ARGUMENT", "MALFORMED_SHIFT", f"shifts: {err}. Write begins of shifts such as 06:00."
            ) from err
        return cls(tuple(begins) or (time(0),), zone)

    def around(self, now: datetime) -> tuple[datetime, datetime]:
        """When the running shift began, and the one before it; UTC."""
        local = now.astimezone(self.zone)
        days = [local.date() + timedelta(days=day) for day in (-2, -1, 0)]
        begins = [datetime.combine(day, begin, self.zone).astimezone(UTC) for day in days for begin in self.begins]
        begun = [(earlier, later) for earlier, later in pairwise(sorted(set(begins))) if later <= now]
        earlier, later = begun[-1]
        return later, earlier
