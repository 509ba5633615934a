"""What charts/dualspan makes of the values of each scenario: Kubernetes takes it, and every pod is confined."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from harness.cluster import CHART, chart_values, run

Object = Mapping[str, Any]

SCENARIOS = sorted(path.stem for path in (Path(CHART) / "scenarios").glob("*.yaml"))
# Beside databases that are there already, with a simulated factory.
BESIDE = "beside"
# Kinds that Kubernetes itself has no schema of: those of cert-manager and the Gateway API.
FOREIGN = frozenset({"cert-manager.io", "gateway.networking.k8s.io"})
WORKERS = frozenset(
    f"dualspan-{each}{kind}" for each in ("worker", "analytics-worker", "marketplace-worker") for kind in ("", "-beat")
)


@cache
def rendered(helm: str, scenario: str, *options: str) -> Sequence[Object]:
    """The objects of a scenario."""
    values = chart_values() if scenario == BESIDE else ("--values", f"{CHART}/scenarios/{scenario}.yaml")
    text = run(helm, "template", "dualspan", CHART, *values, *options)
    return [each for each in yaml.safe_load_all(text) if each]


def named(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def pods(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod that anything here makes: its owner's name and its spec."""
    for each in objects:
        name = f"{each['kind']} {each['metadata']['name']}"
        if each["kind"] == "Pod":
            yield name, each["spec"]
        elif each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield name, each["spec"]["template"]["spec"]


def containers(pod: Object) -> Sequence[Object]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def broken_rules(pod: Object, *, has_account: bool) -> Iterator[str]:
    """What a pod does that none of the platform's may: the standard `restricted` of pod security, and more."""
    around = pod["securityContext"]
    if not around.get("runAsNonRoot") or around.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "may run as root, or without a filter of system calls"
    if any(pod.get(each) for each in ("hostNetwork", "hostPID", "hostIPC")):
        yield "sees the node"
    if pod.get("automountServiceAccountToken") is not False:
        yield "has a token for the cluster that nobody asked for"
    if ("serviceAccountName" in pod) != has_account:
        yield "has an account, or lacks the one that it needs"
    for volume in pod.get("volumes", ()):
        if not volume.keys() & {"emptyDir", "persistentVolumeClaim", "projected", "secret"}:
            yield f"mounts {volume}"
        if "projected" in volume and not has_account:
            yield "has a token for the cluster"
    for each in containers(pod):
        own = each["securityContext"]
        if own.get("allowPrivilegeEscalation") is not False or own["capabilities"] != {"drop": ["ALL"]}:
            yield f"{each['name']} may gain rights"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{each['name']} may write into its image"
        if own.get("privileged") or own.get("runAsUser") == 0:
            yield f"{each['name']} has all rights"
        if "memory" not in each.get("resources", {}).get("limits", {}):
            yield f"{each['name']} may take all memory"
        if any("hostPort" in port for port in each.get("ports", ())):
            yield f"{each['name']} takes a port of the node"


def test_there_are_the_four_scenarios() -> None:
    assert SCENARIOS == ["air-gapped", "highly-available", "one-node", "trial"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_lint(helm: str, scenario: str) -> None:
    run(helm, "lint", "--strict", CHART, "--values", f"{CHART}/scenarios/{scenario}.yaml")


@pytest.mark.parametrize(
    ("scenario", "version"),
    [
        ("trial", "1.33"),
        ("highly-available", "1.33"),
        # Nothing here that those two have not.
        pytest.param("air-gapped", "1.33", marks=pytest.mark.long),
        pytest.param("one-node", "1.33", marks=pytest.mark.long),
        (BESIDE, "1.25"),
    ],
)
def test_kubernetes_knows_every_field(helm: str, scenario: str, version: str) -> None:
    for each in rendered(helm, scenario, "--kube-version", f"{version}.0"):
        if each["apiVersion"].partition("/")[0] not in FOREIGN:
            kubernetes_validate.validate(dict(each), version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_seen(helm: str) -> None:
    deployment = dict(named(rendered(helm, BESIDE), "Deployment")["dualspan-historian"])
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate({**deployment, "spec": {**deployment["spec"], "replica": 2}}, "1.33", strict=True)


@pytest.mark.parametrize("scenario", [*SCENARIOS, BESIDE])
@pytest.mark.parametrize("apps", [False, True])
def test_every_pod_is_restricted(helm: str, scenario: str, apps: bool) -> None:
    options = ("--set", "marketplace.kubernetes.enabled=true") if apps else ()
    found = {
        name: list(broken_rules(pod, has_account=apps and "marketplace-worker" in name))
        for name, pod in pods(rendered(helm, scenario, *options))
    }
    assert len(found) >= 12
    assert {name: rules for name, rules in found.items() if rules} == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"securityContext": {}}, "may run as root"),
        ({"hostNetwork": True}, "sees the node"),
        ({"automountServiceAccountToken": True}, "nobody asked for"),
        ({"volumes": [{"name": "engine", "hostPath": {"path": "/var/run"}}]}, "mounts"),
        ({"serviceAccountName": "admin"}, "has an account"),
    ],
)
def test_a_pod_that_is_not_restricted_is_seen(helm: str, change: Object, told: str) -> None:
    pod = dict(pods(rendered(helm, BESIDE)))["Deployment dualspan-historian"]
    assert list(broken_rules(pod, has_account=False)) == []
    assert told in " ".join(broken_rules({**pod, **change}, has_account=False))


