"""Helm, which renders the chart without a cluster."""

import pytest

from harness.cluster import helm_command


@pytest.fixture(scope="session")
def helm() -> str:
    """The command."""
    found = helm_command()
    if found is None:
        pytest.skip("there is no helm command; `npm ci` in tests/cluster installs one")
    return found
