"""What the database says: whether it lets services in, whose schema it has, its clock, its disk, the gateway CA."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import asyncpg
from cryptography import x509

from dualspan_cli.backup.server import connected
from dualspan_cli.backup.wal import SLOT
from dualspan_cli.doctor.model import Finding, State
from dualspan_cli.errors import CommandError
from dualspan_identity.certification import end_words
from dualspan_runtime.clocks import MOST_SECONDS, clock_words, offset_to_database
from dualspan_runtime.migrations import SchemaMismatchError, check_schema

if TYPE_CHECKING:
    from dualspan_cli.backup.server import Connection
    from dualspan_runtime.migrations import Migrations

# More than a table grows by at once.
_PROBE_BYTES = 16 << 20
_SLOT_BEHIND = 2 << 30
_OLDEST_FRAME_MINUTES = 15.0


async def look_at_databases(urls: Mapping[str, str], admin_url: str) -> list[Finding]:
    """Asks as each service, and as the administrator where an address is known.

    Args:
        urls: Addresses by service.
        admin_url: Empty: nobody told.
    """
    findings: list[Finding] = []
    for service, url in urls.items():
        findings += await _as_service(service, url)
    if admin_url:
        findings += await _as_administrator(admin_url, set(urls))
    return findings


async def _as_service(service: str, url: str) -> list[Finding]:
    try:
        async with connected(url) as connection:
            found = [Finding("database", service, State.WELL, "The database lets it in")]
            return [*found, await _asked(_schema(connection, service), "database.schema", service)]
    except CommandError as err:
        return [_refused(service, err)]


def _refused(who: str, error: CommandError) -> Finding:
    if error.reason == "DATABASE_PASSWORD":
        advice = (
            f"Set DUALSPAN_{who.upper()}_DATABASE_URL to the right password; `dualspan migrate` gives the services' "
            "roles the one of DUALSPAN_DATABASE_PASSWORD."
        )
        return Finding("database.password", who, State.ERROR, str(error), advice)
    advice = "Is PostgreSQL running, is its disk full, and is this its address? Its own log says why it ended."
    return Finding("database", who, State.ERROR, str(error), advice)


async def _as_administrator(url: str, known: set[str]) -> list[Finding]:
    try:
        async with connected(url) as connection:
            return [
                *[await _asked(_schema(connection, service), "database.schema", service) for service in _others(known)],
                await _asked(_clock(connection), "clock", "database"),
                await _asked(_room(connection), "database.disk", "database"),
                await _asked(_authority(connection), "ca", "identity"),
                await _asked(_slot(connection), "backup.log", SLOT),
                await _asked(_sealing(connection), "queue", "historian"),
            ]
    except CommandError as err:
        return [_refused("admin", err)]


async def _asked(question: Coroutine[Any, Any, Finding], check: str, subject: str) -> Finding:
    """What a question finds; one that the database does not answer keeps nobody from the others."""
    try:
        return await question
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as err:
        advice = "May the role that asks read every schema, and is the database itself well? Its own log says more."
        return Finding(check, subject, State.UNKNOWN, f"The database does not say: {err}", advice)


def _others(known: set[str]) -> list[str]:
    from dualspan_cli.migrations import SERVICES_WITH_SCHEMA

    return [service for service in SERVICES_WITH_SCHEMA if service not in known]


async def _schema(connection: Connection, service: str) -> Finding:
    migrations: Migrations = import_module(f"dualspan_{service}.migrations").MIGRATIONS
    try:
        await check_schema(connection, migrations)
    except SchemaMismatchError as err:
        words = str(err)
        advice = "Install the release that wrote it, or a later one." if "newer" in words else "Run `dualspan migrate`."
        return Finding("database.schema", service, State.ERROR, words, advice)
    return Finding("database.schema", service, State.WELL, "Its schema is this release's")


async def _clock(connection: Connection) -> Finding:
    offset = await offset_to_database(connection)
    if abs(offset) > MOST_SECONDS:
        words = clock_words(offset)
        return Finding("clock", "database", State.ERROR, words[0].upper() + words[1:], "Have both machines run NTP.")
    return Finding("clock", "database", State.WELL, f"This clock and the database's differ by {abs(offset):.1f} s")


async def _room(connection: Connection) -> Finding:
    """Writes a little into a table that nobody else sees and that is gone at once: nobody can ask for free space."""
    try:
        async with connection.transaction():
            await connection.execute("CREATE TEMPORARY TABLE room (filler text) ON COMMIT DROP")
            await connection.execute("ALTER TABLE room ALTER COLUMN filler SET STORAGE PLAIN")
            await connection.execute("INSERT INTO room SELECT repeat('x', 7000) FROM generate_series(1, $1)", 2048)
    except asyncpg.DiskFullError as err:
        return Finding(
            "database.disk", "database", State.ERROR, f"The database's disk is full: {err}", "Make room on it, now."
        )
    return Finding("database.disk", "database", State.WELL, f"It has room for {_PROBE_BYTES >> 20} MiB at least")


async def _authority(connection: Connection) -> Finding:
    if not await connection.fetchval("SELECT to_regclass('identity.gateway_ca') IS NOT NULL"):
        return Finding("ca", "identity", State.UNKNOWN, "There is no gateway CA yet")
    pem = await connection.fetchval("SELECT certificate_pem FROM identity.gateway_ca ORDER BY created_at DESC LIMIT 1")
    if pem is None:
        return Finding("ca", "identity", State.UNKNOWN, "There is no gateway CA yet")
    end = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    now = datetime.now(UTC)
    if words := end_words(end, now):
        what, _, advice = words.partition(". ")
        state = State.ERROR if end <= now else State.WARNING
        return Finding("ca", "identity", state, f"{what[0].upper()}{what[1:]} ({end:%Y-%m-%d})", f"{advice}.")
    return Finding("ca", "identity", State.WELL, f"The gateway CA is valid until {end:%Y-%m-%d}")


async def _slot(connection: Connection) -> Finding:
    row = await connection.fetchrow(
        "SELECT active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS behind"
        " FROM pg_replication_slots WHERE slot_name = $1",
        SLOT,
    )
    if row is None:
        words = "Nobody has asked for the database's log: no moment between two backups can be restored"
        return Finding("backup.log", SLOT, State.UNKNOWN, words, "Have `dualspan backup follow` run.")
    advice = "Does `dualspan backup follow` run? Until it does, the log piles up on the database's disk."
    if row["wal_status"] == "lost":
        return Finding("backup.log", SLOT, State.ERROR, "Log that no backup has is gone", "Take a new backup, now.")
    behind = row["behind"] or 0
    if not row["active"] or behind > _SLOT_BEHIND:
        words = f"Nobody has fetched {behind / 1e6:.0f} MB of the database's log"
        return Finding("backup.log", SLOT, State.ERROR if behind > _SLOT_BEHIND else State.WARNING, words, advice)
    return Finding("backup.log", SLOT, State.WELL, f"The log is fetched up to {behind / 1e6:.0f} MB ago")


async def _sealing(connection: Connection) -> Finding:
    if not await connection.fetchval("SELECT to_regclass('historian.frame') IS NOT NULL"):
        return Finding("queue", "historian", State.UNKNOWN, "There are no frames yet")
    age = await connection.fetchval(
        "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(committed_at)), 0)::float8 / 60"
        " FROM (SELECT committed_at FROM historian.frame ORDER BY arrival LIMIT 1000) AS oldest"
    )
    if age > _OLDEST_FRAME_MINUTES:
        return Finding(
            "queue",
            "historian",
            State.ERROR,
            f"Frames have waited {age:.0f} min to be sealed: reads grow slower and the disk fuller",
            "Does the historian's worker run, and does Redis answer? The worker's log says what fails.",
        )
    return Finding("queue", "historian", State.WELL, "Frames are sealed as they come")
