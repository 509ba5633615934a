"""charts/dualspan as a platform admin uses it: installed, streaming, upgraded, uninstalled."""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dualspan_cli.demo.image import AppImage
from dualspan_cli.engine import Engine
from dualspan_manifest import parse
from harness.cluster import CHART, IMAGE_TAG, chart_values, may, run
from harness.registry import Store

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SERVICES = ("identity", "onboarding", "historian", "analytics", "marketplace", "console", "access")
MEMBERS = ("cli", *SERVICES, "edge", "plc-sim")
MODULES = {"plc-sim": "plc_sim"}
COMPONENTS = {
    "identity",
    "onboarding",
    "historian",
    "worker-beat",
    "analytics",
    "analytics-worker-beat",
    "marketplace",
    "marketplace-worker-beat",
    "console",
    "access",
    "factory",
}
PASSWORD = "the first password"
PROCESS = "process: {module: oee_board}"
# Publishes what it is given, under a free plan, as who runs the platform.
OFFER = """
import asyncio, base64, json, sys
from dualspan_cli.publishing.offering import offer
from dualspan_cli.session import choose_access
from dualspan_cli.settings import CliSettings
given = json.load(sys.stdin)
pictures = {path: base64.b64decode(each) for path, each in given["pictures"].items()}
asyncio.run(offer(choose_access(CliSettings()), given["manifest"], pictures))
"""
PATIENCE_S = 120.0

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]


def wait_until(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}"
        time.sleep(1)


@dataclass(frozen=True, slots=True)
class Release:
    """The chart in a namespace of its own, beside a PostgreSQL and a Redis."""

    helm_path: str
    namespace: str
    chart: str
    prefix: str
    tools: str

    def kubectl(self, *arguments: str, timeout: float = 60) -> str:
        return run("kubectl", "--namespace", self.namespace, *arguments, timeout=timeout)

    def helm(self, *arguments: str) -> str:
        return run(self.helm_path, "--namespace", self.namespace, *arguments, timeout=600)

    def values(self) -> tuple[str, ...]:
        """Apps run on this very cluster, whose kubelets sign for themselves."""
        values = {
            "enabled": "true",
            "prefix": self.prefix,
            "helm.image": self.tools,
            "usage.kubelets": "unverified",
        }
        own = [part for name, value in values.items() for part in ("--set", f"marketplace.kubernetes.{name}={value}")]
        return (*chart_values(), *own)

    def pods(self) -> list[dict[str, Any]]:
        """The release's pods: neither the databases nor what a hook made."""
        selector = "app.kubernetes.io/instance=dualspan,app.kubernetes.io/component!=migrate"
        return json.loads(self.kubectl("get", "pods", "--selector", selector, "--output", "json"))["items"]

    def dualspan(self, *arguments: str) -> str:
        """The administrator's command, in the factory's pod."""
        return self.python("-m", "dualspan_cli", *arguments, "--json")

    def python(self, *arguments: str, given: str | None = None) -> str:
        """What Python says in the factory's pod, as who runs the platform."""
        pod = ("exec", "--stdin", "dualspan-factory-0", "--container", "connect", "--")
        return run("kubectl", "--namespace", self.namespace, *pod, "python", *arguments, timeout=180, given=given)

    def stored_samples(self) -> int:
        """Sealed and unsealed ones, as the database itself counts them."""
        query = (
            "SELECT (SELECT coalesce(sum(sample_count), 0) FROM historian.frame)"
            " + (SELECT coalesce(sum(sample_count), 0) FROM historian.segment)"
        )
        psql = ("psql", "--username=postgres", "--dbname=dualspan", "--tuples-only", "--no-align", "--command", query)
        return int(self.kubectl("exec", "deployment/postgres", "--", *psql))


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def images(cluster: None) -> None:
    """Every image of the chart, built from this tree."""
    for name in MEMBERS:
        module = MODULES.get(name, f"dualspan_{name}")
        arguments = ("--build-arg", f"MEMBER=dualspan-{name}", "--build-arg", f"MODULE={module}")
        # Builds share the machine's network: some machines reach package indexes through it only.
        tag = ("--tag", f"dualspan/{name}:{IMAGE_TAG}")
        run("docker", "build", "--quiet", "--network=host", *arguments, *tag, str(ROOT), timeout=900)


