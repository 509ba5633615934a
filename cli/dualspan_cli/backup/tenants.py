"""One tenant's rows, out of one platform and into another: everything that is its own, and nothing of the platform's.

A file is a tar of PostgreSQL's binary COPY, a member for each piece of a table, sealed for a repository's key. It is
read from one snapshot and written in one transaction.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import asyncpg
from pyrage import x25519

from dualspan_cli.backup.server import connected, look_at
from dualspan_cli.backup.streams import DamagedError, Stored, seal, unsealed
from dualspan_cli.errors import CommandError

if TYPE_CHECKING:
    from dualspan_cli.backup.server import Connection

_SCHEMAS = ("identity", "onboarding", "historian", "analytics")
# Sealed with the platform's secret, signed by its CA, or of a moment: worth nothing elsewhere.
_LEFT_OUT = frozenset(
    {"identity.session", "identity.oidc_provider", "identity.oidc_attempt", "identity.gateway_certificate"}
)
_ABOUT = "tenant.json"
_PIECE = 8 << 20
_TABLES = """
SELECT space.nspname || '.' || part.relname AS name,
    array_agg(quote_ident(field.attname) ORDER BY field.attnum)
        FILTER (WHERE field.attgenerated = '') AS columns
FROM pg_class AS part
JOIN pg_namespace AS space ON space.oid = part.relnamespace
JOIN pg_attribute AS field ON field.attrelid = part.oid AND field.attnum > 0 AND NOT field.attisdropped
WHERE space.nspname = ANY($1) AND part.relkind IN ('r', 'p') AND NOT part.relispartition
GROUP BY space.nspname, part.relname
HAVING bool_or(field.attname = 'tenant_id')
ORDER BY 1
"""
_COUNTED = """
SELECT space.nspname || '.' || part.relname AS table, quote_ident(field.attname) AS column,
    pg_get_serial_sequence(quote_ident(space.nspname) || '.' || quote_ident(part.relname), field.attname) AS sequence
FROM pg_attribute AS field
JOIN pg_class AS part ON part.oid = field.attrelid AND part.relkind IN ('r', 'p') AND NOT part.relispartition
JOIN pg_namespace AS space ON space.oid = part.relnamespace
WHERE field.attidentity <> '' AND space.nspname || '.' || part.relname = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class TenantAbout:
    """What a tenant's file says of itself.

    Attributes:
        tenant: Its id.
        exported_at: ISO 8601, UTC.
        release: Of DualSpan.
        schemas: The newest migration of each service: only a platform with the same takes it.
        largest_tag_id: The platform's ids go on behind it.
    """

    tenant: str
    exported_at: str
    release: str
    schemas: Mapping[str, str]
    largest_tag_id: int


