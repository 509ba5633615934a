"""Celery's apps as this platform has them: tasks carry the trace of whoever asked, workers log as services do."""

from contextlib import ExitStack
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_ready, worker_shutdown
from opentelemetry.trace import SpanKind

from dualspan_runtime import tracing
from dualspan_runtime.logs import configure_logging
from dualspan_runtime.metrics import serve_metrics
from dualspan_runtime.settings import PlatformSettings


class TracedTask(Task[Any, Any]):
    """A task whose run is a span: in the trace of whoever asked for it, if that is recorded."""

    # By name: only workers load it.
    Request = "dualspan_runtime.worker_metrics:CountedRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """See Celery."""
        if not tracing.is_on():
            return super().__call__(*args, **kwargs)
        parent = tracing.read_traceparent(str(self.request.get(tracing.TRACEPARENT_KEY) or ""))
        about = {**_about(self.app.conf.task_default_queue, "process"), "messaging.message.id": str(self.request.id)}
        with tracing.span(self.name, kind=SpanKind.CONSUMER, parent=parent, attributes=about, inherits=False):
            return super().__call__(*args, **kwargs)


class TracedCelery(Celery):
    """Celery whose tasks know the trace of whoever sent them."""

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """See Celery."""
        if tracing.running_context() is None:
            return super().send_task(name, *args, **options)
        queue = self.conf.task_default_queue
        with tracing.span(f"send {queue}", kind=SpanKind.PRODUCER, attributes=_about(queue, "send")):
            headers = {**(options.pop("headers", None) or {}), tracing.TRACEPARENT_KEY: tracing.current_traceparent()}
            return super().send_task(name, *args, headers=headers, **options)


def _about(queue: str, operation: str) -> dict[str, str]:
    return {
        "messaging.system": "celery",
        "messaging.destination.name": queue,
        "messaging.operation.type": operation,
    }


def tell_of_worker(service: str, settings: PlatformSettings) -> None:
    """Has this process, if it becomes a worker of a service, log as services do, trace and serve its metrics.

    Celery starts workers, so they hear of it by its signals.
    """
    name = f"{service}-worker"
    serving = ExitStack()

    def log(**_signal: object) -> None:
        configure_logging(name, settings.log_format, settings.log_level)

    def begin(**_signal: object) -> None:
        tracing.start_tracing(name, settings)

    def serve(**_signal: object) -> None:
        serving.enter_context(serve_metrics(settings.worker_metrics_listen))

    def end_child(**_signal: object) -> None:
        # One that was started late has a copy of what serves the metrics, without its thread: to end that would wait
        # for ever.
        tracing.stop_tracing()

    def end(**_signal: object) -> None:
        tracing.stop_tracing()
        serving.close()

    # Celery would forget them: nobody else holds them.
    setup_logging.connect(log, weak=False)
    worker_process_init.connect(begin, weak=False)
    worker_ready.connect(serve, weak=False)
    worker_process_shutdown.connect(end_child, weak=False)
    worker_shutdown.connect(end, weak=False)
