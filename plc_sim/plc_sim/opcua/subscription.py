"""Subscriptions that publish prepared bodies (Part 4, 5.14).

asyncua's own subscriptions copy and encode one object per value and drop a full queue's values without a word.
These keep its place in the server, but take encoded batches from a `Sampler`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError

from plc_sim.opcua.encoding import Stamps
from plc_sim.opcua.gate import Gate
from plc_sim.opcua.sampling import Batch, Sampler
from plc_sim.opcua.standard import extension, node_id, status_code

RETRANSMISSION_BYTES = 64 << 20
RETRANSMISSION_MESSAGES = 4096
_MAX_MESSAGES_PER_CYCLE = 64

_DATA_CHANGE = node_id(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
_EVENTS = node_id(ua.ObjectIds.EventNotificationList_Encoding_DefaultBinary)

_logger = logging.getLogger(__name__)

Forward = Callable[[ua.PublishResult, Any], Awaitable[None]]
TakeRequest = Callable[[int], Any]


def now_us() -> int:
    """Microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class Subscription:
    """One subscription: its publishing cycle, its unacknowledged messages, its keep-alives and its lifetime.

    asyncua's connection handler knows the attributes `session_id`, `pub_result_callback` and `pub_request_callback`
    and the coroutine `publish_results`; the rest is ours.
    """

    def __init__(
        self,
        data: ua.CreateSubscriptionResult,
        sampler: Sampler,
        gate: Gate,
        session_id: ua.NodeId,
        forward: Forward,
        take_request: TakeRequest,
        expired: Callable[[int], None],
    ) -> None:
        self.data = data
        self.sampler = sampler
        self.session_id = session_id
        self.pub_result_callback = forward
        self.pub_request_callback = take_request
        self.publishing = True
        self.max_notifications = 0
        self.values_sent = 0
        self.messages_sent = 0
        self._gate = gate
        self._expired = expired
        self._sequence = 1
        self._ready: Batch | None = None
        self._unacknowledged: dict[int, ua.NotificationMessage] = {}
        self._unacknowledged_bytes = 0
        self._idle_cycles = 0
        self._starved_cycles = 0
        self._started = False
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    @property
    def publishing_us(self) -> int:
        """The publishing interval in microseconds."""
        return max(1, round(self.data.RevisedPublishingInterval * 1000))

    def start(self) -> None:
        """Begin to publish."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(_log_failure)

    async def stop(self) -> None:
        """End the publishing cycle."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            await self._cycle()
            period = self.publishing_us / 1e6
            # A cycle that came late is not made up for by two in a row: the sampler holds what is due.
            due = max(due + period, time.monotonic() - period)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _cycle(self) -> None:
        if self._gate.mute:
            return
        self._idle_cycles += 1
        for _ in range(_MAX_MESSAGES_PER_CYCLE):
            if not self._has_something():
                return
            request = self.pub_request_callback(self.data.SubscriptionId)
            if request is None:
                self._starved_cycles += 1
                if self._starved_cycles > self.data.RevisedLifetimeCount:
                    self._expired(self.data.SubscriptionId)
                return
            await self._answer(request)

    async def publish_results(self, requestdata: Any) -> bool:
        """Answer a publish request that arrived late; False if there is nothing to say any more."""
        if self._gate.mute or not self._has_something():
            return False
        await self._answer(requestdata)
        return True

    def _has_something(self) -> bool:
        if self._ready is None and self.publishing and not self._gate.hold_publishing:
            self._ready = self.sampler.collect(now_us(), self.max_notifications)
        keep_alive = not self._started or self._idle_cycles >= self.data.RevisedMaxKeepAliveCount
        return (self._ready is not None and self.publishing) or keep_alive

    async def _answer(self, request: Any) -> None:
        batch = self._ready if self.publishing else None
        if batch is not None:
            self._ready = None
        result = self._result(batch)
        self._idle_cycles = 0
        self._starved_cycles = 0
        self._started = True
        async with self._lock:  # asyncio's locks are fair: a delayed message is not overtaken by the next
            await self._gate.delay()
            await self.pub_result_callback(result, request)
        if batch is not None:
            self.sampler.sent(batch)

    def _result(self, batch: Batch | None) -> ua.PublishResult:
        message = ua.NotificationMessage(SequenceNumber=ua.UInt32(self._sequence), PublishTime=datetime.now(UTC))
        if batch is not None:
            message.NotificationData = [extension(_EVENTS if batch.events else _DATA_CHANGE, batch.body)]
            self._remember(message, len(batch.body))
            self.values_sent += batch.count
            self.messages_sent += 1
        result = ua.PublishResult()
        result.SubscriptionId = self.data.SubscriptionId
        result.NotificationMessage = message
        result.MoreNotifications = batch is not None and batch.more
        result.AvailableSequenceNumbers = [ua.UInt32(number) for number in self._unacknowledged]
        return result

    def _remember(self, message: ua.NotificationMessage, size: int) -> None:
        """Keep a message for Republish until it is acknowledged, the oldest making room."""
        self._unacknowledged[self._sequence] = message
        self._unacknowledged_bytes += size
        self._sequence = 1 if self._sequence == 0xFFFF_FFFF else self._sequence + 1
        while self._unacknowledged_bytes > RETRANSMISSION_BYTES or len(self._unacknowledged) > RETRANSMISSION_MESSAGES:
            self._forget(next(iter(self._unacknowledged)))

    def _forget(self, sequence: int) -> bool:
        message = self._unacknowledged.pop(sequence, None)
        if message is None:
            return False
        self._unacknowledged_bytes -= sum(len(part.Body or b"") for part in message.NotificationData)
        return True

    def acknowledge(self, sequence: int) -> ua.StatusCode:
        """Forget a message that the client has (Part 4, 5.14.5)."""
        known = self._forget(sequence)
        return status_code(ua.StatusCodes.Good if known else ua.StatusCodes.BadSequenceNumberUnknown)

    def republish(self, sequence: int) -> ua.NotificationMessage:
        """The unacknowledged message of this number.

        Raises:
            ServiceError: BadMessageNotAvailable, if it was acknowledged or had to make room.
        """
        message = self._unacknowledged.get(sequence)
        if message is None:
            raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)
        return message

    def unacknowledged(self) -> list[int]:
        """Numbers of the messages that can be republished."""
        return list(self._unacknowledged)


def _log_failure(task: asyncio.Task[None]) -> None:
    """A subscription that broke is silent to its client; it must not be to us."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _logger.error("a subscription ended by an error", exc_info=error)


def stamps_of(value: ua.TimestampsToReturn) -> Stamps:
    """The timestamps that a request asks for.

    Raises:
        ServiceError: BadTimestampsToReturnInvalid.
    """
    try:
        return Stamps(int(value))
    except ValueError as err:
        raise ServiceError(ua.StatusCodes.BadTimestampsToReturnInvalid) from err
