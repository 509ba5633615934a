"""What a worker tells of itself: spans in the trace of whoever asked, metrics of tasks, logs as services have them."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.identity.running import SECRET

from dualspan_runtime import tracing
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.tasks import create_celery
from harness.otlp import Receiver, receiving

WORKER = """
import asyncio

import structlog

from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.tasks import create_celery
from dualspan_runtime.workers import tell_of_worker

settings = PlatformSettings()
app = create_celery("kitchen", settings)
tell_of_worker("kitchen", settings)


async def boil(dish):
    structlog.get_logger().info("boiling", dish=dish)
    if dish == "burnt":
        raise RuntimeError(dish)


@app.task(name="kitchen.cook")
def cook(dish):
    asyncio.run(boil(dish))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def settings(redis_url: str, receiver: Receiver, free_port: Callable[[], int]) -> PlatformSettings:
    return PlatformSettings.model_validate(
        {
            "service_secret": SECRET,
            "redis_url": redis_url,
            "otlp_endpoint": receiver.endpoint,
            "trace_ratio": 1.0,
            "log_format": "json",
            "worker_metrics_listen": f"127.0.0.1:{free_port()}",
        }
    )


@pytest.fixture
def worker(settings: PlatformSettings, tmp_path: Path) -> Iterator[Path]:
    """Runs a worker; gives its log."""
    (tmp_path / "kitchen.py").write_text(WORKER)
    told = {
        f"DUALSPAN_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_defaults=True).items()
    }
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), **told, "DUALSPAN_SERVICE_SECRET": SECRET}
    command = [sys.executable, "-m", "celery", "-A", "kitchen", "worker", "-c", "1", "-Q", "kitchen", "-l", "INFO"]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, env=variables, cwd=tmp_path, stderr=file, stdout=file)
        yield log
        process.terminate()
        assert process.wait(30) == 0


def test_a_task_is_traced_counted_and_logged(settings: PlatformSettings, worker: Path, receiver: Receiver) -> None:
    app = create_celery("kitchen", settings)
    tracing.start_tracing("tests", settings)
    try:
        with tracing.span("order") as order:
            app.send_task("kitchen.cook", ["soup"])
        app.send_task("kitchen.cook", ["burnt"])
    finally:
        tracing.stop_tracing()
    trace = f"{order.get_span_context().trace_id:032x}"
    cooked = receiver.wait_for(lambda span: span.name == "kitchen.cook" and span.trace == trace)
    burnt = receiver.wait_for(lambda span: span.name == "kitchen.cook" and span.trace != trace)
    sent = receiver.wait_for(lambda span: span.name == "send kitchen")
    assert cooked.service == "kitchen-worker"
    assert cooked.parent == sent.span
    assert sent.trace == trace
    assert (cooked.is_error, burnt.is_error) == (False, True)
    assert burnt.parent == ""

    url = f"http://{settings.worker_metrics_listen}/metrics"
    text = urllib.request.urlopen(url, timeout=5).read().decode()
    series = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("dualspan_"))
    assert float(series['dualspan_tasks_total{outcome="success",task="kitchen.cook"}']) == 1
    assert float(series['dualspan_tasks_total{outcome="failure",task="kitchen.cook"}']) == 1
    assert float(series['dualspan_task_seconds_count{task="kitchen.cook"}']) == 2
    assert float(series['dualspan_tasks_running{task="kitchen.cook"}']) == 0
    assert float(series['dualspan_task_success_timestamp_seconds{task="kitchen.cook"}']) > 1e9

    lines = [json.loads(line) for line in worker.read_text().splitlines() if line.startswith("{")]
    boiling = {line["dish"]: line for line in lines if line["event"] == "boiling"}
    assert boiling["soup"]["trace_id"] == trace
    assert boiling["soup"]["service"] == "kitchen-worker"
    # Those of Celery itself have the same form.
    assert any("ready." in line["event"] for line in lines)


LATE_CHILD = """
import os
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready, worker_shutdown
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.workers import tell_of_worker

tell_of_worker("kitchen", PlatformSettings())
worker_ready.send(None)
child = os.fork()
if child == 0:
    worker_process_init.send(None)
    worker_process_shutdown.send(None)
    os._exit(0)
print(os.waitpid(child, 0)[1])
worker_shutdown.send(None)
"""


def test_a_child_that_was_started_after_one_was_killed_ends_when_it_is_told(free_port: Callable[[], int]) -> None:
    """It comes of a worker that serves metrics already."""
    variables = {
        "PATH": os.environ["PATH"],
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "DUALSPAN_REDIS_URL": "redis://127.0.0.1:1",
        "DUALSPAN_WORKER_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
    }
    command = [sys.executable, "-c", LATE_CHILD]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "0"
