"""One platform for all of these tests: to build and to start it takes minutes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import compose as project
from harness.compose import Compose


@pytest.fixture(scope="package")
def compose(engine: Any, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Compose]:
    if reason := project.missing():
        pytest.skip(reason)
    socket = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    with project.started(tmp_path_factory.mktemp("compose"), free_port(), free_port(), socket) as opened:
        try:
            yield opened
        finally:
            sweep(engine, opened.project)


def sweep(engine: Any, platform: str) -> None:
    """Apps go on without their platform."""
    mine = {"label": f"io.dualspan.platform={platform}"}
    for container in engine.containers.list(all=True, filters=mine):
        container.remove(force=True, v=True)
    for rest in (*engine.networks.list(filters=mine), *engine.volumes.list(filters=mine)):
        rest.remove()