async def export_tenant(database_url: str, tenant: str, path: Path, lock: x25519.Recipient) -> Stored:
    """Writes a tenant's rows into an encrypted file.

    Raises:
        CommandError: There is no such tenant, or the file is there already.
    """
    if await asyncio.to_thread(path.exists):
        raise CommandError("FILE_EXISTS", f"{path} exists already.", exit_code=8)
    async with connected(database_url) as connection:
        facts = await look_at(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if not await connection.fetchval("SELECT true FROM identity.tenant WHERE tenant_id = $1", tenant):
                raise CommandError("TENANT_NOT_FOUND", f"There is no tenant {tenant!r}.", exit_code=7)
            largest = await connection.fetchval(
                "SELECT coalesce(max(tag_id), 0) FROM historian.tag WHERE tenant_id = $1", tenant
            )
            now = datetime.now(UTC).isoformat(timespec="seconds")
            about = TenantAbout(tenant, now, version("dualspan-cli"), dict(facts.schemas), largest)
            return await _write(connection, about, path, lock)


async def _write(connection: Connection, about: TenantAbout, path: Path, lock: x25519.Recipient) -> Stored:
    reading, writing = os.pipe()
    feed = _Feed(os.fdopen(reading, "rb"))
    sealing = asyncio.create_task(asyncio.to_thread(feed.seal, path, lock))
    try:
        with os.fdopen(writing, "wb") as sink:
            with tarfile.open(fileobj=sink, mode="w|") as archive:
                await asyncio.to_thread(_add, archive, _ABOUT, json.dumps(asdict(about)).encode())
                for table, columns in (await _tables(connection)).items():
                    await _copy_out(connection, archive, about.tenant, table, columns)
            feed.is_whole = True
    except BaseException as err:
        await asyncio.wait((sealing,))
        why = None if sealing.cancelled() else sealing.exception()
        if isinstance(err, BrokenPipeError) and why is not None:
            raise why from err  # the file takes no more
        raise
    return await sealing


class _Feed:
    """What is written into a pipe, for who seals it: what ends before it is whole becomes no file.

    Args:
        source: The end to read from, closed when sealing ends in whatever way: who writes must not wait for ever.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.is_whole = False

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size)
        if not piece and not self.is_whole:
            raise EOFError("the rows end in the midst of a table")
        return piece

    def seal(self, path: Path, lock: x25519.Recipient) -> Stored:
        try:
            with self._source:
                return seal(self, path, lock)
        except OSError as err:
            raise CommandError("DISK_FULL", f"{path} cannot be written: {err.strerror}.", exit_code=11) from err


async def _tables(connection: Connection) -> dict[str, list[str]]:
    rows = await connection.fetch(_TABLES, list(_SCHEMAS))
    return {row["name"]: row["columns"] for row in rows if row["name"] not in _LEFT_OUT}


async def _copy_out(
    connection: Connection, archive: tarfile.TarFile, tenant: str, table: str, columns: Sequence[str]
) -> None:
    pending, number = bytearray(), 0

    async def take(piece: bytes) -> None:
        nonlocal number
        pending.extend(piece)
        if len(pending) >= _PIECE:
            await asyncio.to_thread(_add, archive, f"{table}/{number:08}", bytes(pending))
            pending.clear()
            number += 1

    query = f"SELECT {', '.join(columns)} FROM {table} WHERE tenant_id = $1"
    await connection.copy_from_query(query, tenant, output=take, format="binary")
    await asyncio.to_thread(_add, archive, f"{table}/{number:08}", bytes(pending))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


async def import_tenant(database_url: str, path: Path, key: x25519.Identity) -> TenantAbout:
    """Writes a tenant's file into a platform that does not have it; all of it or nothing.

    Raises:
        CommandError: The platform has another schema, the tenant, a user's address or a tag id of it already; or the
            file is damaged.
    """
    async with connected(database_url) as connection:
        facts = await look_at(connection)
        found: list[tuple[int, str]] = []
        try:
            async with connection.transaction():
                # Rows of one snapshot belong together as they are: nothing is to be checked or told again.
                await connection.execute("SET LOCAL session_replication_role = replica")
                with unsealed(path, key, found) as stream:
                    return await _read(connection, stream, path, facts.schemas)
        except asyncpg.InsufficientPrivilegeError as err:
            raise CommandError("NOT_ALLOWED", f"Only a superuser takes a tenant in: {err}.", exit_code=6) from err
        except asyncpg.UniqueViolationError as err:
            words = f"Something of the tenant is here already: {err.detail or err}. Nothing was imported."
            raise CommandError("TENANT_EXISTS", words, exit_code=8) from err


async def _read(connection: Connection, stream: BinaryIO, path: Path, schemas: Mapping[str, str]) -> TenantAbout:
    tables = await _tables(connection)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            pieces = _Pieces(archive)
            name, content = await pieces.next()
            if name != _ABOUT:
                raise DamagedError(path, "it is no tenant's file")
            about = TenantAbout(**json.loads(content))
            await _check(connection, about, schemas)
            while pieces.table:
                table = pieces.table
                if table not in tables:
                    raise DamagedError(path, f"it has a table {table} that this release does not know")
                await _copy_in(connection, pieces.of_table(), table, tables[table], about.tenant, path)
    except (tarfile.TarError, ValueError, TypeError) as err:
        raise DamagedError(path, f"it is no tenant's file ({err})") from err
    await _afterwards(connection, about, list(tables))
    return about


async def _copy_in(
    connection: Connection,
    pieces: AsyncGenerator[bytes],
    table: str,
    columns: Sequence[str],
    tenant: str,
    path: Path,
) -> None:
    """Takes rows in by way of a table of this transaction alone: there may be others' among them."""
    names = [column.strip('"') for column in columns]
    await connection.execute(f"CREATE TEMPORARY TABLE taken_in (LIKE {table} INCLUDING GENERATED) ON COMMIT DROP")
    await connection.copy_to_table("taken_in", source=pieces, columns=names, format="binary")
    stranger = await connection.fetchval("SELECT tenant_id FROM taken_in WHERE tenant_id <> $1 LIMIT 1", tenant)
    if stranger is not None:
        raise DamagedError(path, f"it has rows of tenant {stranger!r} in {table}, and says that it is of {tenant!r}")
    listed = ", ".join(columns)
    await connection.execute(
        f"INSERT INTO {table} ({listed}) OVERRIDING SYSTEM VALUE SELECT {listed} FROM taken_in; DROP TABLE taken_in"
    )


class _Pieces:
    """The members of the archive, table by table."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._waiting: tuple[str, bytes] | None = None

    @property
    def table(self) -> str:
        """Whose piece comes next; empty at the end."""
        return self._waiting[0].partition("/")[0] if self._waiting else ""

    async def next(self) -> tuple[str, bytes]:
        """Takes one, and looks at the one behind it; ("", b"") at the end."""
        taken = self._waiting or await asyncio.to_thread(self._member) or ("", b"")
        self._waiting = await asyncio.to_thread(self._member)
        return taken

    async def of_table(self) -> AsyncGenerator[bytes]:
        """The pieces of the table that comes next."""
        table = self.table
        while table and self.table == table:
            yield (await self.next())[1]

    def _member(self) -> tuple[str, bytes] | None:
        member = self._archive.next()
        content = self._archive.extractfile(member) if member is not None else None
        return (member.name, content.read()) if member is not None and content is not None else None


async def _check(connection: Connection, about: TenantAbout, schemas: Mapping[str, str]) -> None:
    other = [name for name in _SCHEMAS if schemas[name] != about.schemas.get(name)]
    if other:
        raise CommandError(
            "OTHER_SCHEMA",
            f"The file is of release {about.release} and this platform's schema {other[0]} is of another. Bring both "
            "platforms to one release and export again.",
            exit_code=8,
        )
    if await connection.fetchval("SELECT true FROM identity.tenant WHERE tenant_id = $1", about.tenant):
        raise CommandError("TENANT_EXISTS", f"There is a tenant {about.tenant!r} here already.", exit_code=8)


async def _afterwards(connection: Connection, about: TenantAbout, tables: Sequence[str]) -> None:
    """Ids of tags are unique on a platform; they, and all that databases count, are given away behind the largest."""
    taken = await connection.fetchval(
        "SELECT count(*) FROM historian.tag AS ours JOIN historian.tag AS theirs USING (tag_id)"
        " WHERE ours.tenant_id = $1 AND theirs.tenant_id <> $1",
        about.tenant,
    )
    if taken:
        raise CommandError(
            "TAG_IDS_TAKEN",
            f"{taken} of the tenant's tag ids are other tenants' here. Import it into a platform of its own.",
            exit_code=8,
        )
    await connection.execute(
        "SELECT setval('onboarding.tag_id', greatest($1::bigint, (SELECT last_value FROM onboarding.tag_id)))",
        max(about.largest_tag_id, 1),
    )
    for counted in await connection.fetch(_COUNTED, tables):
        largest = f"SELECT max({counted['column']}) FROM {counted['table']} WHERE tenant_id = $2"
        given = f"SELECT last_value FROM {counted['sequence']}"
        await connection.execute(
            f"SELECT setval($1::regclass, greatest(({largest}), ({given})))", counted["sequence"], about.tenant
        )
