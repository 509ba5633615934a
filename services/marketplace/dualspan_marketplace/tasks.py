"""The worker of the marketplace: `celery --app dualspan_marketplace.tasks worker --beat`, or `dualspan worker
marketplace`.

A task takes ids, loads the row, calls a use case; it may run twice. What is to happen again and again has an entry in
the beat's schedule here.
"""

from celery import Celery

from dualspan_marketplace.composition import app_runtime, catalogue, subscriptions
from dualspan_marketplace.parts import open_parts
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_runtime.tasks import AsyncRunner, create_celery

# Celery finds its app and its tasks as attributes of a module, hence what is constructed here.
settings = MarketplaceSettings()  # pyright: ignore[reportCallIssue] - read from the environment
app: Celery = create_celery("marketplace", settings.platform)
runner = AsyncRunner(lambda: open_parts(settings, pool_minimum=0))
app.conf.beat_schedule = {
    "submissions": {
        "task": "marketplace.check_submissions",
        "schedule": settings.sweep_seconds,
        "options": {"expires": settings.sweep_seconds},
    },
    "subscriptions": {
        "task": "marketplace.subscriptions",
        "schedule": settings.sweep_seconds,
        "options": {"expires": settings.sweep_seconds},
    },
    "outputs": {
        "task": "marketplace.outputs",
        "schedule": settings.sweep_seconds,
        "options": {"expires": settings.sweep_seconds},
    },
}


@app.task(name="marketplace.check_submission")
def check_submission(tenant: str, app_id: str, version: str) -> None:
    """Run the checks of a submitted version."""
    runner.run(lambda parts: catalogue.checking(parts).check(tenant, app_id, version))


@app.task(name="marketplace.check_submissions")
def check_submissions() -> None:
    """Ask for the checks that a crash left behind."""
    runner.run(lambda parts: catalogue.checking(parts).sweep())


@app.task(name="marketplace.subscriptions")
def sweep_subscriptions() -> None:
    """End trials and grace that are over, and stop what a publisher has withdrawn."""
    runner.run(lambda parts: subscriptions.use_cases(parts).sweep())


@app.task(name="marketplace.outputs")
def sweep_outputs() -> None:
    """Make and retire the tags of results that a crash left behind."""
    runner.run(lambda parts: app_runtime.outputs(parts).sweep())
