from collections.abc import AsyncGenerator

import pytest
from integration.identity.running import Identity, identity_settings, run_identity

from dualspan_identity.settings import IdentitySettings
from harness.databases import ClonedDatabase


@pytest.fixture
def settings(database: ClonedDatabase) -> IdentitySettings:
    return identity_settings(database)


@pytest.fixture
async def identity(settings: IdentitySettings) -> AsyncGenerator[Identity]:
    async with run_identity(settings) as running:
        yield running
