"""A cluster at hand, and an account there that has the rights which the platform's chart gives to its workers."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualspan_marketplace.deployments.helm.cli import Access

CHART = str(Path(__file__).resolve().parents[2] / "charts/dualspan")
_CLUSTER_TESTS = Path(__file__).resolve().parents[1] / "cluster"
# Of the images that tests build.
IMAGE_TAG = "cluster-test"
# The same images, as an upgrade finds them: every pod that serves or works is replaced.
NEXT_TAG = "cluster-test-next"
_PATIENCE_S = 90.0
_RELEASE = "dualspan"


def run(*command: str, given: str | None = None, timeout: float = 240) -> str:
    """What a command says."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def helm_command() -> str | None:
    """The command, of the machine or of `npm ci` in tests/cluster."""
    return shutil.which("helm") or shutil.which("helm", path=_CLUSTER_TESTS / "node_modules/.bin")


def chart_values() -> tuple[str, ...]:
    """Options of `helm` by which the chart runs beside `tests/cluster/databases.yaml`, with three simulated plants."""
    values = {
        "image.tag": IMAGE_TAG,
        "secret.name": "platform",
        "postgres.host": "postgres",
        "redis.url": "redis://redis:6379/0",
        "simulation.enabled": "true",
        "simulation.volumeSize": "",
    }
    return tuple(part for name, value in values.items() for part in ("--set", f"{name}={value}"))


def may(namespace: str, verb: str, what: str, where: str = "") -> bool:
    """Whether the account that the chart gives to the marketplace's workers may do something.

    Args:
        namespace: Of the platform.
        verb: Such as `get`.
        what: A resource, or a part of one: `pods`, `pods/exec`.
        where: A namespace; empty: in all, and what is in none.
    """
    kind, _, part = what.partition("/")
    place = ("--namespace", where) if where else ("--all-namespaces",)
    account = f"--as=system:serviceaccount:{namespace}:{_RELEASE}-apps"
    # With a slash it would be an object of that name.
    command = ["kubectl", "auth", "can-i", verb, kind, account, *place, *([f"--subresource={part}"] if part else [])]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "yes"


@dataclass(frozen=True)
class PlatformAccount:
    """An account in a namespace of its own, for a platform that has no other part on the cluster.

    Attributes:
        namespace: Where it is.
        prefix: Of the namespaces that it may make.
        access: To the cluster, as a pod of the platform has it.
    """

    namespace: str
    prefix: str
    access: Access

    @property
    def name(self) -> str:
        return f"{_RELEASE}-apps"

    @property
    def role(self) -> str:
        return f"{_RELEASE}-{self.namespace}-apps"


@contextmanager
def platform_account(helm: str, folder: Path) -> Generator[PlatformAccount]:
    """One that ends when the context does, and with it the namespaces that it made."""
    number = secrets.token_hex(3)
    namespace, prefix = f"dualspan-test-{number}", f"test-{number}"
    run("kubectl", "create", "namespace", namespace)
    rights = _rights(helm, namespace, prefix)
    try:
        run("kubectl", "apply", "--namespace", namespace, "--filename", "-", given=rights)
        yield PlatformAccount(namespace, prefix, _access(namespace, folder))
    finally:
        run("kubectl", "delete", "--namespace", namespace, "--filename", "-", "--wait=false", given=rights)
        run("kubectl", "delete", "namespace", namespace, "--wait=false")
        # Images cannot go before what runs of them.
        run("kubectl", "delete", "namespace", "--selector", f"dualspan.io/platform={prefix}", "--timeout=200s")


def _rights(helm: str, namespace: str, prefix: str) -> str:
    """What the platform's chart gives to the marketplace's workers."""
    values = {
        "secret.name": "platform",
        "postgres.host": "postgres",
        "redis.url": "redis://redis",
        "marketplace.kubernetes.enabled": "true",
        "marketplace.kubernetes.prefix": prefix,
    }
    chosen = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    shown = ("--show-only", "templates/apps.yaml", "--namespace", namespace)
    return run(helm, "template", "dualspan", CHART, *chosen, *shown)


def _access(namespace: str, folder: Path) -> Access:
    """The workers' account, as a pod would have it."""
    until = time.monotonic() + _PATIENCE_S
    account: dict[str, Any] = {}
    token = ""
    while not token:
        assert time.monotonic() < until, "the account gets no token"
        wanted = ("get", "serviceaccount", "dualspan-apps", "--output", "json")
        account = json.loads(run("kubectl", "--namespace", namespace, *wanted))
        if not account.get("secrets"):
            # Since 1.24 tokens are made when they are asked for.
            asked = subprocess.run(
                ("kubectl", "--namespace", namespace, "create", "token", "dualspan-apps"),
                capture_output=True,
                text=True,
                check=False,
            )
            token = asked.stdout.strip() if asked.returncode == 0 else ""
        else:
            secret = account["secrets"][0]["name"]
            found = json.loads(run("kubectl", "--namespace", namespace, "get", "secret", secret, "--output", "json"))
            token = base64.b64decode(found.get("data", {}).get("token", "")).decode()
        time.sleep(0.2)
    settings = json.loads(run("kubectl", "config", "view", "--raw", "--minify", "--output", "json"))
    server = settings["clusters"][0]["cluster"]
    authority = folder / "ca.crt"
    if "certificate-authority-data" in server:
        authority.write_bytes(base64.b64decode(server["certificate-authority-data"]))
    elif "certificate-authority" in server:
        authority.write_bytes(Path(server["certificate-authority"]).read_bytes())
    else:
        published = ("get", "configmap", "kube-root-ca.crt", "--output", "json")
        authority.write_text(json.loads(run("kubectl", "--namespace", namespace, *published))["data"]["ca.crt"])
    (folder / "token").write_text(token)
    return Access(server["server"], folder / "token", authority)
