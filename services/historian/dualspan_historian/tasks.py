"""The historian's worker: `celery --app dualspan_historian.tasks worker --beat`, or `dualspan worker historian`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from celery import Celery

from dualspan_historian.memory import keep_freed_memory
from dualspan_historian.migrations import MIGRATIONS
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.merging import Merger
from dualspan_historian.storage.retention import Retention
from dualspan_historian.storage.sealing import Sealer
from dualspan_historian.storage.upkeep import Upkeep
from dualspan_runtime.database import Database
from dualspan_runtime.tasks import AsyncRunner, create_celery
from dualspan_runtime.workers import tell_of_worker

_SWEEP = "historian.sweep"
_EXPIRE = "historian.expire"


@asynccontextmanager
async def open_upkeep(settings: HistorianSettings) -> AsyncGenerator[tuple[Upkeep, Retention]]:
    """Open what tasks need."""
    keep_freed_memory()
    async with Database.open(settings, schema=MIGRATIONS, min_size=0) as database:
        upkeep = Upkeep(
            database,
            Sealer(database, settings.seal_at_most, settings.seal_at_most_bytes),
            Merger(database, settings.merge_at_most, settings.merge_at_most_bytes),
            timedelta(seconds=settings.seal_after_seconds),
        )
        retention = Retention(
            database,
            settings.retention,
            timedelta(days=settings.quarantine_days),
            timedelta(days=settings.ledger_days),
        )
        yield upkeep, retention


# Celery finds its app and its tasks as attributes of a module, hence what is constructed here.
settings = HistorianSettings()  # pyright: ignore[reportCallIssue] - read from the environment
app: Celery = create_celery("historian", settings.platform)
tell_of_worker("historian", settings.platform)
runner = AsyncRunner(lambda: open_upkeep(settings))
app.conf.beat_schedule = {
    "sweep": {"task": _SWEEP, "schedule": settings.sweep_seconds, "options": {"expires": settings.sweep_seconds}},
    "expire": {"task": _EXPIRE, "schedule": 3600.0, "options": {"expires": 3600.0}},
}


@app.task(name="historian.seal")
def seal(tenant: str, gateway_id: str) -> None:
    """Seal and merge a gateway's frames."""
    runner.run(lambda opened: opened[0].seal(tenant, gateway_id))


@app.task(name=_SWEEP)
def sweep() -> None:
    """Seal what nobody asked for."""
    runner.run(lambda opened: opened[0].sweep())


@app.task(name=_EXPIRE)
def expire() -> None:
    """Delete what is older than its retention class allows."""
    runner.run(lambda opened: opened[1].expire_all())
