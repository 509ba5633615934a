"""The worker of analytics: `celery --app dualspan_analytics.tasks worker --beat`, or `dualspan worker analytics`.

A task takes ids, loads the row, calls a use case; it may run twice. What is to happen again and again has an entry in
the beat's schedule here.
"""

import os

from celery import Celery
from celery.signals import worker_process_init

from dualspan_analytics.composition import alarms, models, production, sharing
from dualspan_analytics.parts import open_parts
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_runtime.tasks import AsyncRunner, create_celery

_GIVE_WAY = 15

# Celery finds its app and its tasks as attributes of a module, hence what is constructed here.
settings = AnalyticsSettings()  # pyright: ignore[reportCallIssue] - read from the environment
app: Celery = create_celery("analytics", settings.platform)
runner = AsyncRunner(lambda: open_parts(settings, pool_minimum=0))
app.conf.beat_schedule = {
    "sharing": {"task": "analytics.share", "schedule": 3600.0, "options": {"expires": 3600.0}},
    "models-score": {
        "task": "analytics.models.score",
        "schedule": settings.score_seconds,
        "options": {"expires": settings.score_seconds},
    },
    "models-sweep": {"task": "analytics.models.sweep", "schedule": 60.0, "options": {"expires": 60.0}},
    "rollups": {
        "task": "analytics.roll_up_all",
        "schedule": settings.rollup_seconds,
        "options": {"expires": settings.rollup_seconds},
    },
    "notifications": {
        "task": "analytics.notify",
        "schedule": settings.notification_seconds,
        "options": {"expires": settings.notification_seconds},
    },
}


@worker_process_init.connect
def give_way(**_signal: object) -> None:
    """What runs in the background gives way to whoever answers a person or a gateway."""
    os.nice(_GIVE_WAY)


@app.task(name="analytics.notify")
def notify() -> None:
    """Send the notifications that are due."""
    runner.run(lambda parts: alarms.delivery(parts).sweep())


@app.task(name="analytics.share")
def share() -> None:
    """Publish the quartiles of months that are over."""
    runner.run(lambda parts: sharing.publishing(parts).sweep(now_us()))


@app.task(name="analytics.roll_up_all")
def roll_up_all() -> None:
    """Ask for every tenant's roll-ups."""
    for tenant in runner.run(lambda parts: production.rollups(parts).tenants()):
        app.send_task("analytics.roll_up", (tenant,))


@app.task(name="analytics.roll_up")
def roll_up(tenant: str) -> None:
    """Compute a tenant's sums that are missing or stale."""
    runner.run(lambda parts: production.rollups(parts).roll_up(tenant))


@app.task(name="analytics.models.train")
def train_models(tenant: str, definition: str, version: str) -> None:
    """Train a version of a definition."""
    runner.run(lambda parts: models.training(parts).train(tenant, definition, int(version)))


@app.task(name="analytics.models.sweep")
def sweep_models() -> None:
    """Ask for the trainings that a crash left behind."""
    runner.run(lambda parts: models.training(parts).sweep())


@app.task(name="analytics.models.score")
def score_models() -> None:
    """Score what live models have not scored yet."""
    runner.run(lambda parts: models.scoring(parts).sweep())
