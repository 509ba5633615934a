"""Taking a backup: the cluster as PostgreSQL copies it while it runs, and the secrets that open what is in it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING

import asyncpg
from pyrage import x25519

from dualspan_cli.backup.keys import read_lock
from dualspan_cli.backup.repository import BASE_FILE, SECRETS_FILE, Manifest, Repository
from dualspan_cli.backup.server import ServerFacts, connected, look_at, program, start_program
from dualspan_cli.backup.streams import Stored, seal
from dualspan_cli.errors import CommandError
from dualspan_cli.origins import Origin
from dualspan_identity.sealing import CA_PURPOSE, Sealer, SealError

if TYPE_CHECKING:
    from dualspan_cli.backup.server import Connection

# A backup that fills the disk of its repository takes the older ones' room with it.
_SPARE = 1.1


async def take(repository: Repository, origin: Origin, told: Callable[[int, int], None]) -> Manifest:
    """Takes a backup of the whole platform while it runs.

    Args:
        repository: Where to.
        origin: What.
        told: Hears how many bytes were read now, and about how many there are.

    Raises:
        CommandError: The server does not let itself be copied or is not the repository's, the secret opens nothing, or
            the disk is full. Nothing is left behind.
    """
    lock = read_lock(repository.folder).public
    async with connected(origin.database_url) as connection:
        facts = await look_at(connection)
        repository.check_server(facts.system_identifier)
        await check_secret(connection, origin.service_secret)
        _check_room(repository.folder, facts)
        unfinished = repository.begin()
        try:
            started = datetime.now(UTC)
            # The log from before the copy stays until it is copied, too.
            slot = f"dualspan_base_{secrets.token_hex(4)}"
            await _call(connection, "SELECT pg_create_physical_replication_slot($1, true, true)", slot)
            start = await connection.fetchval("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
            base = await _copy(origin, unfinished / BASE_FILE, lock, lambda size: told(size, facts.size))
            end = await connection.fetchval("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
            kept = io.BytesIO(_secrets_of(origin))
            files = [base, seal(kept, unfinished / SECRETS_FILE, lock)]
            manifest = _manifest(unfinished, started, facts, (start, end), files)
            repository.finish(unfinished, manifest)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return manifest


async def _call(connection: Connection, statement: str, *arguments: str) -> None:
    try:
        await connection.execute(statement, *arguments)
    except asyncpg.PostgresError as err:
        raise CommandError(
            "NOT_ALLOWED",
            f"PostgreSQL does not let this role copy it: {err}. Give it the attribute REPLICATION, and a line for "
            "replication in pg_hba.conf. Where the provider allows neither, use the provider's own backups, and "
            "`dualspan backup tenant` beside them.",
            exit_code=6,
        ) from err


async def check_secret(connection: Connection, secret: str) -> None:
    """Opens the key of the gateway CA: a secret that does not fit is found out now and not after a disaster.

    Raises:
        CommandError: It does not fit.
    """
    if not await connection.fetchval("SELECT to_regclass('identity.gateway_ca') IS NOT NULL"):
        return
    sealed = await connection.fetchval(
        "SELECT sealed_private_key FROM identity.gateway_ca ORDER BY created_at DESC LIMIT 1"
    )
    if sealed is None:
        return
    try:
        Sealer(secret).open(sealed, CA_PURPOSE)
    except SealError as err:
        raise CommandError(
            "WRONG_SERVICE_SECRET",
            "The service secret does not open the gateway CA of this database. Set "
            "DUALSPAN_SERVICE_SECRET to the platform's own.",
            exit_code=2,
        ) from err


def _check_room(folder: Path, facts: ServerFacts) -> None:
    free = shutil.disk_usage(folder).free
    if free < facts.size * _SPARE:
        raise CommandError(
            "DISK_FULL",
            f"{folder} has {free / 1e9:.1f} GB left and the databases take {facts.size / 1e9:.1f} GB. "
            "Make room, `dualspan backup prune` deletes old backups, or choose another disk.",
            exit_code=11,
        )


async def _copy(origin: Origin, path: Path, lock: x25519.Recipient, told: Callable[[int], None]) -> Stored:
    """Has PostgreSQL copy itself. Who cancels this waits for no more than what was copied so far."""
    command = [program("pg_basebackup", origin.programs)]
    options = ["--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--manifest-checksums=SHA256"]
    process = start_program([*command, *options], origin.database_url, stdout=PIPE)
    copying = asyncio.create_task(asyncio.to_thread(_store, process, path, lock, told))
    try:
        return await asyncio.shield(copying)
    except asyncio.CancelledError:
        process.kill()
        await asyncio.wait((copying,))
        if not copying.cancelled():
            copying.exception()  # it failed, because of this
        raise


def _store(process: Popen[bytes], path: Path, lock: x25519.Recipient, told: Callable[[int], None]) -> Stored:
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes were asked for
    try:
        stored = seal(process.stdout, path, lock, told)
        words = process.stderr.read().decode(errors="replace").strip()
        if process.wait() != 0:
            hint = " Give pg_hba.conf a line for `replication`." if "pg_hba.conf" in words else ""
            raise CommandError("COPY_FAILED", f"PostgreSQL does not let itself be copied: {words}.{hint}")
    except OSError as err:
        raise CommandError("DISK_FULL", f"{path.parent} cannot be written to: {err.strerror}.", exit_code=11) from err
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
    return stored


def _secrets_of(origin: Origin) -> bytes:
    files = {name: base64.b64encode(path.read_bytes()).decode() for name, path in origin.files.items() if path.exists()}
    return json.dumps({"service_secret": origin.service_secret, "files": files}).encode()


def _manifest(
    folder: Path, started: datetime, facts: ServerFacts, segments: tuple[str, str], files: Sequence[Stored]
) -> Manifest:
    return Manifest(
        backup_id=folder.name.removeprefix("."),
        started_at=started,
        finished_at=datetime.now(UTC),
        release=version("dualspan-cli"),
        server_version=facts.version,
        system_identifier=facts.system_identifier,
        database=facts.database,
        segment_bytes=facts.segment_bytes,
        start_segment=segments[0],
        end_segment=segments[1],
        schemas=dict(facts.schemas),
        files=tuple(files),
    )
