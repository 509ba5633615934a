"""What a subscription samples: the contract between the publishing engine and the signals behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from asyncua import ua

from plc_sim.opcua.encoding import Stamps


@dataclass(frozen=True, slots=True)
class Batch:
    """What one notification message carries.

    Attributes:
        body: An encoded DataChangeNotification or EventNotificationList (Part 4, 7.25), without its ExtensionObject
            header.
        count: Values in it.
        more: Whether values were left for a further message because the message was full.
        receipt: What the sampler wants back when the message has been given to the connection.
        events: Whether it is an EventNotificationList.
    """

    body: bytes
    count: int
    more: bool
    receipt: Any = None
    events: bool = False


class Sampler(Protocol):
    """The monitored items of one subscription.

    Queues are virtual: signals are functions of time, so what waits for a client is an interval and not a list,
    and an overflow is an interval that has become longer than the queue.
    """

    def add(
        self, request: ua.MonitoredItemCreateRequest, stamps: Stamps, publishing_us: int, now_us: int
    ) -> ua.MonitoredItemCreateResult:
        """Create a monitored item, or say in the result why not."""
        ...

    def modify(
        self, request: ua.MonitoredItemModifyRequest, stamps: Stamps, publishing_us: int, now_us: int
    ) -> ua.MonitoredItemModifyResult:
        """Change a monitored item."""
        ...

    def __len__(self) -> int:
        """How many monitored items there are."""
        ...

    def remove(self, item_id: int) -> bool:
        """Delete a monitored item; False if there is none of that id."""
        ...

    def set_mode(self, item_id: int, mode: ua.MonitoringMode, now_us: int) -> bool:
        """Set the monitoring mode of an item; False if there is none of that id."""
        ...

    def collect(self, now_us: int, limit: int) -> Batch | None:
        """Take what was sampled until `now_us` and not taken yet, at most about `limit` values (0: no limit)."""
        ...

    def sent(self, batch: Batch) -> None:
        """Learn that a batch was given to the connection; what is never given was never sent."""
        ...


SamplerFactory = Callable[[], Sampler]
"""Makes the (empty) sampler of a new subscription."""
