"""What time it is in the plant: the machine's own clock, or a simulated one that runs faster."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that showed `plant_us` when the machine's showed `machine_us`, and runs `speed` times as fast."""

    plant_us: int = 0
    machine_us: int = 0
    speed: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The clock of `plant_us/machine_us/speed`; the machine's own for nothing.

        Raises:
            ValueError: It is something else.
        """
        if not text:
            return cls()
        try:
            plant, machine, speed = text.split("/")
            return cls(int(plant), int(machine), float(speed))
        except ValueError as err:
            raise ValueError(f"{text!r} is not a clock: plant_us/machine_us/speed, such as 0/0/1") from err

    def __str__(self) -> str:
        return f"{self.plant_us}/{self.machine_us}/{self.speed!r}"

    def now_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00 UTC."""
        return self.plant_us + round((time.time_ns() // 1000 - self.machine_us) * self.speed)

    def now(self) -> datetime:
        """The same as a datetime, UTC."""
        return _EPOCH + timedelta(microseconds=self.now_us())
