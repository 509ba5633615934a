"""From objects that were checked to a chart that installs exactly them, confined. Pure.

A chart is rendered once, without a cluster to look at. What came out and was checked is packed as a chart of its own
without any template: what Helm installs is what was looked at, whatever the first chart would render another time.
"""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualspan_manifest import Manifest
from dualspan_marketplace.deployments.helm import names as marks
from dualspan_marketplace.deployments.helm.checks import Object, quantity, serves
from dualspan_marketplace.deployments.helm.names import Names
from dualspan_marketplace.deployments.provisioner import Orders

# Nobody of the node's, and the user of our own images.
USER = 10001
GIVEN = "/run/dualspan"
_GIVEN_VOLUME = "dualspan-given"
_TEMPORARY_VOLUME = "dualspan-tmp"
_TEMPORARY = "/tmp"  # noqa: S108 - the pod is the app's own
_DATA = "/tmp/dualspan-app"  # noqa: S108 - the pod is the app's own
_GRACE_SECONDS = 5
# Of a container, beside its files: a node keeps what it says, 50 MiB where nobody has set anything else.
_LOGS = 64 << 20
_FEW_FILES = "16Mi"


@dataclass(frozen=True, slots=True)
class Reach:
    """What an app may reach.

    Attributes:
        platform_namespace: Of the platform's own pods.
        platform_labels: That those pods carry which apps may ask.
        ports: Of theirs, such as the historian's.
        hosts: Addresses by the name that an app knows them by: the platform's Services, and what it has declared.
        outside: Addresses and TCP ports outside that were declared.
    """

    platform_namespace: str
    platform_labels: Mapping[str, str]
    ports: Sequence[int]
    hosts: Mapping[str, str]
    outside: Sequence[tuple[str, int]]


def seal(objects: Sequence[Object], orders: Orders, names: Names, reach: Reach) -> list[Object]:
    """The objects as they are installed: confined, labelled, with a Service and a policy of the network.

    Args:
        objects: Of the chart, checked.
        orders: What is started.
        names: Of the subscription.
        reach: What it may reach.
    """
    port = health_port(orders.manifest)
    whole = [_confined(each, orders, names, reach) for each in objects]
    whole += [_service(port), _policy(names, reach, port)]
    for each in whole:
        metadata = each.setdefault("metadata", {})
        metadata.setdefault("name", names.release)
        metadata["namespace"] = names.namespace
        labels = {**(metadata.get("labels") or {}), **names.labels, marks.GENERATION: str(orders.generation)}
        metadata["labels"] = labels
        if each["kind"] == "Service":
            selector = each["spec"].get("selector") or {}
            each["spec"]["selector"] = {**selector, **names.labels}
    listed = " ".join(sorted(called(each) for each in whole))
    for each in whole:
        content = each.get("spec", each.get("data", {}))
        given = each["metadata"].get("annotations") or {}
        sealed = {marks.OBJECTS: listed, **names.annotations}
        if each["kind"] in {"Service", "ConfigMap"}:
            # The others count their changes themselves.
            sealed[marks.SEALED] = json.dumps(content, sort_keys=True)
        each["metadata"]["annotations"] = {**given, **sealed}
    return whole


def called(given: Object) -> str:
    """Kind and name."""
    return f"{given['kind']}/{given['metadata']['name']}"


def health_port(manifest: Manifest) -> int:
    """The port that health is asked at, which is that of the pages."""
    return manifest.port(manifest.health.port)


def packed(objects: Sequence[Object], version: str) -> bytes:
    """A chart archive of objects as they are."""
    # One object a line: nothing in JSON can look like the end of a document.
    content = "\n---\n".join(json.dumps(each, sort_keys=True) for each in objects)
    chart = {"apiVersion": "v2", "name": "app", "version": "1.0.0", "appVersion": version}
    files = {
        "app/Chart.yaml": json.dumps(chart),
        "app/objects.yaml": content,
        # A file's content is not rendered again.
        "app/templates/objects.yaml": '{{ .Files.Get "objects.yaml" }}',
    }
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()


def _confined(given: Object, orders: Orders, names: Names, reach: Reach) -> Object:
    """A copy of an object, with everything set that keeps an app within bounds."""
    made: Object = json.loads(json.dumps(given))
    if made["kind"] != "Deployment":
        return made
    spec = made["spec"]
    spec["replicas"] = 1
    # Never two at a time, as with every other way to run it.
    spec["strategy"] = {"type": "Recreate"}
    serving = {marks.SERVES: "pages"} if serves(made, health_port(orders.manifest)) else {}
    spec["selector"]["matchLabels"] = {**spec["selector"]["matchLabels"], **names.labels}
    metadata = spec["template"]["metadata"]
    generation = {marks.GENERATION: str(orders.generation)}
    metadata["labels"] = {**metadata["labels"], **names.labels, **serving, **generation}
    _confine_pod(spec["template"]["spec"], orders, names, reach)
    return made


