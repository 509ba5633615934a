"""How often an evaluation does what."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How often things are done. Seconds.

    Attributes:
        interval: Samples are gathered for so long.
        settle: A delay that ended is over only so much later: samples may be on their way.
        checkpoint: At most so much is read again after a crash.
        lease: A replica that says nothing for so long is replaced.
        poll: Rules and assets are looked at so often, told or not.
        ahead: Samples so far ahead of the clock are not believed.
        catch_up: What is older is not evaluated.
    """

    interval: float = 0.5
    settle: float = 2.0
    checkpoint: float = 5.0
    lease: float = 15.0
    poll: float = 2.0
    ahead: float = 600.0
    catch_up: float = 86_400.0


class Every:
    """Tells when it is time again for what is not done in every round."""

    def __init__(self, timing: Timing) -> None:
        self._periods = {
            "checkpoint": timing.checkpoint,
            "second": 1.0,
            "lease": timing.lease / 3,
            "poll": timing.poll,
        }
        self._due = {name: time.monotonic() + period for name, period in self._periods.items()}

    def _is_time(self, name: str) -> bool:
        now = time.monotonic()
        if now < self._due[name]:
            return False
        self._due[name] = now + self._periods[name]
        return True

    def checkpoint(self) -> bool:
        """For a checkpoint."""
        return self._is_time("checkpoint")

    def second(self) -> bool:
        """For what is done every second."""
        return self._is_time("second")

    def lease(self) -> bool:
        """To renew the lease."""
        return self._is_time("lease")

    def poll(self) -> bool:
        """To look for changed rules and assets."""
        return self._is_time("poll")
