"""The moments at which faults strike: others in each run, and the same again on demand."""

import os
import random

import pytest

SEED = "DUALSPAN_TEST_SEED"


def run_seed() -> str:
    """Another one in each run, the same in all of its workers; set it to have a run's moments again."""
    return os.environ.setdefault(SEED, str(random.SystemRandom().randrange(1 << 32)))


def pytest_configure() -> None:
    """Chooses the seed before workers start, so that they inherit it."""
    run_seed()


def pytest_report_header() -> str:
    return f"faults strike at moments of {SEED}={run_seed()}"


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> random.Random:
    """When faults strike in this test."""
    print(f"{SEED}={run_seed()} repeats these moments")
    return random.Random(f"{run_seed()} {request.node.name}")
