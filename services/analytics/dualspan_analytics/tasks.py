"""The worker of analytics: `celery --app dualspan_analytics.tasks worker --beat`, or `dualspan worker analytics`.

A task takes ids, loads the row, calls a use case; it may run twice. What is to happen again and again has an entry in
the beat's schedule here.
"""

from celery import Celery

from dualspan_analytics.composition import alarms
from dualspan_analytics.parts import open_parts
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_runtime.tasks import AsyncRunner, create_celery

# Celery finds its app and its tasks as attributes of a module, hence what is constructed here.
settings = AnalyticsSettings()  # pyright: ignore[reportCallIssue] - read from the environment
app: Celery = create_celery("analytics", settings.platform)
runner = AsyncRunner(lambda: open_parts(settings, pool_minimum=0))
app.conf.beat_schedule = {
    "notifications": {
        "task": "analytics.notify",
        "schedule": settings.notification_seconds,
        "options": {"expires": settings.notification_seconds},
    },
}


@app.task(name="analytics.notify")
def notify() -> None:
    """Send the notifications that are due."""
    runner.run(lambda parts: alarms.delivery(parts).sweep())
