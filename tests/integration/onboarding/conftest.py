"""Fixtures: the use cases of the onboarding service, on a real database."""

from collections.abc import AsyncGenerator, Callable
from datetime import timedelta

import pytest
from integration.identity.running import Identity, identity_settings, run_identity
from integration.onboarding.running import Onboarding, run_onboarding

from dualspan_onboarding.model import Limits, Timing
from dualspan_onboarding.settings import OnboardingSettings
from dualspan_runtime.settings import PlatformSettings
from harness.databases import ClonedDatabase
from harness.onboarding import SECRET, UseCases, open_use_cases


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def timing() -> Timing:
    return Timing(
        browse_offline_grace=timedelta(seconds=1),
        reconcile_interval=timedelta(seconds=0.5),
        expiry_interval=timedelta(0),
    )


@pytest.fixture
def onboarding_settings(database: ClonedDatabase) -> OnboardingSettings:
    return OnboardingSettings(
        listen="127.0.0.1:0",
        gateway_listen="127.0.0.1:0",
        enrol_listen="127.0.0.1:0",
        database_url=database.service_url("onboarding"),
        platform=PlatformSettings(service_secret=SECRET),  # pyright: ignore[reportCallIssue, reportArgumentType]
    )


@pytest.fixture
async def use_cases(
    onboarding_settings: OnboardingSettings, limits: Limits, timing: Timing
) -> AsyncGenerator[UseCases]:
    async with open_use_cases(onboarding_settings, limits, timing) as opened:
        yield opened


@pytest.fixture
async def identity(database: ClonedDatabase) -> AsyncGenerator[Identity]:
    async with run_identity(identity_settings(database)) as running:
        yield running


@pytest.fixture
async def historian_address(free_port: Callable[[], int]) -> str:
    """Where the historian is, or would be."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
async def onboarding(
    database: ClonedDatabase,
    identity: Identity,
    historian_address: str,
    free_port: Callable[[], int],
    limits: Limits,
    timing: Timing,
) -> AsyncGenerator[Onboarding]:
    async with run_onboarding(
        database, identity, historian_address, free_port, timing=timing, limits=limits
    ) as running:
        yield running
