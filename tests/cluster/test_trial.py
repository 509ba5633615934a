"""The scenario `trial`, as somebody tries the platform: one command, an app on it, gone again, come back."""

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dualspan_cli.demo.image import AppImage
from dualspan_cli.engine import Engine
from dualspan_manifest import parse
from harness.cluster import CHART, IMAGE_TAG, may, run
from harness.registry import Store
from harness.release import Release, own_namespace, volumes, wait_until

ROOT = Path(__file__).resolve().parents[2]
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
    "postgres",
    "redis",
}
CLAIMS = {"data-dualspan-postgres-0": "10Gi", "data-dualspan-redis-0": "1Gi", "state-dualspan-factory-0": "1Gi"}
SECRET = "dualspan-secrets"
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
FACTORY = ("exec", "--stdin", "dualspan-factory-0", "--container", "connect", "--", "python")

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Trial:
    """The scenario's release, with apps on the cluster.

    Attributes:
        prefix: Of the namespaces of apps.
    """

    release: Release
    prefix: str

    @property
    def space(self) -> str:
        """Where the tenant's apps are."""
        return f"{self.prefix}-apps-home"

    def python(self, *arguments: str, given: str | None = None) -> str:
        """What Python says in the factory's pod, as who runs the platform."""
        return self.release.kubectl(*FACTORY, *arguments, given=given, timeout=180)

    def dualspan(self, *arguments: str) -> Any:
        """The answer to the administrator's command, in the factory's pod."""
        return json.loads(self.python("-m", "dualspan_cli", *arguments, "--tenant", "home", "--json"))

    def stored_samples(self) -> int:
        """Sealed and unsealed ones, as the database itself counts them."""
        query = (
            "SELECT (SELECT coalesce(sum(sample_count), 0) FROM historian.frame)"
            " + (SELECT coalesce(sum(sample_count), 0) FROM historian.segment)"
        )
        psql = ("psql", "--username=postgres", "--dbname=dualspan", "--tuples-only", "--no-align", "--command", query)
        return int(self.release.kubectl("exec", "dualspan-postgres-0", "--", *psql))


def user_of(image: str, name: str) -> str:
    """The number by which an image knows a user."""
    return run("docker", "run", "--rm", "--entrypoint", "id", image, "-u", name).strip()


@pytest.fixture(scope="module")
def trial(helm: str, images: None, tools: str, chart: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    prefix = f"test-{secrets.token_hex(4)}"
    values = {
        "image.tag": IMAGE_TAG,
        "bundled.postgres.user": user_of("postgres:17", "postgres"),
        "bundled.redis.user": user_of("redis:7", "redis"),
        # Apps run on this very cluster, whose kubelets sign for themselves.
        "marketplace.kubernetes.enabled": "true",
        "marketplace.kubernetes.prefix": prefix,
        "marketplace.kubernetes.helm.image": tools,
        "marketplace.kubernetes.usage.kubelets": "unverified",
    }
    own = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    options = ("--values", f"{CHART}/scenarios/trial.yaml", *own)
    with own_namespace() as namespace, volumes(namespace, tmp_path_factory.mktemp("volumes"), CLAIMS):
        release = Release(helm, chart, namespace, options)
        try:
            release.install()
            yield Trial(release, prefix)
        finally:
            # The cluster takes a minute for each, and nobody needs to wait for that.
            run("kubectl", "delete", "namespace", "--selector", f"dualspan.io/platform={prefix}", "--wait=false")
            outside = (f"dualspan-{namespace}-tenants", f"dualspan-{namespace}-apps", "--ignore-not-found")
            run("kubectl", "delete", "clusterrole,clusterrolebinding", *outside)


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


def test_every_pod_is_ready(trial: Trial) -> None:
    pods = trial.release.pods()
    assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods} == COMPONENTS
    assert trial.release.not_ready() == set()


def test_helm_test_is_green(trial: Trial) -> None:
    assert "Succeeded" in trial.release.helm("test", "dualspan", "--timeout=120s")


def test_nothing_runs_as_root(trial: Trial) -> None:
    seen = {
        pod["metadata"]["name"]: trial.release.kubectl("exec", pod["metadata"]["name"], "--", "id", "-u").strip()
        for pod in trial.release.pods()
    }
    stores = {name for name in seen if name in {"dualspan-postgres-0", "dualspan-redis-0"}}
    assert len(stores) == 2
    assert "0" not in seen.values()
    assert {seen[name] for name in seen.keys() - stores} == {"10001"}