@pytest.fixture(scope="module")
def tools(cluster: None, helm: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that has the helm command."""
    folder, tag = tmp_path_factory.mktemp("tools"), f"dualspan/helm:{IMAGE_TAG}"
    shutil.copy(Path(helm).resolve(), folder / "helm")
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY helm /usr/bin/helm\n")
    run("docker", "build", "--quiet", "--tag", tag, str(folder), timeout=300)
    return tag


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def release(helm: str, images: None, tools: str, chart: str) -> Iterator[Release]:
    number = secrets.token_hex(4)
    opened = Release(helm, f"dualspan-test-{number}", chart, f"test-{number}", tools)
    password = secrets.token_hex(16)
    values = {
        "service-secret": secrets.token_hex(32),
        "database-password": password,
        "first-password": PASSWORD,
        "admin-database-url": f"postgresql://postgres:{password}@postgres:5432/dualspan",
    }
    run("kubectl", "create", "namespace", opened.namespace)
    try:
        literals = [f"--from-literal={key}={value}" for key, value in values.items()]
        opened.kubectl("create", "secret", "generic", "platform", *literals)
        opened.kubectl("apply", "--filename", str(HERE / "databases.yaml"))
        for name in ("postgres", "redis"):
            opened.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s", timeout=150)
        opened.helm("install", "dualspan", chart, *opened.values(), "--wait", "--timeout=300s")
        yield opened
    finally:
        apps = ("--selector", f"dualspan.io/platform={opened.prefix}")
        # The cluster takes a minute for each, and nobody needs to wait for that.
        run("kubectl", "delete", "namespace", *apps, "--wait=false")
        run("kubectl", "delete", "clusterrole,clusterrolebinding", *_of(opened.namespace))
        run("kubectl", "delete", "namespace", opened.namespace, "--wait=false")


def _of(namespace: str) -> tuple[str, ...]:
    """The names of what the chart has outside of its namespace."""
    return (f"dualspan-{namespace}-tenants", f"dualspan-{namespace}-apps", "--ignore-not-found")


@pytest.fixture(scope="module")
def board(store: Store) -> str:
    """The OEE board's image, by its digest in a registry that the nodes reach."""
    made = AppImage("dualspan/oee-board", "dualspan-app-oee-board", "oee_board")
    loaded = made.load(Engine(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")))
    return store.push_image(loaded.rpartition("@")[2], "oee-board")


def offered(image: str) -> dict[str, Any]:
    """Its manifest as its publisher has it, but as a container, and the pictures that it names."""
    folder = ROOT / "apps/oee-board"
    text = (folder / "app.yaml").read_text()
    assert text.count(PROCESS) == 1
    text = text.replace(PROCESS, f"docker: {{image: {image}}}")
    manifest = parse(text)
    paths = [path for path in (manifest.icon, *manifest.screenshots) if path]
    pictures = {path: base64.b64encode((folder / path).read_bytes()).decode() for path in paths}
    return {"manifest": text, "pictures": pictures}


def test_every_pod_is_ready(release: Release) -> None:
    pods = release.pods()
    assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods} == COMPONENTS
    ready = {
        f"{pod['metadata']['name']}/{container['name']}": container["ready"]
        for pod in pods
        for container in pod["status"]["containerStatuses"]
    }
    assert ready == dict.fromkeys(ready, True)


def test_nothing_runs_as_root(release: Release) -> None:
    for pod in release.pods():
        assert release.kubectl("exec", pod["metadata"]["name"], "--", "id", "-u").strip() == "10001"


def test_console_answers(release: Release) -> None:
    service = f"/api/v1/namespaces/{release.namespace}/services/dualspan-console:8080/proxy/"
    assert "DualSpan" in run("kubectl", "get", "--raw", service)


def test_three_plants_stream(release: Release) -> None:
    tags = json.loads(release.dualspan("tags", "list", "--tenant", "home"))
    assert len({tag["server"] for tag in tags}) == 3
    assert {tag["state"] for tag in tags} == {"TAG_STATE_ACTIVE"}
    before = release.stored_samples()
    wait_until("more samples", lambda: release.stored_samples() > before + len(tags))


def test_an_app_runs_as_a_release_on_the_same_cluster(release: Release, board: str) -> None:
    release.python("-c", OFFER, given=json.dumps(offered(board)))
    made = json.loads(
        release.dualspan("subscriptions", "create", "oee-board", "--plan", "free", "--accept", "--tenant", "home")
    )
    assert made["state"] == "SUBSCRIPTION_STATE_ACTIVE"
    (machines,) = [role["assets"] for role in made["roles"]]
    space = f"{release.prefix}-apps-home"
    (deployed,) = json.loads(run(release.helm_path, "--namespace", space, "list", "--output", "json"))
    assert (deployed["name"], deployed["status"]) == ("app-oee-board", "deployed")

    def shown() -> set[str]:
        page = f"/api/v1/namespaces/{space}/services/app-oee-board:8080/proxy/api/board?span=day"
        answer = subprocess.run(["kubectl", "get", "--raw", page], capture_output=True, text=True, check=False)
        return {each["id"] for each in json.loads(answer.stdout)["machines"]} if answer.returncode == 0 else set()

    # It has the factory's data, by its own token, out of a namespace that reaches nothing else.
    wait_until("the board to show all machines", lambda: shown() == set(machines))


def test_the_marketplaces_workers_may_no_more_than_they_need(release: Release) -> None:
    space = f"{release.prefix}-apps-home"
    for verb, what, where, wanted in (
        ("create", "deployments.apps", space, True),
        ("get", "nodes/stats", "", True),
        ("get", "nodes/proxy", "", False),
        ("get", "secrets", release.namespace, False),
        ("create", "deployments.apps", release.namespace, False),
        ("create", "pods/exec", space, False),
        ("get", "pods/log", space, True),
        ("get", "pods/log", release.namespace, False),
        ("delete", "namespaces", "", False),
        ("create", "clusterroles.rbac.authorization.k8s.io", "", False),
        ("impersonate", "users", "", False),
    ):
        assert may(release.namespace, verb, what, where) is wanted, (verb, what, where)


def test_what_an_app_uses_is_counted(release: Release) -> None:
    def counted() -> set[str]:
        told = json.loads(release.dualspan("usage", "show", "oee-board", "--tenant", "home"))
        return {each["dimension"] for each in told.get("amounts", ()) if each["quantity"] > 0}

    # Kubelets count every 10 s or so, and are asked each minute.
    wait_until(
        "processor time and memory",
        lambda: counted() >= {f"USAGE_DIMENSION_{each}_HOURS" for each in ("CPU", "MEMORY")},
    )


def test_a_cancelled_app_leaves_nothing(release: Release) -> None:
    release.dualspan("subscriptions", "cancel", "oee-board", "--tenant", "home")
    space, label = f"{release.prefix}-apps-home", ("--selector", "dualspan.io/subscription=oee-board")
    left = ("kubectl", "--namespace", space, "get", "deployments,pods,services,secrets,configmaps", *label)
    wait_until("its objects to go", lambda: run(*left, "--output", "name") == "")
    assert json.loads(run(release.helm_path, "--namespace", space, "list", "--all", "--output", "json")) == []


def test_upgrade_migrates_again_and_keeps_what_is_stored(release: Release) -> None:
    before = release.stored_samples()
    more = ("--set", "services.worker.replicas=2")
    release.helm("upgrade", "dualspan", release.chart, *release.values(), *more, "--wait", "--timeout=300s")
    components = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in release.pods()}
    assert components == {*COMPONENTS, "worker"}
    wait_until("samples after the upgrade", lambda: release.stored_samples() > before)


def test_uninstall_leaves_nothing_of_the_release(release: Release) -> None:
    release.helm("uninstall", "dualspan")
    wait_until("its pods to end", lambda: release.pods() == [])
    kinds = "deployments,statefulsets,services,jobs,configmaps"
    label = ("--selector", "app.kubernetes.io/instance=dualspan")
    assert release.kubectl("get", kinds, *label, "--output", "name") == ""
