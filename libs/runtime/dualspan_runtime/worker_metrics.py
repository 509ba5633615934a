"""Counts the tasks of a worker.

Tasks run in a child, which may be killed; they are counted in the worker itself, which hears how each of them ended.
"""

import time
from typing import Any

from celery.worker.request import Request
from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
_TASKS = Counter("dualspan_tasks", "Tasks that ended", ["task", "outcome"])
_SECONDS = Histogram("dualspan_task_seconds", "How long tasks ran", ["task"], buckets=_BUCKETS)
_RUNNING = Gauge("dualspan_tasks_running", "Tasks that run now", ["task"])
_SUCCESS = Gauge("dualspan_task_success_timestamp_seconds", "When a task last succeeded", ["task"])


class CountedRequest(Request):
    """A task that came to a worker, counted in the worker.

    Celery replaces `on_success` in a class of its own; but our tasks are acknowledged late, so whichever had begun and
    is acknowledged without having failed has succeeded.
    """

    _began: float | None = None

    def on_accepted(self, pid: Any, time_accepted: float) -> None:
        """See Celery."""
        self._began = time_accepted
        _RUNNING.labels(self.name).inc()
        super().on_accepted(pid, time_accepted)

    def acknowledge(self) -> None:
        """See Celery."""
        if self._ended("success"):
            _SUCCESS.labels(self.name).set_to_current_time()
        super().acknowledge()

    def on_failure(self, exc_info: Any, *given: Any, **options: Any) -> Any:
        """See Celery. Of one whose process was killed, or whose time was over, too."""
        self._ended("failure")
        return super().on_failure(exc_info, *given, **options)

    def _ended(self, outcome: str) -> bool:
        """Count the end of a task once; False if it had not begun or was counted before."""
        began, self._began = self._began, None
        if began is None:
            return False
        _RUNNING.labels(self.name).dec()
        _TASKS.labels(self.name, outcome).inc()
        # Celery's time of acceptance is a monotonic one.
        _SECONDS.labels(self.name).observe(time.monotonic() - began)
        return True
