"""Tasks and their workers. The long half is the same with RabbitMQ in Redis's place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from integration.identity.running import SECRET
from kombu import Connection

from dualspan_cli.doctor.model import State
from dualspan_cli.doctor.services import look_at_rabbitmq
from dualspan_runtime.broker import BrokerError, task_queue, waiting_tasks
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.tasks import create_celery
from harness.rabbitmq import RabbitMq, missing

WORKER = """
import asyncio
import os
from contextlib import asynccontextmanager

import redis

from dualspan_runtime.context import request_id
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.tasks import AsyncRunner, create_celery

settings = PlatformSettings()
app = create_celery("kitchen", settings)
notes = redis.Redis.from_url(settings.redis_url.replace("redis+socket://", "unix://"))


@asynccontextmanager
async def open_stove():
    notes.rpush("notes", "opened")
    yield asyncio.get_running_loop()
    notes.rpush("notes", "closed")


runner = AsyncRunner(open_stove)


async def boil(loop, dish):
    assert loop is asyncio.get_running_loop()
    assert request_id()
    await asyncio.sleep(0)
    if notes.sadd("begun", dish) and dish == "egg":
        notes.set("pid", os.getpid())
        await asyncio.sleep(60)
    notes.rpush("notes", dish)


@app.task(name="kitchen.cook")
def cook(dish):
    runner.run(lambda loop: boil(loop, dish))


async def simmer(dish):
    notes.rpush("notes", dish)
    try:
        while not notes.get("served"):
            await asyncio.sleep(0.01)
        if dish == "burnt":
            raise RuntimeError(dish)
    finally:
        notes.rpush("notes", "no more " + dish)


@app.task(name="kitchen.simmer")
def put_on(dish):
    runner.start(dish, lambda loop: simmer(dish))
