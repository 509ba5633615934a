"""Whose logs are asked for."""

from typing import Any

from dualspan_marketplace.deployments.helm.logs import Log, written


def pods(**state: Any) -> list[Any]:
    return [{"metadata": {"name": "app-oee-1"}, "status": {"containerStatuses": [{"name": "app", **state}]}}]


def test_logs_are_those_of_containers_that_have_begun() -> None:
    waiting, ended = {"waiting": {"reason": "CrashLoopBackOff"}}, {"terminated": {"exitCode": 1}}
    now, before = Log("app-oee-1", "app", is_previous=False), Log("app-oee-1", "app", is_previous=True)
    assert written(pods(state={"running": {}}, lastState=ended)) == [now]
    assert written(pods(state=ended)) == [now]
    assert written(pods(state=waiting, lastState=ended)) == [before]
    assert written(pods(state=waiting)) == []
    assert written([{"metadata": {"name": "app-oee-1"}, "status": {}}]) == []
