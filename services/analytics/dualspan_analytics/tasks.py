"""The worker of analytics: `celery --app dualspan_analytics.tasks worker --beat`, or `dualspan worker analytics`.

A task takes ids, loads the row, calls a use case; it may run twice. What is to happen again and again has an entry in
the beat's schedule here.
"""

import os

from celery import Celery
from celery.signals import worker_process_init

from dualspan_analytics.composition import alarms, exports, keeping, models, production, reports, sharing
from dualspan_analytics.parts import open_parts
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_runtime.tasks import AsyncRunner, create_celery
from dualspan_runtime.workers import tell_of_worker

_GIVE_WAY = 15

# Celery finds its app and its tasks as attributes of a module, hence what is constructed here.
settings = AnalyticsSettings()  # pyright: ignore[reportCallIssue] - read from the environment
app: Celery = create_celery("analytics", settings.platform)
tell_of_worker("analytics", settings.platform)
runner = AsyncRunner(lambda: open_parts(settings, pool_minimum=0))
app.conf.beat_schedule = {
    "sharing": {"task": "analytics.share", "schedule": 3600.0, "options": {"expires": 3600.0}},
    "models-score": {
        "task": "analytics.models.score",
        "schedule": settings.score_seconds,
        "options": {"expires": settings.score_seconds},
    },
    "exports": {
        "task": "analytics.exports",
        "schedule": settings.sweep_seconds,
        "options": {"expires": settings.sweep_seconds},
    },
    "reports": {
        "task": "analytics.reports",
        "schedule": settings.sweep_seconds,
        "options": {"expires": settings.sweep_seconds},
    },
    "models-sweep": {
        "task": "analytics.models.sweep",
        "schedule": settings.sweep_seconds,
        "options": {"expires": settings.sweep_seconds},
    },
    "rollups": {
        "task": "analytics.roll_up_all",
        "schedule": settings.rollup_seconds,
        "options": {"expires": settings.rollup_seconds},
    },
    "alarms-forget": {"task": "analytics.alarms.forget", "schedule": 3600.0, "options": {"expires": 3600.0}},
    "kept-forget": {"task": "analytics.kept.forget", "schedule": 3600.0, "options": {"expires": 3600.0}},
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
    runner.run(alarms.deliver)


@app.task(name="analytics.alarms.forget")
def forget_alarms() -> None:
    """Remove what happened to alarms so long ago that nobody asks."""
    runner.run(lambda parts: alarms.retention(parts).sweep(now_us()))


@app.task(name="analytics.kept.forget")
def forget_kept() -> None:
    """Forget annotations and dashboards that were taken away long ago."""
    runner.run(lambda parts: keeping.forgetting(parts).sweep())


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


@app.task(name="analytics.export")
def export(tenant: str, export_id: str) -> None:
    """Do a slice of a run of an export."""
    runner.run(lambda parts: exports.runs(parts).run(tenant, export_id))


@app.task(name="analytics.exports")
def sweep_exports() -> None:
    """Begin the runs of exports whose time has come, and go on with those that a crash left behind."""
    runner.run(lambda parts: exports.use_cases(parts).sweep())


@app.task(name="analytics.report")
def report(tenant: str, report_id: str, start_us: str) -> None:
    """Make the report of one period."""
    runner.run(lambda parts: reports.runs(parts).run(tenant, report_id, int(start_us)))


@app.task(name="analytics.reports")
def sweep_reports() -> None:
    """Plan the reports of periods that are over, and ask for those that nobody makes."""
    runner.run(lambda parts: reports.use_cases(parts).sweep())
