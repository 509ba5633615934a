"""Whose logs a subscription's pods have. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_marketplace.deployments.helm.checks import Object


@dataclass(frozen=True, slots=True)
class Log:
    """What one container of a pod has written.

    Attributes:
        pod: Its name.
        container: Its name.
        is_previous: By the one that ended, where another has not begun yet.
    """

    pod: str
    container: str
    is_previous: bool


def written(pods: Sequence[Object]) -> list[Log]:
    """The logs that there are; a container that has never begun has none."""
    found: list[Log] = []
    for pod in pods:
        for status in pod.get("status", {}).get("containerStatuses", ()):
            state, name = status.get("state", {}), pod["metadata"]["name"]
            if "running" in state or "terminated" in state:
                found.append(Log(name, status["name"], is_previous=False))
            elif "terminated" in status.get("lastState", {}):
                found.append(Log(name, status["name"], is_previous=True))
    return found
