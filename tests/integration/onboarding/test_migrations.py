import asyncpg
import pytest

from harness.databases import ClonedDatabase


async def test_an_enrolment_token_cannot_live_longer_than_an_hour_even_in_the_database(
    database: ClonedDatabase,
) -> None:
    connection = await asyncpg.connect(database.admin_url)
    try:
        await connection.execute(
            "INSERT INTO onboarding.gateway (tenant_id, gateway_id, display_name, site) VALUES ('acme', 'g1', '', '')"
        )
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO onboarding.enrolment_token (tenant_id, secret_sha256, gateway_id, expire_at)"
                " VALUES ('acme', 'x', 'g1', now() + interval '61 minutes')"
            )
    finally:
        await connection.close()
