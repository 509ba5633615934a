"""Row-level security of the catalogue: every tenant reads what is published, and changes none of it."""

import asyncpg
import pytest

from harness.databases import ClonedDatabase

SETUP = """
INSERT INTO marketplace.publisher VALUES ('acme', 'A', 'A', '', '', '', 'public'),
    ('shy', 'S', 'S', '', '', '', 'private');
INSERT INTO marketplace.app VALUES ('acme', 'a');
INSERT INTO marketplace.app_version
    (tenant_id, app_id, version, version_order, state, manifest, content_digest, signatures)
SELECT 'acme', 'a', state, state, state, '', '', '[]'
FROM unnest(ARRAY['draft', 'submitted', 'in-review', 'published', 'deprecated', 'withdrawn']) AS state;
INSERT INTO marketplace.picture
SELECT tenant_id, app_id, version, 'icon', state, '', '' FROM marketplace.app_version;
INSERT INTO marketplace.plan
SELECT 'acme', 'a', state, '', '', 'free', 0, '', 0, 0, state
FROM unnest(ARRAY['prepared', 'offered', 'retired']) AS state;
"""
VISIBLE = {
    "publisher": ("tenant_id", ["acme"]),
    "app": ("app_id", []),
    "app_version": ("state", ["deprecated", "published"]),
    "picture": ("state", ["deprecated", "published"]),
    "plan": ("state", ["offered"]),
}


@pytest.fixture
async def filled(database: ClonedDatabase) -> ClonedDatabase:
    admin = await asyncpg.connect(database.admin_url)
    await admin.execute(SETUP)
    await admin.close()
    return database


@pytest.mark.parametrize(("tenant", "sees"), [("rival", True), ("", False), (None, False)])
async def test_another_tenant_reads_what_is_published_and_nobody_reads_nothing(
    filled: ClonedDatabase, tenant: str | None, sees: bool
) -> None:
    connection = await asyncpg.connect(filled.service_url("marketplace"))
    async with connection.transaction():
        if tenant is not None:
            await connection.execute(f"SET LOCAL dualspan.tenant = '{tenant}'")
        for table, (column, expected) in VISIBLE.items():
            rows = await connection.fetch(f"SELECT {column} FROM marketplace.{table} ORDER BY 1")
            assert [row[0] for row in rows] == (expected if sees else []), table
    await connection.close()


@pytest.mark.parametrize("table", VISIBLE)
async def test_what_is_read_of_others_is_changed_by_nobody_else(filled: ClonedDatabase, table: str) -> None:
    connection = await asyncpg.connect(filled.service_url("marketplace"))
    async with connection.transaction():
        await connection.execute("SET LOCAL dualspan.tenant = 'rival'")
        assert await connection.execute(f"UPDATE marketplace.{table} SET tenant_id = tenant_id") == "UPDATE 0"
        assert await connection.execute(f"DELETE FROM marketplace.{table}") == "DELETE 0"
    await connection.close()


async def test_a_picture_is_as_public_as_its_version(filled: ClonedDatabase) -> None:
    connection = await asyncpg.connect(filled.service_url("marketplace"))
    async with connection.transaction():
        await connection.execute("SET LOCAL dualspan.tenant = 'acme'")
        await connection.execute("UPDATE marketplace.app_version SET state = 'withdrawn' WHERE version = 'published'")
        states = await connection.fetch("SELECT state FROM marketplace.picture WHERE version = 'published'")
    await connection.close()
    assert [row[0] for row in states] == ["withdrawn"]
