"""Well-behaved clients of a platform: they ask again where an answer says that this may help, as the SDK does."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dualspan.onboarding.v1.service_pb2 import ListGatewaysRequest
from dualspan_sdk import Client
from harness.site import TENANT, Streaming, now_us

_LOOK_BACK_US = 5_000_000
# As patient as the SDK is: a machine that is busy with something else answers late, and answers.
_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Asked:
    """What clients were answered.

    Attributes:
        answers: By kind of request, how many were answered well.
        failures: What was not, in the words of who asked.
        slowest_s: Longest wait for an answer, by kind.
    """

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_s: dict[str, float] = field(default_factory=dict)


@asynccontextmanager
async def asking(
    streaming: Streaming, sign_in: Callable[[], Awaitable[Client]], pages: Sequence[str]
) -> AsyncGenerator[Asked]:
    """Asks all the time, in several ways, while the context lasts.

    Args:
        streaming: Whose samples are read.
        sign_in: Opens connections of its own and signs in with them.
        pages: URLs, each asked for over a connection of its own.
    """
    asked = Asked()
    few = list(streaming.variables)[:5]

    async def read() -> None:
        now = now_us()
        await streaming.client.read_raw(few, now - _LOOK_BACK_US, now)

    async def latest() -> None:
        await streaming.client.read_latest(few)

    async def gateways() -> None:
        await streaming.session.onboarding.ListGateways(ListGatewaysRequest(parent=TENANT), timeout=_TIMEOUT_S)

    async def new_client() -> None:
        async with await sign_in() as client:
            await client.read_latest(few)

    async def page(url: str) -> None:
        def fetch() -> None:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
                answer.read()

        await asyncio.to_thread(fetch)

    kinds: dict[str, Callable[[], Awaitable[None]]] = {
        "read raw": read,
        "read latest": latest,
        "list gateways": gateways,
        "sign in": new_client,
        **{url: lambda url=url: page(url) for url in pages},
    }
    tasks = [asyncio.create_task(_again_and_again(kind, ask, asked)) for kind, ask in kinds.items()]
    tasks.append(asyncio.create_task(_follow(streaming, few, asked)))
    try:
        yield asked
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again_and_again(kind: str, ask: Callable[[], Awaitable[None]], asked: Asked) -> None:
    while True:
        began = time.monotonic()
        try:
            await ask()
            asked.answers[kind] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, a client had it
            asked.failures.append(f"{kind} after {time.monotonic() - began:.1f} s: {error!r}")
        asked.slowest_s[kind] = max(asked.slowest_s.get(kind, 0.0), time.monotonic() - began)
        await asyncio.sleep(0.5)


async def _follow(streaming: Streaming, tags: Sequence[int], asked: Asked) -> None:
    try:
        async for _ in streaming.client.subscribe(tags):
            asked.answers["updates"] += 1
    except Exception as error:  # noqa: BLE001 - the same
        asked.failures.append(f"subscription: {error!r}")
