"""What the engine says that a container uses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dualspan_marketplace.usage.counters import Observation


def observed(container: str, started: datetime, now: datetime, statistics: Mapping[str, Any]) -> Observation | None:
    """A container's counters; None if it has ended meanwhile.

    Args:
        container: Its id.
        started: A container that is started again counts anew.
        now: When the engine was asked.
        statistics: Its answer (`GET /containers/{id}/stats`).
    """
    used = statistics.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0)
    memory = statistics.get("memory_stats", {})
    if not memory.get("usage"):
        return None
    details = memory.get("stats", {})
    # Pages of files that can be dropped at any time are nobody's: cgroup v2 and v1 name them differently.
    cached = details.get("inactive_file", details.get("total_inactive_file", 0))
    instance = f"{container[:16]}/{int(started.timestamp())}"
    return Observation(instance, started, now, used // 1000, max(0, memory["usage"] - cached))
