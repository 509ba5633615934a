"""The publish pump: a subscription that dies is noticed, whatever others do."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import asyncio
from collections import deque
from types import SimpleNamespace

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_to_binary

from dualspan_edge.clock import SendingTime
from dualspan_edge.decoder import PublishResponse
from dualspan_edge.opcua import pump as pumping
from dualspan_edge.opcua.pump import PublishPump
from dualspan_edge.opcua.subscription import Subscription
from dualspan_edge.opcua.subscriptions import Subscriptions
from dualspan_edge.samples import TagTable

TALKING, DEAD = 1, 2
MARGIN = 0.3


def keep_alive(subscription: int) -> Buffer:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = subscription
    response.Parameters.NotificationMessage.SequenceNumber = 1
    return Buffer(struct_to_binary(response))


class Protocol:
    """A server that says of one subscription again and again that it lives, and nothing of the other."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[object]] = deque()

    def post(self, request: object) -> "asyncio.Future[object]":
        self._waiting.append(asyncio.get_running_loop().create_future())
        return self._waiting[-1]

    async def talk(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            if self._waiting:
                self._waiting.popleft().set_result(keep_alive(TALKING))


class Listener:
    """Notes who was given up."""

    def __init__(self) -> None:
        self.given_up: asyncio.Queue[int] = asyncio.Queue()

    def received(self, subscription: Subscription, response: PublishResponse) -> "asyncio.Future[None]":
        raise AssertionError("a keep-alive is no notification")

    def missed(self, subscription: Subscription, why: str) -> None:
        raise AssertionError(why)

    def lost(self, subscription: Subscription, why: str) -> None:
        self.given_up.put_nowait(subscription.identifier)


async def test_a_dead_subscription_is_noticed_beside_one_that_talks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumping, "_SILENCE_MARGIN", MARGIN)
    monkeypatch.setattr(pumping, "_LOOK_INTERVAL", 0.1)
    subscriptions, listener, protocol = Subscriptions(TagTable()), Listener(), Protocol()
    now = asyncio.get_running_loop().time()
    for identifier in (TALKING, DEAD):
        subscriptions.by_id[identifier] = Subscription(identifier, 100.0, 0.0, now, 0)
    pump = PublishPump(SimpleNamespace(protocol=protocol, sending=SendingTime()), subscriptions, listener)
    running = [asyncio.create_task(work) for work in (pump.run(), protocol.talk())]
    try:
        async with asyncio.timeout(10 * MARGIN):
            assert await listener.given_up.get() == DEAD
        await asyncio.sleep(2 * MARGIN)
        assert list(subscriptions.by_id) == [TALKING]
        assert listener.given_up.empty()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
