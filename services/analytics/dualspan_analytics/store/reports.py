"""SQL about reports, their runs and the files of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_analytics.reports.model import Format, Language, Span
from dualspan_runtime.database import Connection

PENDING, RUNNING, DONE, FAILED = 1, 2, 3, 4
_RUN = "report_id, start_us, end_us, title, state, attempts, revision, detail, made_at"
_PUT = """
INSERT INTO report (tenant_id, report_id, definition, planned_us, due_us) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, report_id) DO UPDATE
SET definition = excluded.definition, planned_us = excluded.planned_us, due_us = excluded.due_us
"""
_PLAN = """
INSERT INTO report_run (tenant_id, report_id, start_us, end_us, title)
SELECT $1, $2, begin, last, name FROM unnest($3::bigint[], $4::bigint[], $5::text[]) AS given (begin, last, name)
ON CONFLICT DO NOTHING
"""
_ASK = f"""
INSERT INTO report_run (tenant_id, report_id, start_us, end_us, title) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, report_id, start_us) DO UPDATE
SET end_us = excluded.end_us, title = excluded.title, state = 1, attempts = 0, next_at = now(), detail = '',
    revision = report_run.revision + 1
RETURNING {_RUN}
"""
_CLAIM = f"""
UPDATE report_run SET state = 2, attempts = attempts + 1, next_at = now() + $4::interval
WHERE tenant_id = $1 AND report_id = $2 AND start_us = $3 AND state IN (1, 2) AND next_at <= now()
RETURNING {_RUN}
"""
_END = """
UPDATE report_run SET state = $6::smallint, detail = $7, next_at = now() + $8::interval,
       made_at = CASE WHEN $6::smallint = 3 THEN now() ELSE made_at END
WHERE tenant_id = $1 AND report_id = $2 AND start_us = $3 AND state = 2 AND revision = $4 AND attempts = $5
RETURNING true
"""
_FILE = """
INSERT INTO report_file (tenant_id, report_id, start_us, language, format, content, sha256)
VALUES ($1, $2, $3, $4, $5, $6, sha256($6))
"""
_FILES = """
SELECT start_us, language, format, octet_length(content), sha256 FROM report_file
WHERE tenant_id = $1 AND report_id = $2 AND start_us = ANY($3) ORDER BY start_us, language, format
"""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A row; `definition` is JSON."""

    report_id: str
    definition: str
    planned_us: int
    due_us: int | None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One period of one report."""

    report_id: str
    span: Span
    state: int
    attempts: int
    revision: int
    detail: str
    made_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file without its content."""

    start_us: int
    language: Language
    format: Format
    size: int
    sha256: bytes


def _run(row: Record) -> StoredRun:
    span = Span(row["start_us"], row["end_us"], row["title"])
    how = (row["state"], row["attempts"], row["revision"], row["detail"], row["made_at"])
    return StoredRun(row["report_id"], span, *how)


async def put(
    connection: Connection, tenant: str, report_id: str, definition: str, planned_us: int, due_us: int | None
) -> None:
    """Make a report or replace what it says."""
    await connection.execute(_PUT, tenant, report_id, definition, planned_us, due_us)


async def get(connection: Connection, tenant: str, report_id: str, *, lock: bool = False) -> StoredReport | None:
    """One report; with `lock` nobody else plans it before the transaction ends."""
    query = "SELECT report_id, definition, planned_us, due_us FROM report WHERE tenant_id = $1 AND report_id = $2"
    row = await connection.fetchrow(f"{query} FOR UPDATE" if lock else query, tenant, report_id)
    return None if row is None else StoredReport(*row.values())


async def page(connection: Connection, tenant: str, after: str, most: int) -> list[StoredReport]:
    """Reports behind an id, in order of id."""
    rows = await connection.fetch(
        "SELECT report_id, definition, planned_us, due_us FROM report WHERE tenant_id = $1 AND report_id > $2"
        " ORDER BY report_id LIMIT $3",
        tenant,
        after,
        most,
    )
    return [StoredReport(*row.values()) for row in rows]


async def delete(connection: Connection, tenant: str, report_id: str) -> bool:
    """Delete a report with its runs; False if there is none."""
    query = "DELETE FROM report WHERE tenant_id = $1 AND report_id = $2 RETURNING true"
    return bool(await connection.fetchval(query, tenant, report_id))


