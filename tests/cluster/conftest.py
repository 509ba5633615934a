"""What tests on a cluster need beside one: Helm, the chart and its images, and a registry that nodes reach."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cluster import CHART, IMAGE_TAG, NEXT_TAG, helm_command, run
from harness.registry import Store, running_registry

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("identity", "onboarding", "historian", "analytics", "marketplace", "console", "access")
MEMBERS = ("cli", *SERVICES, "edge", "plc-sim")
MODULES = {"plc-sim": "plc_sim"}


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


@pytest.fixture(scope="session")
def cluster() -> None:
    """A Kubernetes whose nodes run the images of this machine's Docker Engine."""
    if shutil.which("kubectl") is None or shutil.which("docker") is None:
        pytest.skip("there is no kubectl or no docker command")
    asked = ["kubectl", "get", "nodes", "--request-timeout=5s", "--output"]
    runtime = "jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}"
    answer = subprocess.run([*asked, runtime], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip("`kubectl get nodes` gets no answer from a cluster")
    if not answer.stdout.startswith("docker://"):
        pytest.skip(f"the nodes run {answer.stdout}, which does not see images that are built here")


@pytest.fixture(scope="session")
def images(cluster: None) -> None:
    """Every image of the chart, built from this tree, and the same by the name of a release that follows."""
    for name in MEMBERS:
        module = MODULES.get(name, f"dualspan_{name}")
        arguments = ("--build-arg", f"MEMBER=dualspan-{name}", "--build-arg", f"MODULE={module}")
        tag = f"dualspan/{name}:{IMAGE_TAG}"
        # Builds share the machine's network: some machines reach package indexes through it only.
        run("docker", "build", "--quiet", "--network=host", *arguments, "--tag", tag, str(ROOT), timeout=900)
        run("docker", "tag", tag, f"dualspan/{name}:{NEXT_TAG}")


@pytest.fixture(scope="session")
def tools(cluster: None, helm: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that has the helm command."""
    folder, tag = tmp_path_factory.mktemp("tools"), f"dualspan/helm:{IMAGE_TAG}"
    shutil.copy(Path(helm).resolve(), folder / "helm")
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY helm /usr/bin/helm\n")
    run("docker", "build", "--quiet", "--tag", tag, str(folder), timeout=300)
    return tag


@pytest.fixture(scope="session")
def chart(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The chart; without its `kubeVersion` where a cluster was built from source and calls itself v0.0.0."""
    answer = json.loads(run("kubectl", "version", "--output", "json"))
    if not answer["serverVersion"]["gitVersion"].startswith("v0.0.0"):
        return CHART
    copy = tmp_path_factory.mktemp("chart") / "dualspan"
    shutil.copytree(CHART, copy)
    about = copy / "Chart.yaml"
    about.write_text(re.sub(r"^kubeVersion:.*\n", "", about.read_text(), flags=re.MULTILINE))
    return str(copy)
