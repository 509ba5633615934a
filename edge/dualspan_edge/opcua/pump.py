"""The publish pump: several Publish requests in flight, and acknowledgements only for what is on the disk.

asyncua's own loop keeps one request in flight and acknowledges even what its callback failed to handle. This one
takes the answers in the order of their arrival, hands each notification on, and acknowledges it when the future that
it got for it is done. While too much waits for the disk it sends no request: the server then keeps its values.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from asyncua import ua
from asyncua.common.utils import Buffer

from dualspan_edge.clock import now_microseconds
from dualspan_edge.decoder import DecodeError, PublishResponse, decode_publish_response, decode_republish_response
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.subscription import Subscription
from dualspan_edge.opcua.subscriptions import Subscriptions
from dualspan_edge.opcua.words import status_words

_log = structlog.get_logger(__name__)
_MOST_REQUESTS = 20
# Samples that may wait for the disk before the pump stops asking for more.
_MOST_UNSTORED = 400_000
_REPUBLISH_TIMEOUT = 10.0
# Seconds after which it is looked again who has fallen silent.
_LOOK_INTERVAL = 1.0
# More missing notifications than this are not asked for one by one: the server cannot have kept them.
_MOST_REPUBLISHED = 1000
_SILENCE_FACTOR, _SILENCE_MARGIN = 2.0, 5.0
# Microseconds by which a server publishes later than it should; what is older is not late.
_MOST_LATE = 10_000_000
_LARGEST_SEQUENCE = 2**32 - 1


class Receiver(Protocol):
    """Who gets what the server publishes."""

    def received(self, subscription: Subscription, response: PublishResponse) -> "asyncio.Future[None]":
        """Takes a notification; the future is done when it is on the disk."""
        ...

    def missed(self, subscription: Subscription, why: str) -> None:
        """Notifications since `subscription.heard_at` are lost and cannot be had again."""
        ...

    def lost(self, subscription: Subscription, why: str) -> None:
        """The server gave the subscription up."""
        ...


class SessionLostError(ConnectionError):
    """The server does not have the session any more."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A notification is on the disk."""

    subscription: Subscription
    sequence_number: int
    samples: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer to a Publish request, and when it came, microseconds since 1970."""

    future: asyncio.Future[object]
    came: int


class PublishPump:
    """Publishes for all subscriptions of one connection."""

    def __init__(self, connection: Connection, subscriptions: Subscriptions, receiver: Receiver) -> None:
        self._connection = connection
        self._subscriptions = subscriptions
        self._receiver = receiver
        self._events: asyncio.Queue[_Answer | _Stored | None] = asyncio.Queue()
        self._in_flight = 0
        self._limit = _MOST_REQUESTS
        self._unstored = 0
        self._now: Callable[[], float] = asyncio.get_running_loop().time

    def wake(self) -> None:
        """Subscriptions were added: more requests may be in flight."""
        self._events.put_nowait(None)

    async def run(self) -> None:
        """Publishes until the connection fails.

        Raises:
            ConnectionError, TimeoutError, ua.UaError: The connection is no good any more.
            DecodeError: The server sends what no server may send.
        """
        for subscription in self._subscriptions.by_id.values():
            subscription.resumed = True
        looked = self._now()
        while True:
            self._ask()
            # Some subscriptions may talk all the time while others are dead. While answers wait to be handled, what
            # has not been heard may be among them.
            if self._events.empty() and self._now() - looked >= _LOOK_INTERVAL:
                looked = self._now()
                self._check_silence()
                continue
            try:
                async with asyncio.timeout(_LOOK_INTERVAL):
                    event = await self._events.get()
            except TimeoutError:
                continue
            if isinstance(event, _Stored):
                self._unstored -= event.samples
                event.subscription.unstored.discard(event.sequence_number)
                event.subscription.unacknowledged.append(event.sequence_number)
            elif event is not None:
                self._in_flight -= 1
                await self._handle(_body_of(event.future), event.came)

    def _ask(self) -> None:
        """Sends as many Publish requests as there should be in flight, with the acknowledgements that are due."""
        if not self._subscriptions.by_id or self._unstored > _MOST_UNSTORED:
            return
        if not self._in_flight:
            # Nobody was asked, so nobody could be heard.
            for subscription in self._subscriptions.by_id.values():
                subscription.heard = self._now()
        wanted = min(len(self._subscriptions.by_id) + 2, self._limit)
        while self._in_flight < wanted:
            request = ua.PublishRequest()
            request.Parameters.SubscriptionAcknowledgements = self._due()
            answer = self._connection.protocol.post(request)
            answer.add_done_callback(lambda done: self._events.put_nowait(_Answer(done, now_microseconds())))
            self._in_flight += 1

    def _due(self) -> list[ua.SubscriptionAcknowledgement]:
        due: list[ua.SubscriptionAcknowledgement] = []
        for subscription in self._subscriptions.by_id.values():
            identifier = ua.UInt32(subscription.identifier)
            numbers = subscription.unacknowledged
            due += [ua.SubscriptionAcknowledgement(identifier, ua.UInt32(number)) for number in numbers]
            numbers.clear()
        return due

    def _check_silence(self) -> None:
        """A subscription that says nothing, not even that it lives, is dead: a live server would have said so."""
        if not self._in_flight:
            return
        for subscription in list(self._subscriptions.by_id.values()):
            allowed = subscription.keep_alive * _SILENCE_FACTOR + _SILENCE_MARGIN
            if self._now() - subscription.heard > allowed:
                self._subscriptions.give_up(subscription)
                self._receiver.lost(subscription, f"the subscription has said nothing for {allowed:.0f} s")

    async def _handle(self, body: bytes, came: int) -> None:
        response = decode_publish_response(body)
        if response.service_result & 0x80000000:
            self._handle_refusal(response.service_result)
            return
        subscription = self._subscriptions.by_id.get(response.subscription_id)
        if subscription is None:
            return
        if subscription.resumed:
            self._reconcile(subscription, response)
        # No notification has the number 0 (Part 4, 7.26): it says nothing about what is missing.
        if response.sequence_number not in {0, subscription.expected}:
            await self._fetch_missing(subscription, response.sequence_number)
        self._take(subscription, response)
        sent = self._connection.sending.sent(response.publish_time, came)
        heard_at = complete_until(response, sent, int(subscription.publishing_ms * 1000))
        subscription.heard_at = max(subscription.heard_at, heard_at)

    def _reconcile(self, subscription: Subscription, response: PublishResponse) -> None:
        """Acknowledges again what the server still keeps although it is on the disk: that word was lost."""
        subscription.resumed = False
        for number in response.available_sequence_numbers:
            before = 0 < (subscription.expected - number) % _LARGEST_SEQUENCE <= _LARGEST_SEQUENCE // 2
            known = number in subscription.unstored or number in subscription.unacknowledged
            if before and not known:
                subscription.unacknowledged.append(number)

    def _take(self, subscription: Subscription, response: PublishResponse) -> None:
        subscription.heard = self._now()
        if response.is_keep_alive:
            # A keep-alive carries the number of the notification that comes next (Part 4, 5.14.1.4).
            subscription.expected = response.sequence_number or subscription.expected
            return
        subscription.expected = response.sequence_number % _LARGEST_SEQUENCE + 1
        samples = response.sample_count
        self._unstored += samples
        subscription.unstored.add(response.sequence_number)
        stored = _Stored(subscription, response.sequence_number, samples)
        future = self._receiver.received(subscription, response)
        future.add_done_callback(lambda done: None if done.cancelled() else self._events.put_nowait(stored))
        for status in response.status_changes:
            self._subscriptions.forget(subscription)
            self._receiver.lost(subscription, status_words(status))

    def _handle_refusal(self, code: int) -> None:
        if code == ua.StatusCodes.BadTooManyPublishRequests:
            self._limit = max(1, self._in_flight)
            _log.info("publish_requests_limited", limit=self._limit)
        elif code in {ua.StatusCodes.BadTimeout, ua.StatusCodes.BadRequestTimeout}:
            return
        elif code == ua.StatusCodes.BadNoSubscription:
            for subscription in list(self._subscriptions.by_id.values()):
                self._subscriptions.forget(subscription)
                self._receiver.lost(subscription, status_words(code))
        else:
            raise SessionLostError(status_words(code))

    async def _fetch_missing(self, subscription: Subscription, arrived: int) -> None:
        """Asks again for the notifications between the one expected and the one that came (Part 4, 5.14.6)."""
        number = subscription.expected
        missing = (arrived - number) % _LARGEST_SEQUENCE
        _log.warning("notifications_missing", subscription=subscription.identifier, missing=missing, first=number)
        if missing > _MOST_REPUBLISHED:
            self._receiver.missed(subscription, f"{missing} notifications did not arrive")
            return
        while number != arrived:
            response = await self._republish(subscription, number)
            if response is None:
                self._receiver.missed(subscription, f"notification {number} did not arrive, nor when asked for again")
            else:
                self._take(subscription, response)
            number = number % _LARGEST_SEQUENCE + 1

    async def _republish(self, subscription: Subscription, number: int) -> PublishResponse | None:
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = ua.UInt32(subscription.identifier)
        request.Parameters.RetransmitSequenceNumber = ua.UInt32(number)
        answer = self._connection.protocol.post(request)
        async with asyncio.timeout(_REPUBLISH_TIMEOUT):
            await asyncio.wait([answer])
        try:
            response = decode_republish_response(_body_of(answer), subscription.identifier)
        except DecodeError as error:
            # It would be as bad the next time, and hold up every notification behind it.
            _log.warning(
                "notification_undecodable", subscription=subscription.identifier, number=number, why=str(error)
            )
            return None
        if response.service_result & 0x80000000 or response.sequence_number != number:
            return None
        return response


def complete_until(response: PublishResponse, sent: int, publishing: int) -> int:
    """Until when a subscription's values have come, but for what the server gathers in one publishing interval.

    Args:
        response: What came.
        sent: When it was sent, microseconds on the gateway's clock.
        publishing: The publishing interval, microseconds.

    Returns:
        Microseconds on the gateway's clock; 0 if it cannot be told.
    """
    newest = [int(run.timestamp.max()) for change in response.data_changes for run in change.runs if len(run)]
    # The server's own clock tells how old the newest of the values were when it sent them.
    is_told = newest and response.publish_time
    age = max(response.publish_time - max(newest), 0) if is_told else 0
    if response.more_notifications and not response.is_keep_alive:
        return sent - age if is_told else 0
    # A server that is out of breath publishes late, and in the middle of a pass over its variables: others of the same
    # moment as the newest may still come, and clocks are compared to some milliseconds. Values that are far older only
    # have not changed since.
    return sent - max(age - publishing // 2, 0) if age <= publishing + _MOST_LATE else sent


def _body_of(answer: "asyncio.Future[object]") -> bytes:
    """The message that answered a request.

    Raises:
        ConnectionError: The connection ended instead.
    """
    if answer.cancelled():
        raise ConnectionError("the connection was closed")
    error = answer.exception()
    if error is not None:
        raise ConnectionError(f"the connection ended: {error}") from error
    body = answer.result()
    if not isinstance(body, Buffer):
        raise ConnectionError("the server answered with something else than a message")
    return bytes(body)
