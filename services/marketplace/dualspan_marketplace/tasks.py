"""The worker of the marketplace: `celery --app dualspan_marketplace.tasks worker --beat`, or `dualspan worker
marketplace`.

A task takes ids, begins a use case and does not wait for it: what runs of one subscription must not wait for a slow
start, a large image or the month's statements of another. Rows say what is to be done, so nothing is lost with the
process; a use case may run twice. What is to happen again and again has an entry in the beat's schedule here.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from celery import Celery

from dualspan_marketplace.composition import (
    app_runtime,
    catalogue,
    deployments,
    fulfilment,
    subscriptions,
    trials,
    upgrades,
    usage,
)
from dualspan_marketplace.deployments.provisioner import Provisioner
from dualspan_marketplace.parts import Parts, open_parts
from dualspan_marketplace.service.accounting import Accounting
from dualspan_marketplace.service.deploying import Deploying
from dualspan_marketplace.service.watching import Watching
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.tasks import AsyncRunner, create_celery
from dualspan_runtime.workers import tell_of_worker


@dataclass(frozen=True, slots=True)
class Worker:
    """What the tasks of a process share."""

    parts: Parts
    provisioners: Sequence[Provisioner]
    deploying: Deploying
    accounting: Accounting


@asynccontextmanager
async def open_worker() -> AsyncGenerator[Worker]:
    """Open it, and close it when the process ends."""
    async with open_parts(settings, pool_minimum=0) as parts:
        provisioners = deployments.provisioners(settings)
        accounting = usage.accounting(parts, provisioners)
        yield Worker(parts, provisioners, deployments.deploying(parts), accounting)


# Celery finds its app and its tasks as attributes of a module, hence what is constructed here.
settings = MarketplaceSettings()  # pyright: ignore[reportCallIssue] - read from the environment
app: Celery = create_celery("marketplace", settings.platform)
tell_of_worker("marketplace", settings.platform)
runner = AsyncRunner(open_worker)
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
    "deployments": {
        "task": "marketplace.deployments",
        "schedule": settings.deploy_seconds,
        "options": {"expires": settings.deploy_seconds},
    },
    "usage": {
        "task": "marketplace.usage",
        "schedule": settings.meter_seconds,
        "options": {"expires": settings.meter_seconds},
    },
    "refusals": {
        "task": "marketplace.refusals",
        "schedule": settings.meter_seconds,
        "options": {"expires": settings.meter_seconds},
    },
    "erasures": {
        "task": "marketplace.erasures",
        "schedule": settings.meter_seconds,
        "options": {"expires": settings.meter_seconds},
    },
    "fulfilment": {
        "task": "marketplace.fulfilment",
        "schedule": settings.deploy_seconds,
        "options": {"expires": settings.deploy_seconds},
    },
    "trials": {
        "task": "marketplace.trials",
        "schedule": settings.deploy_seconds,
        "options": {"expires": settings.deploy_seconds},
    },
    "upgrades": {
        "task": "marketplace.upgrades",
        "schedule": settings.deploy_seconds,
        "options": {"expires": settings.deploy_seconds},
    },
}


@app.task(name="marketplace.check_submission")
def check_submission(tenant: str, app_id: str, version: str) -> None:
    """Run the checks of a submitted version."""
    runner.start(
        f"check {tenant} {app_id} {version}",
        lambda worker: catalogue.checking(worker.parts, worker.provisioners).check(tenant, app_id, version),
    )


@app.task(name="marketplace.check_submissions")
def check_submissions() -> None:
    """Ask for the checks that a crash left behind."""
    runner.start("submissions", lambda worker: catalogue.checking(worker.parts, worker.provisioners).sweep())


@app.task(name="marketplace.trials")
def sweep_trials() -> None:
    """Take every trial of a version a step further that can be."""
    runner.start("trials", lambda worker: trials.trying(worker.parts, worker.provisioners).sweep())


@app.task(name="marketplace.subscriptions")
def sweep_subscriptions() -> None:
    """End trials and grace that are over, and stop what a publisher has withdrawn."""
    runner.start("subscriptions", lambda worker: subscriptions.use_cases(worker.parts).sweep())


@app.task(name="marketplace.erasures")
def sweep_erasures() -> None:
    """Delete what could be fetched for as long as was said."""
    runner.start("erasures", lambda worker: subscriptions.handing_back(worker.parts).sweep())


@app.task(name="marketplace.fulfilment")
def tell_fulfilment() -> None:
    """Tell a payment side what became of subscriptions."""
    runner.start("fulfilment", lambda worker: fulfilment.telling(worker.parts).sweep())


@app.task(name="marketplace.upgrades")
def sweep_upgrades() -> None:
    """Take every upgrade a step further that can be."""
    runner.start("upgrades", lambda worker: upgrades.upgrading(worker.parts).sweep())


@app.task(name="marketplace.outputs")
def sweep_outputs() -> None:
    """Make and retire the tags of results that a crash left behind."""
    runner.start("outputs", lambda worker: app_runtime.outputs(worker.parts).sweep())


@app.task(name="marketplace.deploy")
def deploy(tenant: str, subscription_id: str) -> None:
    """Bring what runs of a subscription to what shall run."""
    name = SubscriptionName(tenant, subscription_id)
    runner.start(f"deploy {tenant} {subscription_id}", lambda worker: worker.deploying.follow(name))


@app.task(name="marketplace.usage")
def sweep_usage() -> None:
    """Count what was used, look at limits, and close the statements of months that are over."""
    runner.start("usage", lambda worker: worker.accounting.sweep())


@app.task(name="marketplace.refusals")
def sweep_refusals() -> None:
    """See what ways out apps asked for and did not get."""
    runner.start("refusals", lambda worker: Watching(worker.parts.database, worker.provisioners).sweep())


@app.task(name="marketplace.deployments")
def sweep_deployments() -> None:
    """The same for all of them, and for what is there and is nobody's."""
    runner.start("deployments", lambda worker: worker.deploying.sweep())
