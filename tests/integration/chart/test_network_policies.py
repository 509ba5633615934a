"""What the network policies of charts/dualspan let through, by the rules that Kubernetes gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from harness.cluster import CHART, run

Object = Mapping[str, Any]

SERVICES = {"identity": 7401, "onboarding": 7402, "historian": 7403, "analytics": 7404, "marketplace": 7405}
WORKERS = ("worker-beat", "analytics-worker-beat", "marketplace-worker-beat")
# Somebody outside of the platform: a pod of another namespace, or a machine.
OUTSIDE: Mapping[str, str] = {}


@pytest.fixture(scope="module")
def trial(helm: str) -> Sequence[Object]:
    asked = ("--set", "networkPolicies.enabled=true")
    return objects_of(helm, *asked)


def objects_of(helm: str, *options: str, scenario: str = "trial") -> Sequence[Object]:
    text = run(helm, "template", "dualspan", CHART, "--values", f"{CHART}/scenarios/{scenario}.yaml", *options)
    return [each for each in yaml.safe_load_all(text) if each]


def labels_of(objects: Sequence[Object]) -> dict[str, Mapping[str, str]]:
    """Component → labels of its pods."""
    found = {}
    for each in objects:
        made = each if each["kind"] == "Pod" else each.get("spec", {}).get("template", {})
        labels = made.get("metadata", {}).get("labels", {})
        if "app.kubernetes.io/component" in labels:
            found[labels["app.kubernetes.io/component"]] = labels
    return found


def chooses(selector: Object, labels: Mapping[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", ())
    )


def is_let(objects: Sequence[Object], direction: str, mine: Object, other: Object, port: int) -> bool:
    """Whether the policies of a pod let something through to or from another one of its namespace, or from outside."""
    policies = [
        each["spec"]
        for each in objects
        if each["kind"] == "NetworkPolicy"
        and direction.capitalize() in each["spec"]["policyTypes"]
        and chooses(each["spec"]["podSelector"], mine)
    ]
    assert policies, f"nothing keeps anything from {mine}"
    peers = "from" if direction == "ingress" else "to"
    return any(
        (
            not rule.get(peers)
            or any("podSelector" in peer and other and chooses(peer["podSelector"], other) for peer in rule[peers])
        )
        and (not rule.get("ports") or port in {each["port"] for each in rule["ports"]})
        for policy in policies
        for rule in policy.get(direction, ())
    )


def reaches(objects: Sequence[Object], source: str, target: str, port: int) -> bool:
    """Whether a connection gets out of one pod and into another."""
    labels = labels_of(objects)
    here, there = labels[source], labels[target]
    return is_let(objects, "egress", here, there, port) and is_let(objects, "ingress", there, here, port)


def test_what_the_platform_needs_gets_through(trial: Sequence[Object]) -> None:
    services = [
        (caller, name, port)
        for caller in (*SERVICES, *WORKERS, "console", "access", "factory", "test")
        for name, port in SERVICES.items()
    ]
    stores = [
        (caller, name, port)
        for caller in (*SERVICES, *WORKERS, "migrate")
        for name, port in (("postgres", 5432), ("redis", 6379))
    ]
    plants = [("factory", "onboarding", 7412), ("factory", "onboarding", 7422), ("factory", "historian", 7413)]
    pages = [("test", "console", 8080), ("test", "access", 8081)]
    wanted = [*services, *stores, *plants, *pages]
    assert [each for each in wanted if not reaches(trial, *each)] == []


def test_nothing_else_gets_through(trial: Sequence[Object]) -> None:
    doors = ("console", "access", "factory", "test")
    stores = [(caller, name, port) for caller in doors for name, port in (("postgres", 5432), ("redis", 6379))]
    others = [
        ("historian", "worker-beat", 9400),
        ("historian", "identity", 9400),
        ("access", "worker-beat", 22),
        ("postgres", "historian", 7403),
        ("redis", "identity", 7401),
        ("console", "onboarding", 7412),
    ]
    assert [each for each in (*stores, *others) if reaches(trial, *each)] == []


def test_from_outside_only_pages_and_gateways_ports_are_reached(helm: str, trial: Sequence[Object]) -> None:
    def open_ports(objects: Sequence[Object]) -> set[tuple[str, int]]:
        ports = {22, 5432, 6379, 7412, 7413, 7422, 8080, 8081, 9400, *SERVICES.values()}
        return {
            (name, port)
            for name, labels in labels_of(objects).items()
            for port in ports
            if is_let(objects, "ingress", labels, OUTSIDE, port)
        }

    # Ports of the other of the two are open, and nobody listens there.
    web = {(name, port) for name in ("console", "access") for port in (8080, 8081)}
    plants = {(name, port) for name in ("onboarding", "historian") for port in (7412, 7413, 7422)}
    assert open_ports(trial) == web | plants
    named = ("--set", "networkPolicies.enabled=true,networkPolicies.webFrom[0].namespaceSelector.matchLabels.name=web")
    plants_named = ("--set", "networkPolicies.gatewaysFrom[0].ipBlock.cidr=10.0.0.0/8")
    assert open_ports(objects_of(helm, *named, *plants_named)) == set()


def test_who_keeps_everything_inside_reaches_nobody_outside(helm: str, trial: Sequence[Object]) -> None:
    labels = labels_of(trial)
    callers = {name for name, own in labels.items() if is_let(trial, "egress", own, OUTSIDE, 443)}
    kinds = ("identity", "analytics", "analytics-worker-beat", "marketplace", "marketplace-worker-beat")
    assert callers == set(kinds)
    closed = objects_of(helm, scenario="air-gapped")
    assert not {name for name, own in labels_of(closed).items() if is_let(closed, "egress", own, OUTSIDE, 443)}


@pytest.mark.parametrize(("url", "port"), [("amqp://u:p@queue:5673//", 5673), ("amqps://u:p@queue//", 5671)])
def test_services_and_workers_reach_a_broker(helm: str, trial: Sequence[Object], url: str, port: int) -> None:
    objects = objects_of(helm, "--set", f"networkPolicies.enabled=true,broker.url={url}")
    callers = {name for name, own in labels_of(objects).items() if is_let(objects, "egress", own, OUTSIDE, port)}
    assert callers == {*SERVICES, *WORKERS}
    assert not {name for name, own in labels_of(trial).items() if is_let(trial, "egress", own, OUTSIDE, port)}


def test_backups_reach_postgresql_and_nothing_reaches_them(helm: str) -> None:
    objects = objects_of(helm, "--set", "networkPolicies.enabled=true", scenario="one-node")
    backup = labels_of(objects)["backup"]
    assert [port for port in (443, 5432, 6379) if is_let(objects, "egress", backup, OUTSIDE, port)] == [5432, 6379]
    others = [OUTSIDE, *labels_of(objects).values()]
    assert not any(is_let(objects, "ingress", backup, other, port) for other in others for port in (22, 7401, 8080))
