"""What charts/dualspan makes of its values."""

import json
import re
from pathlib import Path

import pytest
import yaml

from harness.cluster import CHART, chart_values, run

pytestmark = pytest.mark.cluster


def test_lint(helm: str) -> None:
    run(helm, "lint", "--strict", CHART, *chart_values())


@pytest.mark.parametrize(("version", "action"), [("1.20.0", "tcpSocket"), ("1.24.0", "grpc"), ("1.33.1", "grpc")])
def test_probes_are_those_that_the_cluster_knows(helm: str, version: str, action: str) -> None:
    rendered = run(helm, "template", "dualspan", CHART, *chart_values(), "--kube-version", version)
    probes = re.findall(r"(?:startup|readiness|liveness)Probe:\s+(\w+): \{port: 74", rendered)
    assert probes == [action] * 15
    assert (
        len(re.findall(r"(?:startup|readiness|liveness)Probe:\s+httpGet: \{path: /healthz, port: http\}", rendered))
        == 6
    )


def test_mail_and_exports_reach_the_analytics_service_and_its_workers(helm: str) -> None:
    asked = {
        "notifications.smtp.host": "mail.example.com",
        "notifications.smtp.user": "dualspan",
        "exports.volumeSize": "10Gi",
        "services.analyticsWorker.replicas": "2",
    }
    options = [part for name, value in asked.items() for part in ("--set", f"{name}={value}")]
    rendered = run(helm, "template", "dualspan", CHART, *chart_values(), *options)
    # The service, the worker that sends the periodic tasks, and the others.
    assert rendered.count("key: smtp-password}") == 3
    assert rendered.count('DUALSPAN_ANALYTICS_EXPORT_FOLDER, value: "/exports"') == 3
    assert rendered.count("claimName: dualspan-exports}") == rendered.count("mountPath: /exports}") == 2
    plain = run(helm, "template", "dualspan", CHART, *chart_values())
    assert "smtp-password" not in plain
    assert "PersistentVolumeClaim" not in plain
    with pytest.raises(AssertionError, match="security"):
        run(helm, "template", "dualspan", CHART, *chart_values(), "--set", "notifications.smtp.security=maybe")


def test_a_payment_side_is_let_in_by_the_marketplace_and_its_workers(helm: str) -> None:
    asked = (
        "--set",
        "marketplace.fulfilment.enabled=true",
        "--set",
        "marketplace.fulfilment.url=https://pay.example.com",
    )
    rendered = run(helm, "template", "dualspan", CHART, *chart_values(), *asked)
    assert rendered.count("key: fulfilment-secret}") == 2
    assert rendered.count('DUALSPAN_MARKETPLACE_FULFILMENT_URL, value: "https://pay.example.com"}') == 2
    assert "FULFILMENT" not in run(helm, "template", "dualspan", CHART, *chart_values())
    with pytest.raises(AssertionError, match=r"fulfilment\.url"):
        run(helm, "template", "dualspan", CHART, *chart_values(), "--set", "marketplace.fulfilment.url=pay")


def test_apps_on_the_cluster_are_asked_for_and_only_workers_have_an_account(helm: str) -> None:
    plain = run(helm, "template", "dualspan", CHART, *chart_values())
    assert "ClusterRole" not in plain
    assert "serviceAccountName" not in plain
    policy = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"
    enabled = ("--set", "marketplace.kubernetes.enabled=true", "--api-versions", policy)
    rendered = run(helm, "template", "dualspan", CHART, *chart_values(), *enabled)
    objects = [each for each in yaml.safe_load_all(rendered) if each]
    accounts = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"].get("serviceAccountName")
        for each in objects
        if each["kind"] == "Deployment"
    }
    assert {name for name, account in accounts.items() if account} == {"dualspan-marketplace-worker-beat"}
    kinds = [each["kind"] for each in objects]
    assert kinds.count("ClusterRole") == 2
    assert kinds.count("ClusterRoleBinding") == kinds.count("ValidatingAdmissionPolicy") == 1
    verbs = [
        verb for each in objects if each["kind"] == "ClusterRole" for rule in each["rules"] for verb in rule["verbs"]
    ]
    assert "*" not in verbs
    with pytest.raises(AssertionError, match="prefix"):
        run(helm, "template", "dualspan", CHART, *chart_values(), "--set", "marketplace.kubernetes.prefix=Upper")


