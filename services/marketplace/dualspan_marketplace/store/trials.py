"""SQL about trials."""

import json

from asyncpg import Record

from dualspan_marketplace.catalogue.model import Outcome, VersionName
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.trials.model import Phase
from dualspan_marketplace.trials.record import Trial
from dualspan_runtime.database import Connection

_COLUMNS = """tenant_id, trial_id, number, app_id, version, operation, manifest, phase, outcome, findings, create_time,
    well_time"""
_THIS = "tenant_id = $1 AND trial_id = $2"


async def enter(
    connection: Connection, version: VersionName, operation: str, trial_id: str, manifest: str
) -> Trial | None:
    """Make the trial of a submission, or find it; None where its publisher has none of it."""
    await connection.execute(
        """INSERT INTO trial (tenant_id, trial_id, app_id, version, operation, manifest)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
        version.tenant,
        trial_id,
        version.app_id,
        version.version,
        operation,
        manifest,
    )
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM trial WHERE tenant_id = $1 AND operation = $2", version.tenant, operation
    )
    return _trial(row) if row else None


async def open_ones(connection: Connection, limit: int) -> list[Trial]:
    """Trials of all tenants of which something is left to do; in a platform transaction."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM trial WHERE phase <> 'done' ORDER BY tenant_id, trial_id LIMIT $1", limit
    )
    return [_trial(row) for row in rows]


async def hold(connection: Connection, found: Trial) -> Trial | None:
    """One as it is now, held until the transaction ends; None if somebody else holds it."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM trial WHERE {_THIS} FOR UPDATE SKIP LOCKED", found.version.tenant, found.trial_id
    )
    return _trial(row) if row else None


async def update(connection: Connection, changed: Trial) -> None:
    """Put down what of a trial can change."""
    await connection.execute(
        f"UPDATE trial SET phase = $3, outcome = $4, findings = $5, well_time = $6 WHERE {_THIS}",
        changed.version.tenant,
        changed.trial_id,
        changed.phase.value,
        changed.outcome.value if changed.outcome else "",
        json.dumps(changed.findings),
        changed.well_time,
    )


async def remove(connection: Connection, name: SubscriptionName) -> None:
    """Remove the subscription of a trial, and what is known of its deployment, grant and results with it."""
    await connection.execute(
        "DELETE FROM subscription WHERE tenant_id = $1 AND subscription_id = $2", name.tenant, name.subscription_id
    )


def _trial(row: Record) -> Trial:
    return Trial(
        trial_id=row["trial_id"],
        number=row["number"],
        version=VersionName(row["tenant_id"], row["app_id"], row["version"]),
        operation=row["operation"],
        manifest=row["manifest"],
        phase=Phase(row["phase"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        findings=tuple(json.loads(row["findings"])),
        create_time=row["create_time"],
        well_time=row["well_time"],
    )
