"""How the Celery workers of the services' queues are started."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from dualspan_cli.errors import CommandError


def worker_command(queue: str, *, concurrency: int = 1, beat_schedule: Path | None = None) -> Sequence[str]:
    """The command of a worker for one queue; with a schedule file, the beat runs inside it.

    Raises:
        CommandError: No service has such a queue.
    """
    module = f"dualspan_{queue}.tasks"
    if find_spec(f"dualspan_{queue}") is None or find_spec(module) is None:
        words = f"There is no queue {queue!r}; queues are named like their services."
        raise CommandError("UNKNOWN_QUEUE", words, exit_code=2)
    beat = [] if beat_schedule is None else ["--beat", f"--schedule={beat_schedule}"]
    celery = [sys.executable, "-m", "celery", f"--app={module}"]
    options = [f"--queues={queue}", f"--concurrency={concurrency}", "--loglevel=INFO"]
    return [*celery, "worker", *options, *beat]
