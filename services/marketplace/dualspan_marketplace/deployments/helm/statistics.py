"""What a node says that an app's containers use. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from dualspan_marketplace.deployments.helm.checks import Object
from dualspan_marketplace.usage.counters import Observation

_PER_MICROSECOND = 1000


def addresses(pods: Sequence[Object]) -> list[str]:
    """Of the nodes that pods are on; of one that waits for a node nothing runs yet."""
    return sorted({found for pod in pods if (found := pod.get("status", {}).get("hostIP", ""))})


def observed(summary: Mapping[str, Any], pods: Sequence[Object]) -> list[Observation]:
    """The counters of the containers of pods.

    Args:
        summary: A node's answer (`GET /stats/summary` of a kubelet).
        pods: That are looked for, on whatever node.
    """
    wanted = {pod["metadata"]["uid"] for pod in pods}
    return [
        seen
        for pod in summary.get("pods") or ()
        if (uid := str(pod.get("podRef", {}).get("uid", ""))) in wanted
        for seen in _containers(uid, pod.get("containers") or ())
    ]


def _containers(uid: str, containers: Sequence[Mapping[str, Any]]) -> Iterator[Observation]:
    for each in containers:
        cpu, memory = each.get("cpu") or {}, each.get("memory") or {}
        # One that has just begun, or has ended, has no figures.
        if "usageCoreNanoSeconds" not in cpu or "workingSetBytes" not in memory:
            continue
        started = datetime.fromisoformat(each["startTime"])
        yield Observation(
            # A container that is started again counts anew.
            instance=f"{uid}/{each['name']}/{int(started.timestamp())}",
            started=started,
            time=datetime.fromisoformat(cpu["time"]),
            cpu_us=int(cpu["usageCoreNanoSeconds"]) // _PER_MICROSECOND,
            # Without pages of files that can be dropped at any time, as with every other way to run an app.
            memory_bytes=int(memory["workingSetBytes"]),
        )