def _confine_pod(pod: dict[str, Any], orders: Orders, names: Names, reach: Reach) -> None:
    pod["securityContext"] = {
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        **(pod.get("securityContext") or {}),
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod["automountServiceAccountToken"] = False
    pod["enableServiceLinks"] = False
    pod.setdefault("terminationGracePeriodSeconds", _GRACE_SECONDS)
    # No server of names: it would be a way out.
    pod["dnsPolicy"] = "Default"
    addresses = sorted(set(reach.hosts.values()))
    pod["hostAliases"] = [
        {"ip": address, "hostnames": sorted(host for host, at in reach.hosts.items() if at == address)}
        for address in addresses
    ]
    limit = orders.manifest.resources.disk
    own = pod.get("volumes") or []
    for each in own:
        if "emptyDir" in each:
            asked = quantity(each["emptyDir"].get("sizeLimit"))
            # Without a limit, or with 0, it would be the node's whole disk.
            each["emptyDir"]["sizeLimit"] = str(int(min(asked, limit)) if asked and asked >= 1 else limit)
    pod["volumes"] = [
        *own,
        {"name": _GIVEN_VOLUME, "secret": {"secretName": names.given, "defaultMode": 0o440}},
        {"name": _TEMPORARY_VOLUME, "emptyDir": {"sizeLimit": str(limit)}},
    ]
    for each in [*pod["containers"], *(pod.get("initContainers") or ())]:
        _confine_container(each, orders)
        # Those of the containers together are the pod's: all its files may be as large as one was agreed to be.
        _limit_files(each, limit // len(pod["containers"]) + _LOGS)


def _confine_container(container: dict[str, Any], orders: Orders) -> None:
    container["securityContext"] = {
        **(container.get("securityContext") or {}),
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container.setdefault("imagePullPolicy", "IfNotPresent")
    # What it said last is then a part of its status, which may be read without leave to read logs.
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    mounts = [{"name": _GIVEN_VOLUME, "mountPath": GIVEN, "readOnly": True}]
    own = container.get("volumeMounts") or []
    if all(each.get("mountPath") != _TEMPORARY for each in own):
        mounts.append({"name": _TEMPORARY_VOLUME, "mountPath": _TEMPORARY})
    container["volumeMounts"] = [*own, *mounts]
    told = environment(orders)
    container["env"] = [*(each for each in container.get("env") or () if each.get("name") not in told)]
    container["env"] += [{"name": name, "value": value} for name, value in sorted(told.items())]
    container["resources"]["requests"] = {"cpu": "10m", "memory": "16Mi", **container["resources"].get("requests", {})}


def _limit_files(container: dict[str, Any], most: int) -> None:
    resources = container["resources"]
    resources["limits"]["ephemeral-storage"] = str(most)
    # Else it is the limit, which a node would have to keep free.
    resources["requests"]["ephemeral-storage"] = _FEW_FILES


def environment(orders: Orders) -> dict[str, str]:
    """What every container is told."""
    told = {
        **orders.environment,
        **{each.variable: f"{GIVEN}/{each.file}" for each in orders.files},
        "HOST": "0.0.0.0",
        "PORT": str(health_port(orders.manifest)),
        "DATA": _DATA,
    }
    return {f"DUALSPAN_APP_{key}": value for key, value in told.items()}


def _service(port: int) -> Object:
    """Where the platform asks for health and pages."""
    ports = [{"name": "pages", "port": port, "targetPort": port, "protocol": "TCP"}]
    spec = {"type": "ClusterIP", "selector": {marks.SERVES: "pages"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": spec}


def _policy(names: Names, reach: Reach, port: int) -> Object:
    """Nothing comes in but the platform's questions, nothing goes out but to the platform and what was declared."""
    platform = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": reach.platform_namespace}},
        "podSelector": {"matchLabels": dict(reach.platform_labels)},
    }
    own = {"podSelector": {"matchLabels": names.labels}}
    outward: list[Object] = [
        {"to": [platform], "ports": [{"protocol": "TCP", "port": each} for each in reach.ports]},
        {"to": [own]},
    ]
    for address, outside in sorted(reach.outside):
        block = f"{address}/{128 if ':' in address else 32}"
        outward.append({"to": [{"ipBlock": {"cidr": block}}], "ports": [{"protocol": "TCP", "port": outside}]})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {},
        "spec": {
            "podSelector": {"matchLabels": names.labels},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": [platform], "ports": [{"protocol": "TCP", "port": port}]},
                {"from": [own]},
            ],
            "egress": outward,
        },
    }