"""


@pytest.fixture
def notes(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url.replace("redis+socket://", "unix://"), decode_responses=True) as client:
        yield client


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[RabbitMq]:
    if reason := missing():
        pytest.skip(reason)
    node = RabbitMq(tmp_path_factory.mktemp("rabbitmq"), free_port)
    node.start()
    yield node
    node.kill()


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=[pytest.mark.long, pytest.mark.timeout(180)])])
def broker_url(request: pytest.FixtureRequest) -> str:
    """Empty: the tasks go through Redis, as they do by themselves."""
    if request.param == "redis":
        return ""
    node: RabbitMq = request.getfixturevalue("rabbitmq")
    with Connection(node.url) as connection:
        channel: Any = connection.channel()
        task_queue("kitchen", node.url)(channel).declare()
        channel.queue_purge("kitchen")
    return node.url


@pytest.fixture
def settings(redis_url: str, broker_url: str) -> PlatformSettings:
    return PlatformSettings.model_validate({"service_secret": SECRET, "redis_url": redis_url, "broker_url": broker_url})


@pytest.fixture
def app(settings: PlatformSettings) -> Iterator[Celery]:
    with create_celery("kitchen", settings) as app:
        yield app


@pytest.fixture
def worker(settings: PlatformSettings, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "kitchen.py").write_text(WORKER)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "DUALSPAN_REDIS_URL": settings.redis_url,
        "DUALSPAN_BROKER_URL": settings.broker_url,
    }
    command = [sys.executable, "-m", "celery", "-A", "kitchen", "worker", "-c", "1", "-Q", "kitchen", "-l", "WARNING"]
    process = subprocess.Popen(command, env=variables, cwd=tmp_path)
    yield process
    process.terminate()
    process.wait(30)


def wait_for(holds: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_tasks_of_a_process_share_one_loop_and_what_was_opened_on_it(
    app: Celery, worker: "subprocess.Popen[bytes]", notes: "redis.Redis"
) -> None:
    for dish in ("soup", "rice"):
        app.send_task("kitchen.cook", [dish])
    wait_for(lambda: notes.llen("notes") == 3)
    worker.terminate()
    assert worker.wait(30) == 0
    assert notes.lrange("notes", 0, -1) == ["opened", "soup", "rice", "closed"]


def test_a_task_whose_worker_process_is_killed_runs_again(
    app: Celery, worker: "subprocess.Popen[bytes]", notes: "redis.Redis"
) -> None:
    app.send_task("kitchen.cook", ["egg"])
    wait_for(lambda: notes.get("pid"))
    os.kill(int(str(notes.get("pid"))), signal.SIGKILL)
    wait_for(lambda: "egg" in notes.lrange("notes", 0, -1))


def test_what_is_started_goes_on_beside_other_tasks_and_once(
    app: Celery, worker: "subprocess.Popen[bytes]", notes: "redis.Redis"
) -> None:
    for dish in ("stock", "stock", "burnt"):
        app.send_task("kitchen.simmer", [dish])
    app.send_task("kitchen.cook", ["rice"])
    wait_for(lambda: "rice" in notes.lrange("notes", 0, -1))
    assert notes.lrange("notes", 0, -1) == ["opened", "stock", "burnt", "rice"]
    notes.set("served", 1)
    wait_for(lambda: notes.llen("notes") == 6)
    notes.delete("served")
    # What has said its last word may still be under way for a moment, and the same is not begun beside it.
    while notes.llen("notes") < 7:
        app.send_task("kitchen.simmer", ["stock"])
        time.sleep(0.5)
    worker.terminate()
    assert worker.wait(30) == 0
    assert notes.lrange("notes", 6, -1) == ["stock", "no more stock", "closed"]


async def test_tasks_that_wait_are_counted(app: Celery, settings: PlatformSettings) -> None:
    assert await waiting_tasks(settings.celery_broker, "nobody's", seconds=2) == 0
    for dish in ("soup", "rice"):
        app.send_task("kitchen.cook", [dish])
    assert await waiting_tasks(settings.celery_broker, "kitchen", seconds=2) == 2


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_tasks_outlive_a_rabbitmq_that_is_killed(
    redis_url: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    if reason := missing():
        pytest.skip(reason)
    node = RabbitMq(tmp_path, free_port)
    known = PlatformSettings.model_validate({"service_secret": SECRET, "redis_url": redis_url, "broker_url": node.url})
    node.start()
    try:
        with create_celery("kitchen", known) as app:
            for number in range(20):
                app.send_task("kitchen.cook", [str(number)])
        node.kill()
        with pytest.raises(BrokerError):
            await waiting_tasks(node.url, "kitchen", seconds=2)
        node.start()
        assert await waiting_tasks(node.url, "kitchen", seconds=2) == 20
    finally:
        node.kill()


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_the_doctor_knows_rabbitmq(rabbitmq: RabbitMq) -> None:
    assert (await look_at_rabbitmq(rabbitmq.url)).state is State.WELL
    refused = await look_at_rabbitmq(rabbitmq.url.replace("guest:guest", "guest:wrong"))
    assert refused.state is State.ERROR
    assert "ACCESS_REFUSED" in refused.message
    assert "DUALSPAN_BROKER_URL" in refused.advice


async def test_the_doctor_says_that_a_rabbitmq_is_away() -> None:
    away = await look_at_rabbitmq("amqp://guest:guest@127.0.0.1:9//")
    assert away.state is State.ERROR
    assert "RabbitMQ does not take us" in away.message


@pytest.mark.parametrize("url", ["amqp://guest@rabbit//", "amqps://rabbit/x", "redis+socket:///run/redis.sock", ""])
def test_a_broker_is_redis_or_rabbitmq(url: str) -> None:
    known = PlatformSettings.model_validate({"service_secret": SECRET, "broker_url": url})
    assert known.celery_broker == (url or known.redis_url)


@pytest.mark.parametrize("url", ["rabbit:5672", "sqs://queue", "amqp://"])
def test_what_is_neither_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="broker_url"):
        PlatformSettings.model_validate({"service_secret": SECRET, "broker_url": url})