@pytest.mark.parametrize(
    ("wrong", "named_as"),
    [
        ("services.historian.replica=2", "replica"),
        ("services.historian.resources.limit.memory=1Gi", "limit"),
        ("services.historian.resources.limits.memory=much", "memory"),
        ("networkPolicy.enabled=true", "networkPolicy"),
        ("networkPolicies.webFrom[0].namespace=web", "namespace"),
        ("bundled.postgresql.image=postgres", "postgresql"),
        ("gatewayApi.classname=cilium", "classname"),
        ("certManager.kind=Certificate", r"certManager\.kind"),
        ("tolerations[0].efect=NoSchedule", "efect"),
        ("image.pullSecrets[0].nam=registry", "nam"),
        ("topologySpread.key=zone", "key"),
    ],
)
def test_a_typo_is_named(helm: str, wrong: str, named_as: str) -> None:
    with pytest.raises(AssertionError, match=rf"values don't meet the specifications[\s\S]*{named_as}"):
        run(helm, "template", "dualspan", CHART, *chart_values(), "--set", wrong)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "secret.name: name an existing Secret"),
        (("secret.name=own",), "redis.url: name a Redis"),
        (("secret.name=own", "redis.url=redis://r"), "postgres.host: name a PostgreSQL"),
        (("secret.generate=true", "redis.url=redis://r", "postgres.host=p"), "postgres.adminSecret.name"),
        (("secret.generate=true", "bundled.enabled=true", "postgres.host=p"), "the platform has one PostgreSQL"),
        (("secret.generate=true", "bundled.enabled=true", "gatewayApi.enabled=true"), "console.ingress.host"),
        (("secret.generate=true", "bundled.enabled=true", "backup.enabled=true"), "nothing backs up the trial"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(helm: str, options: Sequence[str], told: str) -> None:
    asked = [part for each in options for part in ("--set", each)]
    done = subprocess.run([helm, "template", "d", CHART, *asked], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert told in done.stderr


def test_a_trial_brings_its_databases_and_its_secrets(helm: str) -> None:
    objects = rendered(helm, "trial")
    (secret,) = named(objects, "Secret").values()
    # A hook of before: the migration needs it, and Helm neither changes it nor takes it away.
    assert secret["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert min(map(len, secret["stringData"].values())) >= 20
    wanted = {
        env["valueFrom"]["secretKeyRef"]["key"]
        for _, pod in pods(objects)
        for each in containers(pod)
        for env in each.get("env", ())
        if "valueFrom" in env and env["valueFrom"]["secretKeyRef"]["name"] == secret["metadata"]["name"]
    }
    assert wanted <= secret["stringData"].keys()
    assert named(objects, "StatefulSet").keys() == {"dualspan-postgres", "dualspan-redis", "dualspan-factory"}
    services = named(objects, "Service")
    environment = {
        env["name"]: env.get("value", "")
        for env in containers(dict(pods(objects))["Deployment dualspan-historian"])[0]["env"]
    }
    for variable, name in (("DUALSPAN_HISTORIAN_DATABASE_URL", "postgres"), ("DUALSPAN_REDIS_URL", "redis")):
        port = services[f"dualspan-{name}"]["spec"]["ports"][0]["port"]
        assert f"dualspan-{name}:{port}/" in environment[variable]
    # Nothing can be migrated before the release is there; later, it is migrated before anything new starts.
    hook = "helm.sh/hook"
    assert hook not in named(objects, "Job")["dualspan-migrate"]["metadata"].get("annotations", {})
    upgraded = named(rendered(helm, "trial", "--is-upgrade"), "Job")["dualspan-migrate"]
    assert upgraded["metadata"]["annotations"][hook] == "pre-install,pre-upgrade"


def test_what_is_highly_available_survives_a_node(helm: str) -> None:
    objects = rendered(helm, "highly-available", "--kube-version", "1.33.0")
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]
        for each in named(objects, "HorizontalPodAutoscaler").values()
    }
    budgets = named(objects, "PodDisruptionBudget")
    for name, deployment in named(objects, "Deployment").items():
        # Who scales by itself is not told how many it is at each upgrade.
        assert ("replicas" in deployment["spec"]) == (name not in scaled)
        if name in WORKERS:
            continue
        least = scaled[name]["minReplicas"] if name in scaled else deployment["spec"]["replicas"]
        assert least >= 2
        keys = [each["topologyKey"] for each in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]]
        assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert budgets[name]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert named(rendered(helm, BESIDE), "PodDisruptionBudget") == {}