def test_simulation_refuses_another_tenant(helm: str) -> None:
    with pytest.raises(AssertionError, match="belong to the tenant home"):
        run(helm, "template", "dualspan", CHART, *chart_values(), "--set", "firstUser.tenant=other")


def test_what_watches_the_platform_is_asked_for_and_finds_what_it_looks_for(helm: str) -> None:
    plain = [each for each in yaml.safe_load_all(run(helm, "template", "dualspan", CHART, *chart_values())) if each]
    assert not {each["kind"] for each in plain} & {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    asked = ("serviceMonitor.enabled=true", "prometheusRule.enabled=true", "dashboards.enabled=true")
    more = ("serviceMonitor.labels.release=prometheus", "tracing.endpoint=http://tempo:4317", "tracing.ratio=0.5")
    options = [part for value in (*asked, *more) for part in ("--set", f"observability.{value}")]
    rendered = run(helm, "template", "dualspan", CHART, *chart_values(), *options)
    objects = [each for each in yaml.safe_load_all(rendered) if each]
    by_kind = {kind: [each for each in objects if each["kind"] == kind] for kind in {each["kind"] for each in objects}}

    (monitor,) = by_kind["ServiceMonitor"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = [each for each in by_kind["Service"] if wanted <= each["metadata"]["labels"].items()]
    assert [port["name"] for port in service["spec"]["ports"]] == [monitor["spec"]["endpoints"][0]["port"]]
    templates = {each["metadata"]["name"]: each["spec"]["template"] for each in by_kind["Deployment"]}
    serving = {
        name.removeprefix("dualspan-")
        for name, template in templates.items()
        if service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        and any(port["name"] == "metrics" for each in template["spec"]["containers"] for port in each.get("ports", ()))
    }
    services = {"identity", "onboarding", "historian", "analytics", "marketplace"}
    assert serving == services | {"worker-beat", "analytics-worker-beat", "marketplace-worker-beat"}

    (rules,) = by_kind["PrometheusRule"]
    assert rules["spec"] == yaml.safe_load((Path(CHART) / "files/alerts.yaml").read_text("utf-8"))
    boards = {name: json.loads(text) for each in by_kind["ConfigMap"] for name, text in each["data"].items()}
    assert boards == {
        f"dualspan-{path.name}": json.loads(path.read_text("utf-8")) for path in Path(CHART).glob("files/dashboards/*")
    }
    assert {each["metadata"]["labels"]["grafana_dashboard"] for each in by_kind["ConfigMap"]} == {"1"}

    for name, template in templates.items():
        told = {each["name"]: each.get("value") for each in template["spec"]["containers"][0].get("env", ())}
        if "simulation" not in name:
            assert (told["DUALSPAN_OTLP_ENDPOINT"], told["DUALSPAN_TRACE_RATIO"]) == ("http://tempo:4317", "0.5")


def test_a_wrong_way_to_watch_is_named(helm: str) -> None:
    for value, named in (("tracing.ratio=2", "ratio"), ("tracing.endpoint=tempo", "endpoint"), ("traces=x", "traces")):
        with pytest.raises(AssertionError, match=named):
            run(helm, "template", "dualspan", CHART, *chart_values(), "--set", f"observability.{value}")
    off = ("metricsPort=0", "observability.serviceMonitor.enabled=true")
    with pytest.raises(AssertionError, match="metricsPort is 0"):
        run(helm, "template", "dualspan", CHART, *chart_values(), *(part for each in off for part in ("--set", each)))
