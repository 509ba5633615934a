"""Milliseconds from a subscription to its healthy app, and for a look at 100 that run."""

import asyncio
import http.client
import json
import statistics
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from uuid import uuid4

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.marketplace.v1.subscriptions_pb2_grpc import SubscriptionServiceStub
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product import answering_app
from dualspan_bench.product.platform import Platform, open_platform
from dualspan_bench.workbench import Workbench, repeat
from dualspan_cli.apps_here import find_engine, worker_settings
from dualspan_cli.settings import CliSettings
from dualspan_marketplace.composition.deployments import deploying
from dualspan_marketplace.parts import open_parts

_PEER = "docker run"
_LEFT_OUT = "left out: no Docker Engine of this machine answers"
_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 300.0


async def subscriptions(bench: Workbench) -> Sequence[Outcome]:
    """Both with the same image, which is there already; an app that answers as soon as it runs."""
    engine = find_engine(CliSettings())
    if not engine:
        nothing = [Reading(PRODUCT, None, _LEFT_OUT), Reading(_PEER, None, _LEFT_OUT)]
        return [Outcome("ms, p95", Better.LOWER, nothing), Outcome("ms, p95 of a sweep", Better.LOWER, nothing[:1])]
    image = await answering_app.make_image(engine)
    starts, many, sweeps = (3, 5, 3) if bench.quick else (20, 100, 20)
    async with open_platform(bench, "subscriptions") as platform:
        await answering_app.publish(platform, image)
        bench.note("one after the other")
        ours, theirs = await _side_by_side(platform, image, starts)
        bench.note(f"{many} at once")
        swept = await _sweeps(platform, many, sweeps)
    given = f"{starts} starts after one that does not count, in turn with the other; image present; {bench.machine}"
    readings = [
        Reading(PRODUCT, _p95(ours), f"AcceptBinding asked to Subscription active, as a client sees it; {given}"),
        Reading(_PEER, _p95(theirs), f"`docker run --detach` begun to the first HTTP 200; {given}"),
    ]
    conditions = (
        f"{many} containers, each in its own network, all well; {sweeps} sweeps beside the worker's own every 3 s: the "
        f"engine is asked what is there of each, and every app how it is; {bench.machine}"
    )
    return [
        Outcome("ms, p95", Better.LOWER, readings),
        Outcome("ms, p95 of a sweep", Better.LOWER, [Reading(PRODUCT, _p95(swept), conditions)]),
    ]


def _p95(seconds: Sequence[float]) -> float:
    return 1000 * statistics.quantiles(seconds, n=20, method="inclusive")[-1]


async def _side_by_side(platform: Platform, image: str, times: int) -> tuple[list[float], list[float]]:
    ours, theirs = list[float](), list[float]()
    for number in range(times + 1):
        ours.append(await _subscribed(platform, f"one-{number}"))
        await _cancelled(platform, f"one-{number}")
        theirs.append(await asyncio.to_thread(_run, image))
    return ours[1:], theirs[1:]


async def _subscribed(platform: Platform, identifier: str) -> float:
    """Seconds until it is active."""
    stub = SubscriptionServiceStub(platform.session.marketplace_channel)
    made = await stub.CreateSubscription(
        contract.CreateSubscriptionRequest(
            parent=platform.tenant,
            subscription_id=identifier,
            subscription=contract.Subscription(app=answering_app.APP, plan=answering_app.PLAN),
        )
    )
    begin = time.perf_counter()
    await stub.AcceptBinding(contract.AcceptBindingRequest(name=made.name, etag=made.etag))
    await _until(platform, [identifier], contract.SUBSCRIPTION_STATE_ACTIVE)
    return time.perf_counter() - begin


async def _cancelled(platform: Platform, *identifiers: str) -> None:
    stub = SubscriptionServiceStub(platform.session.marketplace_channel)
    for each in identifiers:
        name = f"{platform.tenant}/subscriptions/{each}"
        await stub.CancelSubscription(contract.CancelSubscriptionRequest(name=name))
    await _until(platform, identifiers, contract.SUBSCRIPTION_STATE_CANCELLED)


async def _until(platform: Platform, identifiers: Sequence[str], state: int) -> None:
    stub = SubscriptionServiceStub(platform.session.marketplace_channel)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        for each in identifiers:
            request = contract.GetSubscriptionRequest(name=f"{platform.tenant}/subscriptions/{each}")
            while (await stub.GetSubscription(request)).state != state:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(_LOOK_SECONDS)


def _run(image: str) -> float:
    """Seconds until a container that a person starts answers."""
    name = f"dualspan-bench-{uuid4().hex[:8]}"
    begin = time.perf_counter()
    # The engine knows an image that was made here by its id alone.
    subprocess.run(
        ["docker", "run", "--detach", "--name", name, image.partition("@")[2]], check=True, capture_output=True
    )
    try:
        told = subprocess.run(["docker", "inspect", name], check=True, capture_output=True).stdout
        address = json.loads(told)[0]["NetworkSettings"]["IPAddress"]
        while not _answers(address):
            time.sleep(_LOOK_SECONDS)
        return time.perf_counter() - begin
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address, answering_app.PORT, timeout=1.0)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


async def _sweeps(platform: Platform, many: int, times: int) -> list[float]:
    """Seconds of each look at many that run."""
    identifiers = [f"many-{number:03}" for number in range(many)]
    gate = asyncio.Semaphore(4)

    async def subscribed(identifier: str) -> None:
        async with gate:
            await _subscribed(platform, identifier)

    await asyncio.gather(*(subscribed(each) for each in identifiers))
    settings = worker_settings(platform.here.platform.environment())
    async with open_parts(settings) as parts:
        seconds = await repeat(partial(deploying(parts).sweep, _PATIENCE_SECONDS), warm_up=1, times=times)
    await _cancelled(platform, *identifiers)
    return seconds