def test_older_clusters_get_what_they_know(helm: str) -> None:
    objects = rendered(helm, "highly-available", "--kube-version", "1.20.0")
    versions = {each["kind"]: each["apiVersion"] for each in objects}
    assert (versions["HorizontalPodAutoscaler"], versions["PodDisruptionBudget"]) == (
        "autoscaling/v2beta2",
        "policy/v1beta1",
    )


def test_routes_lead_to_services_through_listeners(helm: str) -> None:
    plants = ("--set", "gatewayApi.plants=true")
    objects = rendered(helm, "highly-available", *plants)
    (gateway,) = named(objects, "Gateway").values()
    listeners = {each["name"]: each for each in gateway["spec"]["listeners"]}
    services = named(objects, "Service")
    routes = {**named(objects, "HTTPRoute"), **named(objects, "TLSRoute")}
    assert len(routes) == len(listeners) == 5
    for route in routes.values():
        (parent,), (rule,) = route["spec"]["parentRefs"], route["spec"]["rules"]
        assert parent["name"] == gateway["metadata"]["name"]
        listener = listeners[parent["sectionName"]]
        assert route["spec"]["hostnames"] == [listener["hostname"]]
        (backend,) = rule["backendRefs"]
        assert backend["port"] in {each["port"] for each in services[backend["name"]]["spec"]["ports"]}
        # What gateways show at the platform, and it to them, must arrive as it is.
        assert listener["tls"]["mode"] == ("Passthrough" if route["kind"] == "TLSRoute" else "Terminate")
    certificates = {each["spec"]["secretName"] for each in named(objects, "Certificate").values()}
    terminated = [each for each in listeners.values() if each["tls"]["mode"] == "Terminate"]
    assert {ref["name"] for each in terminated for ref in each["tls"]["certificateRefs"]} == certificates
    # Browsers come through TLS, so their cookies are for TLS only.
    console = containers(dict(pods(objects))["Deployment dualspan-console"])[0]["env"]
    assert {each["name"]: each.get("value") for each in console}["DUALSPAN_CONSOLE_HTTPS"] == "true"


def test_a_certificate_of_ones_own_is_not_asked_for_again(helm: str) -> None:
    asked = ("--set", "certManager.issuer=own,console.ingress.host=console.example.com")
    assert named(rendered(helm, BESIDE, *asked), "Certificate").keys() == {"dualspan-console", "dualspan-apps"}
    own = ("--set", "console.ingress.tlsSecretName=console,apps.ingress.tlsSecretName=apps")
    assert named(rendered(helm, BESIDE, *asked, *own), "Certificate") == {}


def test_an_upgrade_replaces_what_serves_one_by_one_and_leaves_the_trials_databases(helm: str) -> None:
    now, later = (named(rendered(helm, "trial", "--set", f"image.tag={tag}"), "Deployment") for tag in ("one", "two"))
    serving = now.keys() - WORKERS
    assert len(serving) == 7
    for name in serving:
        assert now[name]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        (container,) = now[name]["spec"]["template"]["spec"]["containers"]
        assert "preStop" in container["lifecycle"]
        assert "livenessProbe" in container
    assert all(now[name]["spec"]["template"] != later[name]["spec"]["template"] for name in now)
    # Nothing of a chart's version, which changes with each release, is in what their pods are made of.
    for name, each in named(rendered(helm, "trial"), "StatefulSet").items():
        if name != "dualspan-factory":
            labels = each["spec"]["template"]["metadata"]["labels"]
            assert labels.keys() == {f"app.kubernetes.io/{part}" for part in ("name", "instance", "component")}
