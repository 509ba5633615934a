"""The engine that these tests run on: where Docker's own commands look for one."""

import os
from typing import Any

import docker
import pytest

DEFAULT = "unix:///var/run/docker.sock"


@pytest.fixture(scope="session")
def engine_url() -> str:
    """Its socket."""
    return os.environ.get("DOCKER_HOST", DEFAULT)


@pytest.fixture(scope="session")
def engine(engine_url: str) -> Any:
    """Its client."""
    return docker.DockerClient(base_url=engine_url, timeout=120)
