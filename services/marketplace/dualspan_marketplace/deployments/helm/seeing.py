"""What a cluster says of a subscription's objects, as an instance. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dualspan_marketplace.deployments.helm import names as marks
from dualspan_marketplace.deployments.helm.checks import Object
from dualspan_marketplace.deployments.helm.names import Names
from dualspan_marketplace.deployments.helm.sealing import called
from dualspan_marketplace.deployments.helm.spaces import is_as
from dualspan_marketplace.deployments.provisioner import Found, Holding

DEPLOYED = "deployed"
# A container that waits for one of these waits in vain.
_IN_VAIN = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
_LAST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """What carries a subscription's labels.

    Attributes:
        objects: Of the release.
        pods: Of its Deployments, as far as anything runs of them.
        others: The Secret of what it is given.
        releases: The status of each of Helm's own records of it.
        hosts: Addresses of the platform as they are now.
    """

    objects: Sequence[Object]
    pods: Sequence[Object]
    others: Sequence[Object]
    releases: Sequence[str]
    hosts: Mapping[str, str]


def holding(seen: Seen, names: Names) -> Holding:
    """What is there of a subscription."""
    remains = bool(seen.objects or seen.pods or seen.others or seen.releases)
    deployments = [each for each in seen.objects if each["kind"] == "Deployment"]
    if not deployments:
        return Holding((), remains=remains)
    first = min(deployments, key=lambda each: each["metadata"]["creationTimestamp"])
    words = _end(deployments, seen.pods)
    found = Found(
        handle=first["metadata"]["uid"],
        generation=int(first["metadata"]["labels"].get(marks.GENERATION, "0")),
        started=datetime.fromisoformat(first["metadata"]["creationTimestamp"]),
        alive=not words,
        altered=_altered(seen, names),
        address=_address(seen.objects, names),
        words=words,
    )
    return Holding((found,), remains=True)


def runs(pod: Object) -> bool:
    """Whether anything of a pod runs, or may yet: the cluster keeps one that has ended for a while."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    ended = bool(statuses) and all(map(_has_ended, statuses))
    return not (ended and pod["metadata"].get("deletionTimestamp"))


def _has_ended(status: Mapping[str, Any]) -> bool:
    """Of a pod that goes: before Kubernetes 1.22 its containers may be said to wait, once they are removed."""
    state = status.get("state", {})
    return "running" not in state and ("terminated" in state or "terminated" in status.get("lastState", {}))


def _altered(seen: Seen, names: Names) -> bool:
    """Whether anything is not as it was made, or as it would be made now."""
    if list(seen.releases) != [DEPLOYED] or not seen.others:
        return True
    there = " ".join(sorted(called(each) for each in seen.objects))
    return any(_is_altered(each, there, seen.hosts) for each in seen.objects) or not _address(seen.objects, names)


def _is_altered(given: Object, there: str, hosts: Mapping[str, str]) -> bool:
    metadata = given["metadata"]
    annotations = metadata.get("annotations", {})
    if annotations.get(marks.OBJECTS) != there:
        return True
    if given["kind"] == "Deployment":
        return metadata.get("generation") != 1 or not _knows(given, hosts)
    if given["kind"] == "NetworkPolicy":
        return metadata.get("generation") != 1
    try:
        made = json.loads(annotations[marks.SEALED])
    except (KeyError, ValueError):
        return True
    return not is_as(made, given.get("spec", given.get("data", {})))


def _knows(deployment: Object, hosts: Mapping[str, str]) -> bool:
    aliases = deployment["spec"]["template"]["spec"].get("hostAliases", ())
    known = {(host, each["ip"]) for each in aliases for host in each["hostnames"]}
    return set(hosts.items()) <= known


def _address(objects: Sequence[Object], names: Names) -> str:
    for each in objects:
        if each["kind"] == "Service" and each["metadata"]["name"] == names.release:
            spec = each["spec"]
            # Changed by hand, it may have none.
            ports = [port["port"] for port in spec.get("ports") or ()]
            return f"{spec['clusterIP']}:{ports[0]}" if ports else ""
    return ""


def _end(deployments: Sequence[Object], pods: Sequence[Object]) -> str:
    """Why it does not run and will not; "" if it does or may."""
    for deployment in deployments:
        for each in deployment.get("status", {}).get("conditions", ()):
            if each["type"] == "ReplicaFailure" and each["status"] == "True":
                return str(each.get("message", "Its pods cannot be made."))[:_LAST_WORDS]
    for pod in pods:
        status: Mapping[str, Any] = pod.get("status", {})
        if status.get("phase") == "Failed":
            return str(status.get("message") or status.get("reason") or "Its pod has failed.")[:_LAST_WORDS]
        for each in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
            words = _container_end(each)
            if words:
                return words
    return ""


def _container_end(status: Mapping[str, Any]) -> str:
    waiting = status.get("state", {}).get("waiting", {})
    if waiting.get("reason") not in _IN_VAIN:
        return ""
    last = status.get("lastState", {}).get("terminated", {})
    if last.get("reason") == "OOMKilled":
        return "It needed more memory than its manifest asks for."
    said = str(last.get("message", "")).strip()[-_LAST_WORDS:]
    return said or str(waiting.get("message") or waiting["reason"])[:_LAST_WORDS]
