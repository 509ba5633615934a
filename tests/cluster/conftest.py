"""What tests on a cluster need beside one: Helm, and a registry that nodes reach."""

from collections.abc import Iterator

import pytest

from harness.cluster import helm_command
from harness.registry import Store, running_registry


@pytest.fixture(scope="session")
def helm() -> str:
    """The command."""
    found = helm_command()
    if found is None:
        pytest.skip("there is no helm command; `npm ci` in tests/cluster installs one")
    return found


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A registry on the engine that the nodes run on."""
    with running_registry(tmp_path_factory.mktemp("registry")) as made:
        yield made
