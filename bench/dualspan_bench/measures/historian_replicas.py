"""Samples a second that two replicas of the historian commit, and that one does, on the same cores."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from dualspan.frame.v1 import frame_pb2
from dualspan_bench.data import recent_hour, temperatures
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product.feeder import Feeder, open_feeder
from dualspan_bench.product.platform import FSYNC, Platform, open_platform
from dualspan_bench.workbench import Workbench
from dualspan_cli.local import free_port, grpc_ready
from dualspan_frame import encode_frame

_GATEWAYS, _TAGS, _HERTZ = 4, 1000, 10
_PATIENCE_SECONDS = 60.0


async def historian_replicas(bench: Workbench) -> Sequence[Outcome]:
    """Gateways that send as fast as they are acknowledged, in turns to one replica and spread over two."""
    seconds, rounds = (5, 1) if bench.quick else (120, 8)
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(open_platform(bench, "historian-replicas"))
        second = await stack.enter_async_context(_second_historian(platform))
        bench.note(f"{_GATEWAYS} gateways with {seconds} s of {_TAGS:,} tags at {_HERTZ} Hz")
        to_one = [await _gateway(stack, platform, number, "") for number in range(_GATEWAYS)]
        to_two = [await _gateway(stack, platform, _GATEWAYS + n, second if n % 2 else "") for n in range(_GATEWAYS)]
        frames = [_frames(first * _TAGS, seconds) for first in range(2 * _GATEWAYS)]
        one, two = list[float](), list[float]()
        for turn in range(rounds + 1):
            bench.note(f"turn {turn} of {rounds}")
            # Each goes first every second time, because sealing of what came before goes on beside both.
            for replicas in ((1, 2), (2, 1))[turn % 2]:
                if replicas == 1:
                    one.append(await _rate(to_one, frames[:_GATEWAYS]))
                else:
                    two.append(await _rate(to_two, frames[_GATEWAYS:]))
    conditions = (
        f"{_GATEWAYS} gateways over mTLS, each {seconds} frames of {_TAGS * _HERTZ:,} samples as fast as they are "
        f"acknowledged, frames encoded before; median of {rounds} turns after one that does not count, {{}}; sealing "
        f"at work; one PostgreSQL; {FSYNC}; gateways, both replicas and PostgreSQL on {bench.machine}"
    )
    return [
        Outcome(
            "samples/s",
            Better.HIGHER,
            [
                Reading(f"{PRODUCT}, two historians", statistics.median(two[1:]), conditions.format(_span(two[1:]))),
                Reading(f"{PRODUCT}, one historian", statistics.median(one[1:]), conditions.format(_span(one[1:]))),
            ],
        )
    ]


def _span(rates: Sequence[float]) -> str:
    return f"{min(rates):,.0f} to {max(rates):,.0f}"


async def _rate(feeders: Sequence[Feeder], frames: Sequence[Sequence[frame_pb2.Frame]]) -> float:
    """Samples a second from the first frame to the last acknowledgement."""
    begin = time.perf_counter()
    await asyncio.gather(*(feeder.send(own) for feeder, own in zip(feeders, frames, strict=True)))
    return sum(map(len, frames)) * _TAGS * _HERTZ / (time.perf_counter() - begin)


def _frames(first_tag: int, seconds: int) -> Sequence[frame_pb2.Frame]:
    table = temperatures(recent_hour(), tags=_TAGS, seconds=seconds, hertz=_HERTZ, jitter_us=500, seed=first_tag)
    table.tag_ids[:] += first_tag
    return [encode_frame(frame) for frame in table.frames()]


async def _gateway(stack: AsyncExitStack, platform: Platform, number: int, address: str) -> Feeder:
    tags = range(number * _TAGS + 1, (number + 1) * _TAGS + 1)
    return await stack.enter_async_context(open_feeder(platform, tags, name=f"gateway-{number}", address=address))


@asynccontextmanager
async def _second_historian(platform: Platform) -> AsyncGenerator[str]:
    """Runs another replica beside the platform's own; where gateways reach it."""
    people, gateways = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    child = platform.here.platform.child("historian-2", [sys.executable, "-m", "dualspan_historian"])
    own = {"DUALSPAN_HISTORIAN_LISTEN": people, "DUALSPAN_HISTORIAN_GATEWAY_LISTEN": gateways}
    child.environment = {**child.environment, **own}
    child.start()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await grpc_ready(people):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.2)
        yield gateways
    finally:
        child.stop(20)
