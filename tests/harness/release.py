"""The chart as a release in a namespace of its own, as who runs the platform has it."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dualspan_cli.session import Access, Addresses
from harness.cluster import run

NAME = "dualspan"
# On a machine that is busy with something else, a cluster needs minutes to end a release's pods.
PATIENCE_S = 240.0
_INSTALLED = ("--wait", "--timeout=300s")
# What changes nothing of the release by being there: neither a hook's pod nor the databases.
_OWN = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component notin (migrate,test)"
_PORTS = {"identity": 7401, "onboarding": 7402, "historian": 7403, "analytics": 7404, "marketplace": 7405}


def wait_until(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(1)


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart.

    Attributes:
        helm_path: The command.
        chart: Its folder.
        namespace: Where it is, and nothing else but what a test put there.
        options: Of `helm install` and `helm upgrade`: values.
    """

    helm_path: str
    chart: str
    namespace: str
    options: Sequence[str]

    def kubectl(self, *arguments: str, given: str | None = None, timeout: float = 60) -> str:
        return run("kubectl", "--namespace", self.namespace, *arguments, given=given, timeout=timeout)

    def helm(self, *arguments: str) -> str:
        return run(self.helm_path, "--namespace", self.namespace, *arguments, timeout=600)

    def install(self, *more: str) -> None:
        """Until every pod is ready."""
        self.helm("install", NAME, self.chart, *self.options, *more, *_INSTALLED)

    def upgrade(self, *more: str) -> None:
        """Until every new pod is ready, and before the last old one has ended."""
        self.helm("upgrade", NAME, self.chart, *self.options, *more, *_INSTALLED)

    def rollback(self, revision: int) -> None:
        self.helm("rollback", NAME, str(revision), *_INSTALLED)

    def read(self, kind: str, *options: str) -> list[dict[str, Any]]:
        """Objects of the namespace."""
        return json.loads(self.kubectl("get", kind, *options, "--output", "json"))["items"]

    def pods(self) -> list[dict[str, Any]]:
        return self.read("pods", "--selector", _OWN)

    def left(self, kinds: str) -> set[str]:
        """`kind/name` of what there is of the release."""
        labelled = ("--selector", f"app.kubernetes.io/instance={NAME}")
        return set(self.kubectl("get", kinds, *labelled, "--output", "name").split())

    def not_ready(self) -> set[str]:
        """Containers that are not ready."""
        return {
            f"{pod['metadata']['name']}/{container['name']}"
            for pod in self.pods()
            for container in pod["status"].get("containerStatuses", [{"name": "", "ready": False}])
            if not container["ready"]
        }

    def log(self, owner: str, container: str) -> str:
        """What a container has said; "" while it has not begun."""
        asked = ["kubectl", "--namespace", self.namespace, "logs", owner, "--container", container]
        return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False).stdout

    def secret(self, name: str) -> Mapping[str, str]:
        """What a Secret holds."""
        found = json.loads(self.kubectl("get", "secret", name, "--output", "json"))
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def service_address(self, name: str, port: int) -> str:
        """Where a Service of the release is. Nodes reach it, and tests run on one."""
        found = self.kubectl("get", "service", f"{NAME}-{name}", "--output", "jsonpath={.spec.clusterIP}")
        return f"{found}:{port}"

    def access(self, secret: str) -> Access:
        """Acts as the platform itself, as the administrator's command would in a pod.

        Args:
            secret: Name of the Secret that the release reads.
        """
        addresses = Addresses(*(self.service_address(name, port) for name, port in _PORTS.items()))
        return Access(addresses, service_secret=self.secret(secret)["service-secret"], tenant="tenants/home")


def node_address() -> str:
    """Of the cluster's first node."""
    (address, *_) = run(
        "kubectl", "get", "nodes", "--output", "jsonpath={.items[*].status.addresses[?(@.type=='InternalIP')].address}"
    ).split()
    return address


@contextmanager
def own_namespace() -> Generator[str]:
    """A namespace that ends with the context, and all in it; nobody waits for that."""
    name = f"dualspan-test-{secrets.token_hex(4)}"
    run("kubectl", "create", "namespace", name)
    try:
        yield name
    finally:
        run("kubectl", "delete", "namespace", name, "--wait=false")


@contextmanager
def volumes(namespace: str, folder: Path, claims: Mapping[str, str]) -> Generator[None]:
    """Volumes for claims that are still to come, for clusters that make none by themselves.

    Args:
        namespace: Of the claims.
        folder: Where the volumes are, on this machine, which is the node.
        claims: Name → size.
    """
    with ExitStack() as stack:
        for claim, size in claims.items():
            place = folder / claim
            place.mkdir()
            # Kubernetes gives folders of a node to nobody in particular.
            place.chmod(0o777)
            volume = {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"{namespace}-{claim}"},
                "spec": {
                    "capacity": {"storage": size},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "claimRef": {"namespace": namespace, "name": claim},
                    "hostPath": {"path": str(place)},
                },
            }
            run("kubectl", "create", "--filename", "-", given=yaml.safe_dump(volume))
            stack.callback(run, "kubectl", "delete", "persistentvolume", f"{namespace}-{claim}", "--wait=false")
        yield
