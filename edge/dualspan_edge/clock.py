"""The gateway's clock, and how far it is from others."""

import time
from dataclasses import dataclass


def now_microseconds() -> int:
    """Wall clock, microseconds since 1970, UTC."""
    return time.time_ns() // 1000


@dataclass(slots=True)
class ClockWatch:
    """Sees when the wall clock jumps: it is held against the monotonic clock.

    Attributes:
        tolerance: Microseconds; a smaller difference is drift and adjustment.
    """

    tolerance: int = 2_000_000
    _wall: int = 0
    _monotonic: int = 0

    def jump(self, wall: int, monotonic: int) -> tuple[int, int] | None:
        """Compares both clocks with the last call.

        Args:
            wall: Wall clock, microseconds.
            monotonic: Monotonic clock, microseconds.

        Returns:
            (what the wall clock should show, what it shows) after a jump; None without one.
        """
        expected = self._wall + (monotonic - self._monotonic)
        first = self._wall == 0
        self._wall, self._monotonic = wall, monotonic
        if first or abs(wall - expected) <= self.tolerance:
            return None
        return expected, wall


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """This gateway's clock minus another's, microseconds; the truth is within half of `round_trip`."""

    offset: int
    round_trip: int


def offset_from(sent: int, received: int, other: int) -> ClockOffset:
    """The offset to a clock that answered `other` to a question sent and answered at these times (as NTP has it)."""
    return ClockOffset((sent + received) // 2 - other, received - sent)


@dataclass(slots=True)
class PlatformClock:
    """The time as the platform has it, as far as it is known: a gateway in a plant often has no time server.

    Attributes:
        offset: This gateway's clock minus the platform's, microseconds.
    """

    offset: int = 0

    def platform_now(self) -> int:
        """Microseconds since 1970."""
        return now_microseconds() - self.offset