def test_console_answers(trial: Trial) -> None:
    service = f"/api/v1/namespaces/{trial.release.namespace}/services/dualspan-console:8080/proxy/"
    assert "DualSpan" in run("kubectl", "get", "--raw", service)


def test_three_plants_stream(trial: Trial) -> None:
    tags = trial.dualspan("tags", "list")
    assert len({tag["server"] for tag in tags}) == 3
    assert {tag["state"] for tag in tags} == {"TAG_STATE_ACTIVE"}
    before = trial.stored_samples()
    wait_until("more samples", lambda: trial.stored_samples() > before + len(tags))


def test_an_app_runs_as_a_release_on_the_same_cluster(trial: Trial, board: str) -> None:
    trial.python("-c", OFFER, given=json.dumps(offered(board)))
    made = trial.dualspan("subscriptions", "create", "oee-board", "--plan", "free", "--accept")
    assert made["state"] == "SUBSCRIPTION_STATE_ACTIVE"
    (machines,) = [role["assets"] for role in made["roles"]]
    (deployed,) = json.loads(run(trial.release.helm_path, "--namespace", trial.space, "list", "--output", "json"))
    assert (deployed["name"], deployed["status"]) == ("app-oee-board", "deployed")

    def shown() -> set[str]:
        page = f"/api/v1/namespaces/{trial.space}/services/app-oee-board:8080/proxy/api/board?span=day"
        answer = subprocess.run(["kubectl", "get", "--raw", page], capture_output=True, text=True, check=False)
        return {each["id"] for each in json.loads(answer.stdout)["machines"]} if answer.returncode == 0 else set()

    # It has the factory's data, by its own token, out of a namespace that reaches nothing else.
    wait_until("the board to show all machines", lambda: shown() == set(machines))


def test_the_marketplaces_workers_may_no_more_than_they_need(trial: Trial) -> None:
    own = trial.release.namespace
    for verb, what, where, wanted in (
        ("create", "deployments.apps", trial.space, True),
        ("get", "nodes/stats", "", True),
        ("get", "nodes/proxy", "", False),
        ("get", "secrets", own, False),
        ("create", "deployments.apps", own, False),
        ("create", "pods/exec", trial.space, False),
        ("get", "pods/log", trial.space, True),
        ("get", "pods/log", own, False),
        ("delete", "namespaces", "", False),
        ("create", "clusterroles.rbac.authorization.k8s.io", "", False),
        ("impersonate", "users", "", False),
    ):
        assert may(own, verb, what, where) is wanted, (verb, what, where)


def test_what_an_app_uses_is_counted(trial: Trial) -> None:
    def counted() -> set[str]:
        told = trial.dualspan("usage", "show", "oee-board")
        return {each["dimension"] for each in told.get("amounts", ()) if each["quantity"] > 0}

    # Kubelets count every 10 s or so, and are asked each minute.
    wait_until(
        "processor time and memory",
        lambda: counted() >= {f"USAGE_DIMENSION_{each}_HOURS" for each in ("CPU", "MEMORY")},
    )


def test_a_cancelled_app_leaves_nothing(trial: Trial) -> None:
    trial.dualspan("subscriptions", "cancel", "oee-board")
    label = ("--selector", "dualspan.io/subscription=oee-board")
    left = ("kubectl", "--namespace", trial.space, "get", "deployments,pods,services,secrets,configmaps", *label)
    wait_until("its objects to go", lambda: run(*left, "--output", "name") == "")
    listed = run(trial.release.helm_path, "--namespace", trial.space, "list", "--all", "--output", "json")
    assert json.loads(listed) == []


def test_uninstall_keeps_the_data_and_the_secret_and_an_installation_finds_them(trial: Trial) -> None:
    release = trial.release
    secret, before = release.secret(SECRET), trial.stored_samples()
    assert before > 0
    claimed = {each["metadata"]["name"]: each["spec"]["volumeName"] for each in release.read("persistentvolumeclaims")}
    assert claimed.keys() == CLAIMS.keys()

    release.helm("uninstall", "dualspan")
    wait_until("its pods to end", lambda: release.pods() == [])
    assert release.left("deployments,statefulsets,services,jobs,configmaps,secrets") == {f"secret/{SECRET}"}
    kept = {each["metadata"]["name"]: each["spec"]["volumeName"] for each in release.read("persistentvolumeclaims")}
    assert (kept, release.secret(SECRET)) == (claimed, secret)

    release.install("--set", "simulation.enabled=false")
    assert release.secret(SECRET) == secret
    assert trial.stored_samples() >= before
