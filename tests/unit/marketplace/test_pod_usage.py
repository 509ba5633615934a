"""What kubelets say that apps use."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dualspan_marketplace.deployments.helm.statistics import addresses, observed
from dualspan_marketplace.usage.counters import Observation, used
from dualspan_marketplace.usage.model import Dimension

BEGAN = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
LOOKED = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def container(name: str = "app", **changes: Any) -> dict[str, Any]:
    """As /stats/summary of Kubernetes 1.20 and later has it."""
    made: dict[str, Any] = {
        "name": name,
        "startTime": "2026-11-23T06:00:00Z",
        "cpu": {"time": "2026-11-23T06:30:00Z", "usageNanoCores": 7, "usageCoreNanoSeconds": 90_000_000_500},
        "memory": {"time": "2026-11-23T06:30:01Z", "usageBytes": 5 << 20, "workingSetBytes": 3 << 20},
    }
    return made | changes


def summary(*containers: dict[str, Any], uid: str = "one") -> dict[str, Any]:
    others = {"podRef": {"name": "other", "namespace": "other", "uid": "another"}, "containers": [container()]}
    return {"node": {}, "pods": [others, {"podRef": {"uid": uid}, "containers": [*containers]}]}


def pod(uid: str = "one", address: str = "10.0.0.1") -> dict[str, Any]:
    return {"metadata": {"uid": uid}, "status": {"hostIP": address} if address else {}}


def test_only_pods_that_are_asked_for_are_counted() -> None:
    assert observed(summary(container()), [pod()]) == [
        Observation(f"one/app/{int(BEGAN.timestamp())}", BEGAN, LOOKED, 90_000_000, 3 << 20)
    ]
    assert observed(summary(container()), [pod("two")]) == []
    assert observed({}, [pod()]) == []


def test_every_container_counts_and_one_that_is_started_again_counts_anew() -> None:
    again = container(startTime="2026-11-23T06:10:00Z")
    found = observed(summary(container(), again, container("web")), [pod()])
    assert len({each.instance for each in found}) == 3
    hours = [sum(e.quantity for e in used(None, each)[1] if e.dimension is Dimension.CPU_HOURS) for each in found]
    assert hours == [90_000_000] * 3


def test_without_figures_nothing_is_made_up() -> None:
    for without in (container(cpu={}), container(cpu=None), container(memory={"time": "2026-11-23T06:30:01Z"})):
        assert observed(summary(without), [pod()]) == []
    assert observed({"pods": [{"podRef": {"uid": "one"}}]}, [pod()]) == []


def test_what_is_seen_twice_counts_once() -> None:
    (first,) = observed(summary(container()), [pod()])
    counter, _ = used(None, first)
    assert used(counter, first) == (counter, [])
    assert counter.seen - first.started == timedelta(minutes=30)


def test_nodes_are_known_by_the_pods_on_them() -> None:
    assert addresses([pod(), pod("two"), pod("three", "10.0.0.2"), pod("four", "")]) == ["10.0.0.1", "10.0.0.2"]
