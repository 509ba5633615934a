"""What charts/dualspan makes of its values."""

import re

import pytest
import yaml

from harness.cluster import CHART, chart_values, run

pytestmark = pytest.mark.cluster


def test_lint(helm: str) -> None:
    run(helm, "lint", "--strict", CHART, *chart_values())


@pytest.mark.parametrize(("version", "action"), [("1.20.0", "tcpSocket"), ("1.24.0", "grpc"), ("1.33.1", "grpc")])
def test_probes_are_those_that_the_cluster_knows(helm: str, version: str, action: str) -> None:
    rendered = run(helm, "template", "dualspan", CHART, *chart_values(), "--kube-version", version)
    probes = re.findall(r"(?:startup|readiness)Probe:\s+(\w+): \{port: 74", rendered)
    assert probes == [action] * 10


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
