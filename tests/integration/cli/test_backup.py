"""Backups of a real PostgreSQL: taken while it is written to, verified, damaged, restored to a point in time."""

import asyncio
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from pyrage import x25519

from dualspan_cli.backup.keys import make_lock, open_lock
from dualspan_cli.backup.repository import BASE_FILE, Manifest, Repository
from dualspan_cli.backup.restoring import Wish, restore
from dualspan_cli.backup.streams import seal, unseal
from dualspan_cli.backup.taking import take
from dualspan_cli.backup.tenants import export_tenant, import_tenant
from dualspan_cli.backup.verifying import verify
from dualspan_cli.backup.wal import Stream, follow
from dualspan_cli.embedded import EmbeddedPostgres
from dualspan_cli.errors import CommandError
from dualspan_cli.origins import Origin
from harness.databases import ClonedDatabase, clone, drop, execute, run_apart

SECRET = "the service secret of tests"
PHRASE = "a passphrase of tests"
# Backups of this server alone: small, and no log is kept that no test asks for.
_SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the system user may reach."""
    path = Path(tempfile.mkdtemp(prefix="dualspan-backup-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    running = EmbeddedPostgres(folder / "platform", _SETTINGS)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def second_database(migrated_postgres: EmbeddedPostgres) -> Iterator[ClonedDatabase]:
    """Another platform's."""
    cloned = run_apart(clone(migrated_postgres, "another_platform"))
    yield cloned
    run_apart(drop(cloned))


async def rows(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        return [row["number"] for row in await connection.fetch("SELECT number FROM kept ORDER BY number")]
    finally:
        await connection.close()


async def restored_rows(target: Path) -> list[int]:
    back = EmbeddedPostgres(target, _SETTINGS)
    back.start()
    try:
        return await rows(back.url())
    finally:
        back.stop()


async def take_one(repository: Repository, server: EmbeddedPostgres, **files: Path) -> Manifest:
    return await take(repository, Origin(server.url(), SECRET, files), lambda _size, _total: None)


async def archived(repository: Repository, count: int) -> None:
    for _ in range(400):
        if len(repository.segments()) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"only {repository.segments()} came")


async def test_a_platform_is_restored_as_it_was_at_a_moment_and_as_far_as_its_log_goes(
    server: EmbeddedPostgres, folder: Path
) -> None:
    """One server and its whole life: each restore costs a second."""
    repository = Repository(folder / "repository")
    make_lock(repository.folder, key_file=folder / "repository.key")
    key = open_lock(repository.folder, key_file=folder / "repository.key")
    (folder / "ports.json").write_text("{}")
    await execute(server.url(), "CREATE TABLE kept (number integer); INSERT INTO kept VALUES (1)")
    following = asyncio.create_task(follow(repository, Stream(server.url(), folder / "spool", partial_seconds=0.1)))
    try:
        manifest = await take_one(repository, server, **{"ports.json": folder / "ports.json"})
        await execute(server.url(), "INSERT INTO kept VALUES (2)")
        await asyncio.sleep(0.05)
        moment = datetime.now(UTC)
        await asyncio.sleep(0.05)
        await execute(server.url(), "INSERT INTO kept VALUES (3)")
        await execute(server.url(), "SELECT pg_switch_wal()")
        await execute(server.url(), "INSERT INTO kept VALUES (4)")
        await archived(repository, 3)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    verdict = verify(repository, manifest, key, lambda _size: None)
    assert verdict.problems == []
    assert verdict.database_files > 500
    assert verdict.segments >= 3
    at_moment, at_end = folder / "at-moment", folder / "at-end"
    at = await restore(repository, key, at_moment, Wish(until=moment), lambda *_: None)
    assert await restored_rows(at_moment) == [1, 2]
    assert at.reached is not None
    assert at.reached <= moment
    await restore(repository, key, at_end, Wish(), lambda *_: None)
    assert await restored_rows(at_end) == [1, 2, 3, 4]
    assert (at_end / "service-secret").read_text() == SECRET
    assert (at_end / "ports.json").read_text() == "{}"
    assert at_end.joinpath("service-secret").stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="not empty"):
        await restore(repository, key, at_end, Wish(), lambda *_: None)
    beginning = _with_the_beginning_of_its_log(repository, manifest, key, folder / "beginning")
    await restore(beginning, key, folder / "at-backup", Wish(), lambda *_: None)
    assert await restored_rows(folder / "at-backup") == [1]
    _damage(repository, manifest, folder)
    repository.segment_file(repository.segments()[-2]).unlink()
    assert "the log lacks" in verify(repository, manifest, None, lambda _size: None).problems[0]
    with pytest.raises(CommandError, match="has a hole before it"):
        await restore(repository, key, folder / "beyond", Wish(until=datetime.now(UTC)), lambda *_: None)
    assert not (folder / "beyond" / "wal").exists()


