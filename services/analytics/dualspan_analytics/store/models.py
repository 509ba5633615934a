"""Model definitions, versions and fitted models."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asyncpg import Record

from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Definition:
    """What is to be modelled; `spec` are the facts of an AnomalySpec or a ForecastSpec."""

    definition_id: str
    display_name: str
    kind: str
    asset_model: str
    under: str
    spec: Mapping[str, Any]
    live_version: int
    needs_retraining: bool
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """One training; `report` has a row of figures per method."""

    definition_id: str
    version: int
    start_us: int
    end_us: int
    operation: str
    known_faults: Sequence[Sequence[Any]]
    ready: bool
    verdict: int
    verdict_text: str
    report: Sequence[Mapping[str, Any]]
    libraries: Mapping[str, str]
    created_at: datetime
    is_ended: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """One machine of a version; `arrays` is empty where `problem` says why there is no model.

    `figures` has what each method was worth in the backtest of this machine, by method; empty where nothing was judged.
    """

    asset_id: str
    arrays: bytes
    facts: str
    span_sha256: str
    problem: str
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    drift_psi: float | None = None
    drift_property: str = ""
    drift_looked_us: int = 0
    scored_us: int = 0


_DEFINITION = "definition_id, display_name, kind, asset_model, under, spec, live_version, needs_retraining, created_at"
_VERSION = """definition_id, version, start_us, end_us, operation, known_faults, ready, verdict, verdict_text, report,
    libraries, created_at, ended_at IS NOT NULL AS is_ended"""
_FITTED = (
    """asset_id, arrays, facts, span_sha256, problem, figures, drift_psi, drift_property, drift_looked_us, scored_us"""
)


def _definition(row: Record) -> Definition:
    return Definition(**{**row, "spec": json.loads(row["spec"])})


def _version(row: Record) -> Version:
    read = {name: json.loads(row[name]) for name in ("known_faults", "report", "libraries")}
    return Version(**{**row, **read})


async def insert_definition(connection: Connection, tenant: str, given: Definition) -> bool:
    """Add a definition; False if there is one of this id."""
    row = await connection.fetchrow(
        """INSERT INTO model_definition (tenant_id, definition_id, display_name, kind, asset_model, under, spec)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING definition_id""",
        tenant,
        given.definition_id,
        given.display_name,
        given.kind,
        given.asset_model,
        given.under,
        json.dumps(given.spec),
    )
    return row is not None


async def find_definition(
    connection: Connection, tenant: str, definition_id: str, *, lock: bool = False
) -> Definition | None:
    """One definition, on request locked until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_DEFINITION} FROM model_definition WHERE tenant_id = $1 AND definition_id = $2"
        f"{' FOR UPDATE' if lock else ''}",
        tenant,
        definition_id,
    )
    return None if row is None else _definition(row)


async def definitions(connection: Connection, tenant: str, after: str, limit: int) -> list[Definition]:
    """Definitions in order of their ids."""
    rows = await connection.fetch(
        f"""SELECT {_DEFINITION} FROM model_definition WHERE tenant_id = $1 AND definition_id > $2
        ORDER BY definition_id LIMIT $3""",
        tenant,
        after,
        limit,
    )
    return [_definition(row) for row in rows]


async def delete_definition(connection: Connection, tenant: str, definition_id: str) -> bool:
    """Remove a definition and all that hangs on it; False if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM model_definition WHERE tenant_id = $1 AND definition_id = $2 RETURNING definition_id",
        tenant,
        definition_id,
    )
    return row is not None


async def set_live(connection: Connection, tenant: str, definition_id: str, version: int) -> None:
    """Make a version the one that scores; nothing happens unless it is ready and better than its baseline."""
    await connection.execute(
        """UPDATE model_definition SET live_version = $3, needs_retraining = false
        WHERE tenant_id = $1 AND definition_id = $2 AND EXISTS (SELECT FROM model_version
            WHERE tenant_id = $1 AND definition_id = $2 AND version = $3 AND ready AND verdict = 1)""",
        tenant,
        definition_id,
        version,
    )


async def insert_version(
    connection: Connection, tenant: str, definition_id: str, span: tuple[int, int], known_faults: Sequence[Any]
) -> int:
    """Add the next version of a locked definition; returns its number."""
    number: int = await connection.fetchval(
        """INSERT INTO model_version (tenant_id, definition_id, version, start_us, end_us, operation, known_faults)
        SELECT $1, $2, 1 + coalesce(max(version), 0), $3, $4, '', $5 FROM model_version
        WHERE tenant_id = $1 AND definition_id = $2 RETURNING version""",
        tenant,
        definition_id,
        *span,
        json.dumps(known_faults),
    )
    return number


async def set_operation(connection: Connection, tenant: str, definition_id: str, version: int, name: str) -> None:
    """Say which operation follows a version's training."""
    await connection.execute(
        "UPDATE model_version SET operation = $4 WHERE tenant_id = $1 AND definition_id = $2 AND version = $3",
        tenant,
        definition_id,
        version,
        name,
    )


async def claim_version(connection: Connection, tenant: str, definition_id: str, version: int) -> Version | None:
    """Take a version to train; None if it has ended or another worker has had it for less than half an hour."""
    row = await connection.fetchrow(
        f"""UPDATE model_version SET claimed_at = clock_timestamp()
        WHERE tenant_id = $1 AND definition_id = $2 AND version = $3 AND ended_at IS NULL
            AND (claimed_at IS NULL OR claimed_at < clock_timestamp() - interval '30 minutes')
        RETURNING {_VERSION}""",
        tenant,
        definition_id,
        version,
    )
    return None if row is None else _version(row)


