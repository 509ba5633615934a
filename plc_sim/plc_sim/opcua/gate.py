"""The switch between a server and the wire, which fault injection turns."""

import asyncio
import time


class Gate:
    """Delays, mutes and holds back what a server says.

    Attributes:
        delay_s: Every answer waits this long.
        mute: Requests are read and never answered; nothing is published.
        hold_publishing: Subscriptions take nothing from their samplers, so that their queues overflow.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self._mute_until = 0.0
        self._hold_until = 0.0
        self._delay_until = 0.0

    @property
    def mute(self) -> bool:
        """Whether the server has stopped answering."""
        return time.monotonic() < self._mute_until

    @property
    def hold_publishing(self) -> bool:
        """Whether publishing is held back."""
        return time.monotonic() < self._hold_until

    def slow_down(self, delay_s: float, duration_s: float) -> None:
        """Answer everything `delay_s` late, for `duration_s`."""
        self.delay_s = delay_s
        self._delay_until = time.monotonic() + duration_s

    def stop_answering(self, duration_s: float) -> None:
        """Swallow requests for `duration_s`."""
        self._mute_until = time.monotonic() + duration_s

    def hold(self, duration_s: float) -> None:
        """Take no samples for `duration_s`."""
        self._hold_until = time.monotonic() + duration_s

    def open(self) -> None:
        """End all of it."""
        self._mute_until = self._hold_until = self._delay_until = 0.0

    async def delay(self) -> None:
        """Wait as long as an answer has to wait now."""
        if time.monotonic() < self._delay_until:
            await asyncio.sleep(self.delay_s)