def _with_the_beginning_of_its_log(
    repository: Repository, manifest: Manifest, key: x25519.Identity, folder: Path
) -> Repository:
    """The same, if the log had come no further than to the beginning of the backup, which has its own whole."""
    shutil.copytree(repository.folder, folder, ignore=shutil.ignore_patterns("wal"))
    beginning = Repository(folder)
    beginning.wal.mkdir()
    name = f"{manifest.start_segment[:16]}{int(manifest.start_segment[16:], 16) + 1:08X}"
    content = io.BytesIO()
    unseal(repository.segment_file(name), key, content)
    cut = io.BytesIO(content.getvalue()[:8192].ljust(manifest.segment_bytes, b"\0"))
    seal(cut, beginning.segment_file(f"{name}.partial"), key.to_public())
    return beginning


def _damage(repository: Repository, manifest: Manifest, folder: Path) -> None:
    """One bit, anywhere; a cut; another database's segment: each is found, and by the right name."""
    key = open_lock(repository.folder, key_file=folder / "repository.key")
    base = repository.folder_of(manifest) / BASE_FILE
    whole = base.read_bytes()
    for spoilt in (_flipped(whole, len(whole) // 2), whole[: len(whole) // 2], whole[:-1]):
        base.write_bytes(spoilt)
        without, within = (verify(repository, manifest, one, lambda _size: None).problems for one in (None, key))
        assert len(without) == 1
        assert any("damaged" in problem for problem in within), within
    base.write_bytes(whole)
    first, second = repository.segments()[:2]
    segment = repository.segment_file(second)
    kept = segment.read_bytes()
    segment.write_bytes(repository.segment_file(first).read_bytes())
    assert verify(repository, manifest, key, lambda _size: None).problems == [f"{segment} is another part of the log"]
    segment.write_bytes(kept)


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


async def test_only_the_newest_backups_and_their_log_stay(server: EmbeddedPostgres, folder: Path) -> None:
    repository = Repository(folder / "pruned")
    make_lock(repository.folder, key_file=folder / "pruned.key")
    first = await take_one(repository, server)
    await execute(server.url(), "CREATE TABLE filler (number integer); SELECT pg_switch_wal()")
    second = await take_one(repository, server)
    repository.wal.mkdir()
    for name in (first.start_segment, second.start_segment):
        repository.segment_file(name).touch()
    assert repository.prune(1) == [first.backup_id, first.start_segment]
    assert [one.backup_id for one in repository.backups()] == [second.backup_id]
    assert repository.segments() == [second.start_segment]


async def test_a_backup_that_fails_leaves_nothing(server: EmbeddedPostgres, folder: Path) -> None:
    repository = Repository(folder / "failed")
    make_lock(repository.folder, key_file=folder / "failed.key")
    await execute(server.url(), "CREATE ROLE nobody LOGIN")
    unable = Origin(server.url(user="nobody"), SECRET, {})
    with pytest.raises(CommandError, match="REPLICATION"):
        await take(repository, unable, lambda _size, _total: None)
    assert list((repository.folder / "base").iterdir()) == []
    assert repository.backups() == []


@pytest.mark.long
def test_what_is_stored_is_age_and_opens_for_the_right_key_alone(folder: Path) -> None:
    lock = make_lock(folder / "locked", key_file=folder / "one.key")
    phrased = make_lock(folder / "phrased", phrase=PHRASE)
    make_lock(folder / "other", key_file=folder / "other.key")
    assert json.loads((folder / "locked" / "repository.json").read_text()) == {"recipient": lock.recipient, "format": 1}
    assert (folder / "one.key").read_text().splitlines()[1].startswith("AGE-SECRET-KEY-1")
    assert (folder / "one.key").stat().st_mode & 0o077 == 0
    open_lock(folder / "locked", key_file=folder / "one.key")
    assert str(open_lock(folder / "phrased", phrase=PHRASE).to_public()) == phrased.recipient
    with pytest.raises(CommandError, match="another's"):
        open_lock(folder / "locked", key_file=folder / "other.key")
    with pytest.raises(CommandError, match="does not open"):
        open_lock(folder / "phrased", phrase="another passphrase")


_MAKE = """
INSERT INTO identity.tenant (tenant_id, display_name) VALUES ('acme', 'Acme'), ('other', 'Other');
INSERT INTO identity.account (tenant_id, user_id, email, display_name, roles, password_hash)
SELECT id, 'ada', id || '@example.org', 'Ada', '{admin}', 'x' FROM unnest(ARRAY['acme', 'other']) AS id;
INSERT INTO identity.audit_event (tenant_id, actor, action, resource, request_id)
SELECT id, 'a', 'b', 'c', 'd' FROM unnest(ARRAY['other', 'acme']) AS id;
INSERT INTO historian.tag (tenant_id, tag_id, gateway_id, kind, retention_class, sloped)
VALUES ('acme', 7, 'box', 1, 'default', true), ('other', 8, 'box', 1, 'default', true);
INSERT INTO historian.segment
    (tenant_id, tag_id, t_max, t_min, arrival, sample_count, good_count, byte_count, kind, gateway_id, ts, value)
SELECT 'acme', 7, number, number, number, 1, 1, 9, 1, 'box', 'x', convert_to(repeat('y', 3000), 'UTF8')
FROM generate_series(1, 4000) AS number;
"""
_LIKENESS = """
SELECT (SELECT md5(string_agg(s::text, ',' ORDER BY t_max)) FROM historian.segment AS s) AS segments,
    (SELECT string_agg(tenant_id || email, ',') FROM identity.account) AS accounts,
    (SELECT count(*) FROM identity.audit_event) AS events,
    (SELECT last_value FROM onboarding.tag_id) AS last_tag
"""


async def _likeness(url: str) -> dict[str, object]:
    connection = await asyncpg.connect(url)
    try:
        return dict((await connection.fetch(_LIKENESS))[0])
    finally:
        await connection.close()


def _add_row_of(
    path: Path, made: Path, key: x25519.Identity, lock: x25519.Recipient, table: str, *, stranger: bytes
) -> None:
    """The same file, as whoever can encrypt for the platform could write it: rows of a table are another tenant's."""
    plain, changed = io.BytesIO(), io.BytesIO()
    unseal(path, key, plain)
    plain.seek(0)
    with tarfile.open(fileobj=plain) as read, tarfile.open(fileobj=changed, mode="w") as written:
        for member in read:
            file = read.extractfile(member)
            assert file is not None
            content = file.read()
            if member.name.startswith(f"{table}/"):
                content = content.replace(b"acme", stranger)
            written.addfile(member, io.BytesIO(content))
    changed.seek(0)
    seal(changed, made, lock)


async def test_a_tenant_moves_to_another_platform_whole_or_not_at_all(
    database: ClonedDatabase, second_database: ClonedDatabase, folder: Path
) -> None:
    lock = make_lock(folder / "tenants", key_file=folder / "tenants.key").public
    key = open_lock(folder / "tenants", key_file=folder / "tenants.key")
    await execute(database.admin_url, _MAKE)
    await execute(database.admin_url, "UPDATE historian.tag SET tag_id = 9 WHERE tenant_id = 'other'")
    path = folder / "acme.tenant"
    stored = await export_tenant(database.admin_url, "acme", path, lock)
    assert stored.size > 4000 * 3000
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        await export_tenant(database.admin_url, "nobody", folder / "nobody", lock)
    await execute(
        second_database.admin_url,
        "INSERT INTO identity.tenant VALUES ('theirs', 'Theirs');"
        "INSERT INTO historian.tag (tenant_id, tag_id, gateway_id, kind, retention_class, sloped)"
        " VALUES ('theirs', 7, 'box', 1, 'default', true)",
    )
    with pytest.raises(CommandError, match="1 of the tenant's tag ids are other tenants'"):
        await import_tenant(second_database.admin_url, path, key)
    assert (await _likeness(second_database.admin_url))["accounts"] is None
    await execute(second_database.admin_url, "DELETE FROM historian.tag")
    await import_tenant(second_database.admin_url, path, key)
    there = await _likeness(second_database.admin_url)
    assert there["segments"] == (await _likeness(database.admin_url))["segments"]
    assert (there["accounts"], there["events"], there["last_tag"]) == ("acmeacme@example.org", 1, 7)
    # What the database counts goes on behind what came.
    again = "INSERT INTO identity.audit_event (tenant_id, actor, action, resource, request_id)"
    await execute(second_database.admin_url, f"{again} SELECT 'acme', 'a', 'b', 'c', 'd' FROM generate_series(1, 3)")
    with pytest.raises(CommandError, match="already"):
        await import_tenant(second_database.admin_url, path, key)
    foreign = folder / "foreign.tenant"
    _add_row_of(path, foreign, key, lock, "identity.account", stranger=b"evil")
    await execute(second_database.admin_url, "TRUNCATE identity.tenant, historian.segment, historian.tag CASCADE")
    with pytest.raises(
        CommandError, match="rows of tenant 'evil' in identity\\.account, and says that it is of 'acme'"
    ):
        await import_tenant(second_database.admin_url, foreign, key)
    assert (await _likeness(second_database.admin_url))["accounts"] is None
    spoilt = folder / "spoilt.tenant"
    spoilt.write_bytes(_flipped(path.read_bytes(), path.stat().st_size - 100))
    await execute(second_database.admin_url, "TRUNCATE identity.tenant, historian.segment, historian.tag CASCADE")
    with pytest.raises(CommandError, match="damaged"):
        await import_tenant(second_database.admin_url, spoilt, key)
    assert (await _likeness(second_database.admin_url))["segments"] is None