async def due(connection: Connection, now_us: int) -> list[tuple[str, str]]:
    """Tenant and id of reports with periods to plan."""
    query = "SELECT tenant_id, report_id FROM report WHERE due_us <= $1 ORDER BY due_us LIMIT 100"
    return [(row[0], row[1]) for row in await connection.fetch(query, now_us)]


async def plan(
    connection: Connection, tenant: str, report_id: str, spans: Sequence[Span], planned_us: int, due_us: int
) -> None:
    """Rows for periods, and up to where there are any, in one transaction: none is lost and none comes twice."""
    begins, ends = [span.start_us for span in spans], [span.end_us for span in spans]
    await connection.execute(_PLAN, tenant, report_id, begins, ends, [span.title for span in spans])
    await connection.execute(
        "UPDATE report SET planned_us = $3, due_us = $4 WHERE tenant_id = $1 AND report_id = $2",
        tenant,
        report_id,
        planned_us,
        due_us,
    )


async def ask(connection: Connection, tenant: str, report_id: str, span: Span) -> StoredRun:
    """A run that is to be done, again if it was done before."""
    row = await connection.fetchrow(_ASK, tenant, report_id, span.start_us, span.end_us, span.title)
    assert row is not None  # noqa: S101 - RETURNING gives one
    return _run(row)


async def waiting(connection: Connection) -> list[tuple[str, str, int]]:
    """Tenant, report and start of runs that nobody does."""
    query = """
    SELECT tenant_id, report_id, start_us FROM report_run WHERE state IN (1, 2) AND next_at <= now()
    ORDER BY next_at LIMIT 100
    """
    return [(row[0], row[1], row[2]) for row in await connection.fetch(query)]


async def claim(
    connection: Connection, tenant: str, report_id: str, start_us: int, lease: timedelta
) -> StoredRun | None:
    """Take a run that nobody does; None if there is none."""
    row = await connection.fetchrow(_CLAIM, tenant, report_id, start_us, lease)
    return None if row is None else _run(row)


async def end(connection: Connection, tenant: str, run: StoredRun, state: int, detail: str, pause: timedelta) -> bool:
    """A run that was taken came to something; False if it was asked for again meanwhile, or is another's."""
    key = (tenant, run.report_id, run.span.start_us, run.revision, run.attempts)
    return bool(await connection.fetchval(_END, *key, state, detail, pause))


async def put_files(
    connection: Connection, tenant: str, run: StoredRun, files: Sequence[tuple[Language, Format, bytes]]
) -> None:
    """The files of a run, in place of those that it had."""
    key = (tenant, run.report_id, run.span.start_us)
    await connection.execute("DELETE FROM report_file WHERE tenant_id = $1 AND report_id = $2 AND start_us = $3", *key)
    await connection.executemany(_FILE, [(*key, int(lang), int(form), content) for lang, form, content in files])


async def get_run(connection: Connection, tenant: str, report_id: str, start_us: int) -> StoredRun | None:
    """One run."""
    query = f"SELECT {_RUN} FROM report_run WHERE tenant_id = $1 AND report_id = $2 AND start_us = $3"
    row = await connection.fetchrow(query, tenant, report_id, start_us)
    return None if row is None else _run(row)


async def runs(connection: Connection, tenant: str, report_id: str, before_us: int, most: int) -> list[StoredRun]:
    """Runs of periods before one, newest first."""
    query = f"""
    SELECT {_RUN} FROM report_run WHERE tenant_id = $1 AND report_id = $2 AND start_us < $3
    ORDER BY start_us DESC LIMIT $4
    """
    return [_run(row) for row in await connection.fetch(query, tenant, report_id, before_us, most)]


async def files(connection: Connection, tenant: str, report_id: str, starts: Sequence[int]) -> list[StoredFile]:
    """The files of runs."""
    rows = await connection.fetch(_FILES, tenant, report_id, starts)
    return [StoredFile(row[0], Language(row[1]), Format(row[2]), row[3], row[4]) for row in rows]


async def content(
    connection: Connection, tenant: str, report_id: str, start_us: int, language: Language, form: Format
) -> bytes | None:
    """What is in a file; None if there is no such file."""
    query = """
    SELECT content FROM report_file
    WHERE tenant_id = $1 AND report_id = $2 AND start_us = $3 AND language = $4 AND format = $5
    """
    return await connection.fetchval(query, tenant, report_id, start_us, int(language), int(form))
