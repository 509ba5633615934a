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


@dataclass(slots=True)
class SendingTime:
    """When what comes was sent, on this gateway's clock, however late the gateway or the network is.

    The sender stamps what it sends with a clock that may be anywhere. Of late the fastest has taken the least, so the
    others are later than that one by what they took longer (the minimum filter of RFC 5905, clause 10).

    Attributes:
        window: Microseconds after which the fastest is looked for again, as clocks drift.
        most: Microseconds; what seems to have taken longer was stamped by a clock that was set since.
    """

    window: int = 60_000_000
    most: int = 10_000_000
    _began: int | None = None
    _fastest: int = 0
    _before: int = 0

    def sent(self, stamp: int, came: int) -> int:
        """Microseconds since 1970, at the latest when it came.

        Args:
            stamp: By the sender's clock; 0 if it gave none.
            came: By this gateway's clock.
        """
        if not stamp:
            return came
        took = came - stamp
        if self._began is None or took - min(self._fastest, self._before) > self.most:
            self._began, self._fastest, self._before = came, took, took
        elif came - self._began > self.window:
            self._began, self._fastest, self._before = came, took, self._fastest
        self._fastest = min(self._fastest, took)
        return came - (took - min(self._fastest, self._before))