async def keep_claim(connection: Connection, tenant: str, definition_id: str, version: int) -> None:
    """Training goes on."""
    await connection.execute(
        """UPDATE model_version SET claimed_at = clock_timestamp()
        WHERE tenant_id = $1 AND definition_id = $2 AND version = $3""",
        tenant,
        definition_id,
        version,
    )


async def release_version(connection: Connection, tenant: str, definition_id: str, version: int) -> None:
    """Training gives way; whoever takes the version goes on."""
    await connection.execute(
        """UPDATE model_version SET claimed_at = NULL
        WHERE tenant_id = $1 AND definition_id = $2 AND version = $3""",
        tenant,
        definition_id,
        version,
    )


async def end_version(
    connection: Connection,
    tenant: str,
    version: Version,
    *,
    ready: bool,
    verdict: tuple[int, str],
    report: Sequence[Mapping[str, Any]],
    libraries: Mapping[str, str],
) -> None:
    """Training has ended."""
    await connection.execute(
        """UPDATE model_version SET ready = $4, verdict = $5, verdict_text = $6, report = $7, libraries = $8,
            ended_at = clock_timestamp()
        WHERE tenant_id = $1 AND definition_id = $2 AND version = $3""",
        tenant,
        version.definition_id,
        version.version,
        ready,
        *verdict,
        json.dumps(report),
        json.dumps(libraries),
    )


async def open_versions(connection: Connection) -> list[tuple[str, str, int]]:
    """Trainings of all tenants that nobody works on: (tenant, definition, version). In a platform transaction."""
    rows = await connection.fetch(
        """SELECT tenant_id, definition_id, version FROM model_version WHERE ended_at IS NULL
            AND (claimed_at IS NULL OR claimed_at < clock_timestamp() - interval '30 minutes')
        ORDER BY created_at LIMIT 100"""
    )
    return [(row["tenant_id"], row["definition_id"], row["version"]) for row in rows]


async def find_version(connection: Connection, tenant: str, definition_id: str, version: int) -> Version | None:
    """One version."""
    row = await connection.fetchrow(
        f"SELECT {_VERSION} FROM model_version WHERE tenant_id = $1 AND definition_id = $2 AND version = $3",
        tenant,
        definition_id,
        version,
    )
    return None if row is None else _version(row)


async def versions(
    connection: Connection, tenant: str, definition_id: str, before: int | None, limit: int
) -> list[Version]:
    """Versions, newest first."""
    rows = await connection.fetch(
        f"""SELECT {_VERSION} FROM model_version
        WHERE tenant_id = $1 AND definition_id = $2 AND ($3::integer IS NULL OR version < $3)
        ORDER BY version DESC LIMIT $4""",
        tenant,
        definition_id,
        before,
        limit,
    )
    return [_version(row) for row in rows]


async def put_fitted(connection: Connection, tenant: str, definition_id: str, version: int, fitted: Fitted) -> None:
    """Store one machine of a version; safe to repeat."""
    await connection.execute(
        """INSERT INTO fitted_model
            (tenant_id, definition_id, version, asset_id, arrays, facts, span_sha256, problem, figures)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (tenant_id, definition_id, version, asset_id) DO UPDATE SET
            arrays = excluded.arrays, facts = excluded.facts, span_sha256 = excluded.span_sha256,
            problem = excluded.problem, figures = excluded.figures""",
        tenant,
        definition_id,
        version,
        fitted.asset_id,
        fitted.arrays,
        fitted.facts,
        fitted.span_sha256,
        fitted.problem,
        json.dumps(fitted.figures),
    )


async def fitted(
    connection: Connection, tenant: str, definition_id: str, version: int, asset_id: str = ""
) -> list[Fitted]:
    """The machines of a version in order of their ids, or one of them."""
    rows = await connection.fetch(
        f"""SELECT {_FITTED} FROM fitted_model
        WHERE tenant_id = $1 AND definition_id = $2 AND version = $3 AND ($4 = '' OR asset_id = $4)
        ORDER BY asset_id""",
        tenant,
        definition_id,
        version,
        asset_id,
    )
    return [Fitted(**{**row, "figures": json.loads(row["figures"])}) for row in rows]


async def live_definitions(connection: Connection) -> list[tuple[str, Definition]]:
    """Anomaly definitions of all tenants that score. In a platform transaction."""
    rows = await connection.fetch(
        f"SELECT tenant_id, {_DEFINITION} FROM model_definition WHERE live_version > 0 AND kind = 'anomaly'"
    )
    return [(row["tenant_id"], _definition_of(row)) for row in rows]


def _definition_of(row: Record) -> Definition:
    columns = {name: row[name] for name in Definition.__dataclass_fields__}
    return Definition(**{**columns, "spec": json.loads(row["spec"])})


async def set_drift(
    connection: Connection,
    tenant: str,
    version: tuple[str, int],
    asset_id: str,
    drift: tuple[float | None, str],
    looked_us: int,
) -> None:
    """What a look at a machine's inputs found."""
    await connection.execute(
        """UPDATE fitted_model SET drift_psi = $5, drift_property = $6, drift_looked_us = $7
        WHERE tenant_id = $1 AND definition_id = $2 AND version = $3 AND asset_id = $4""",
        tenant,
        *version,
        asset_id,
        *drift,
        looked_us,
    )


async def mark_drifted(connection: Connection, tenant: str, definition_id: str) -> None:
    """A definition's live version should be trained again."""
    await connection.execute(
        "UPDATE model_definition SET needs_retraining = true WHERE tenant_id = $1 AND definition_id = $2",
        tenant,
        definition_id,
    )
