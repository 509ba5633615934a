from collections.abc import AsyncGenerator

import pytest
from integration.identity.running import Identity, identity_settings, run_identity
from integration.runtime.probe import Probe, run_probe

from harness.databases import ClonedDatabase


@pytest.fixture
async def identity(database: ClonedDatabase) -> AsyncGenerator[Identity]:
    async with run_identity(identity_settings(database)) as running:
        yield running


@pytest.fixture
async def probe(identity: Identity) -> AsyncGenerator[Probe]:
    async with run_probe(identity) as running:
        yield running
