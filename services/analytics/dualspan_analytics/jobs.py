"""Asking the worker for something that takes longer than a request."""

import asyncio

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

_log = structlog.stdlib.get_logger()


class Jobs:
    """Puts tasks on the queue `analytics`.

    The row that says what is to be done commits first; the task carries only its ids. A broker that is away is no
    reason to fail: a sweep finds what it was not told of.

    Args:
        celery: The service's app.
    """

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    async def request(self, task: str, *ids: str) -> None:
        """Ask for a task, such as `analytics.train`, with the ids of its row."""
        try:
            # send_task talks to the broker and may wait for it.
            await asyncio.to_thread(self._celery.send_task, task, ids, retry=False)
        except (OperationalError, OSError) as error:
            _log.warning("task not requested; the sweep will", task=task, ids=ids, error=str(error))
