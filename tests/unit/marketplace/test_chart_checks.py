"""What a chart may bring to a cluster, and what of it is installed."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dualspan_manifest import Egress, HelmChart, LocalText, parse
from dualspan_marketplace.composition.deployments import provisioners
from dualspan_marketplace.deployments.helm.charts import Charts, Registry, look_through
from dualspan_marketplace.deployments.helm.checks import RefusedChartError, check, quantity, read
from dualspan_marketplace.deployments.helm.cli import Access, Helm
from dualspan_marketplace.deployments.helm.names import Names
from dualspan_marketplace.deployments.helm.outlook import Outlook
from dualspan_marketplace.deployments.helm.rendering import OWN_CHART
from dualspan_marketplace.deployments.helm.sealing import packed, seal
from dualspan_marketplace.deployments.helm.seeing import Seen, holding, runs
from dualspan_marketplace.deployments.helm.spaces import is_as
from dualspan_marketplace.deployments.provisioner import CannotStartError, Given, Orders, UnreachableError
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST

MANIFEST_ = parse(MANIFEST)
PORT = MANIFEST_.port(MANIFEST_.health.port)
NAMES = Names("dualspan", SubscriptionName("acme", "oee"))
IMAGE = "example.com/app@sha256:" + "0" * 64


def deployment(**changes: Any) -> dict[str, Any]:
    """A Deployment that may be installed; changes are put at paths such as `spec__template__spec__hostNetwork`."""
    labels = {"app": "oee"}
    container: dict[str, Any] = {
        "name": "app",
        "image": IMAGE,
        "ports": [{"containerPort": PORT}],
        "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
    }
    made: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app-oee"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    for path, value in changes.items():
        *way, last = path.split("__")
        part: Any = made
        for step in way:
            part = part[int(step) if step.isdigit() else step]
        part[last] = value
    return json.loads(json.dumps(made))


def refusal(*objects: dict[str, Any]) -> str:
    with pytest.raises(RefusedChartError) as raised:
        check(read("\n---\n".join(json.dumps(each) for each in objects)), MANIFEST_, NAMES.release)
    return str(raised.value)


def test_a_plain_one_may_be_installed() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app-oee-web"}, "spec": {"ports": []}}
    configuration = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app-oee-x"}, "data": {"a": "b"}}
    marked = deployment(
        metadata__labels={"helm.sh/chart": "oee-1.0.0", "app.kubernetes.io/name": "oee", "tier": "web"},
        spec__template__metadata__annotations={"checksum/config": "0" * 64},
        spec__template__spec__volumes=[{"name": "x", "configMap": {"name": "app-oee-x"}}],
    )
    check([marked, service, configuration], MANIFEST_, NAMES.release)


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("ClusterRole", "rbac.authorization.k8s.io/v1"),
        ("RoleBinding", "rbac.authorization.k8s.io/v1"),
        ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
        ("DaemonSet", "apps/v1"),
        ("Pod", "v1"),
        ("Secret", "v1"),
        ("Namespace", "v1"),
        ("NetworkPolicy", "networking.k8s.io/v1"),
        ("Deployment", "extensions/v1beta1"),
        ("List", "v1"),
    ],
)
def test_kinds_that_are_not_named_are_refused(kind: str, version: str) -> None:
    words = refusal(deployment(), {"apiVersion": version, "kind": kind, "metadata": {"name": "app-oee-x"}})
    assert f"no {kind} of {version}" in words


TEMPLATE = "spec__template__metadata__"
POD = "spec__template__spec__"
CONTAINER = f"{POD}containers__0__"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{POD}hostNetwork", True),
        (f"{POD}hostPID", True),
        (f"{POD}hostIPC", True),
        (f"{POD}serviceAccountName", "default"),
        (f"{POD}automountServiceAccountToken", True),
        (f"{POD}nodeName", "node1"),
        (f"{POD}tolerations", [{"operator": "Exists"}]),
        (f"{POD}hostAliases", []),
        (f"{POD}securityContext", {"runAsUser": 0}),
        (f"{POD}securityContext", {"sysctls": []}),
        (f"{POD}volumes", [{"name": "x", "hostPath": {"path": "/"}}]),
        (f"{POD}volumes", [{"name": "x", "secret": {"secretName": "given-other"}}]),
        (f"{POD}volumes", [{"name": "x", "projected": {}}]),
        (f"{POD}ephemeralContainers", []),
        (f"{CONTAINER}image", "python:3.12"),
        (f"{CONTAINER}image", "x@sha256:1"),
        (f"{CONTAINER}securityContext", {"privileged": True}),
        # What is true in Python and not in Kubernetes.
        (f"{CONTAINER}securityContext", {"privileged": 0}),
        (f"{CONTAINER}securityContext", {"allowPrivilegeEscalation": True}),
        (f"{CONTAINER}securityContext", {"capabilities": {"add": ["NET_ADMIN"]}}),
        (f"{CONTAINER}securityContext", {"procMount": "Unmasked"}),
        (f"{CONTAINER}ports", [{"containerPort": PORT, "hostPort": 80}]),
        (f"{CONTAINER}envFrom", [{"secretRef": {"name": "x"}}]),
        (f"{CONTAINER}env", [{"name": "x", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]),
        (f"{CONTAINER}lifecycle", {}),
        (f"{CONTAINER}livenessProbe", {"httpGet": {"host": "10.0.0.1", "port": 80}}),
        ("spec__replicas", 2),
        ("spec__strategy", {"type": "RollingUpdate"}),
        ("metadata__annotations", {"helm.sh/hook": "pre-install"}),
        ("metadata__annotations", {"note": "x"}),
        ("metadata__labels", {"sidecar.istio.io/inject": "true"}),
        ("metadata__labels", {"dualspan.io/tenant": "another"}),
        (f"{TEMPLATE}annotations", {"k8s.v1.cni.cncf.io/networks": "other"}),
        (f"{TEMPLATE}annotations", {"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}),
        (f"{TEMPLATE}labels", {"app": "oee", "azure.workload.identity/use": "true"}),
        (f"{POD}volumes", [{"name": "x", "configMap": {"name": "kube-root-ca.crt"}}]),
        (f"{POD}volumes", [{"name": "x", "configMap": {"name": "app-oee-other", "optional": True}}]),
        (f"{POD}volumes", [{"name": "x", "configMap": {}}]),
        ("metadata__name", "app-other"),
        ("metadata__name", "app-oeeX"),
        ("metadata__ownerReferences", []),
    ],
)
def test_fields_that_are_not_named_are_refused(path: str, value: Any) -> None:
    words = refusal(deployment(**{path: value}))
    assert "Deployment" in words


def test_a_service_is_reached_within_only() -> None:
    for spec in ({"type": "NodePort"}, {"type": "ExternalName", "externalName": "x"}, {"externalIPs": ["1.1.1.1"]}):
        refusal(deployment(), {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app-oee-x"}, "spec": spec})


def test_no_more_than_a_person_has_agreed_to() -> None:
    large = {"limits": {"cpu": "100m", "memory": "64Gi"}}
    assert "the manifest asks for" in refusal(deployment(**{f"{CONTAINER}resources": large}))
    for missing in ({}, {"limits": {"cpu": "100m"}}, {"limits": {"cpu": "0", "memory": "1Mi"}}, {"limits": {"cpu": 1}}):
        assert "has no limit of" in refusal(deployment(**{f"{CONTAINER}resources": missing}))
    assert "listen" not in refusal(deployment(**{f"{CONTAINER}ports": []}))
    assert "containerPort" in refusal(deployment(**{f"{CONTAINER}ports": []}))
    assert "selector" in refusal(deployment(spec__selector={"matchLabels": {"app": "other"}}))


def test_quantities() -> None:
    read_ = {
        text: quantity(text)
        for text in ("100m", "1", "0.5", "1Ki", "2M", "1e3", "x", "", "1KiB", "NaN", "sNaN", "1e9999999k")
    }
    assert read_["100m"] == quantity("0.1")
    assert (read_["1Ki"], read_["2M"], read_["1e3"], read_["0.5"]) == (1024, 2_000_000, 1000, quantity("500m"))
    assert read_["x"] is read_[""] is read_["1KiB"] is read_["NaN"] is read_["sNaN"] is read_["1e9999999k"] is None


@pytest.mark.parametrize(
    "rendered",
    ["a: &x [1]\nb: *x", "- 1", "text", "a: [", "x: 1\n---\n" * 21, "x: " + "y" * (1 << 20)],
)
def test_what_is_no_list_of_objects_is_refused(rendered: str) -> None:
    with pytest.raises(RefusedChartError):
        read(rendered)


def test_dates_stay_texts() -> None:
    assert read("a: 2020-01-01") == [{"a": "2020-01-01"}]


def orders() -> Orders:
    files = [Given("TOKEN_FILE", "token", b"secret of the app")]
    return Orders(NAMES.name, 3, "maker", MANIFEST_, {"HISTORIAN": "historian.platform:7403"}, files)


def outlook(**known: list[str]) -> Outlook:
    def resolve(host: str) -> list[str]:
        if host not in known:
            raise OSError("no such name")
        return known[host]

    services = {"HISTORIAN": "historian.platform:7403", "MARKETPLACE": "marketplace.platform:7405"}
    return Outlook("platform", {"app": "dualspan"}, services, resolve)


INSIDE = {"historian.platform": ["10.96.0.1"], "marketplace.platform": ["10.96.0.2"]}


def sealed(given: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    bare = replace(MANIFEST_, egress=())
    objects = seal([given or deployment()], orders(), NAMES, outlook(**INSIDE).reach(bare))
    return {each["kind"]: each for each in objects}


def test_what_is_installed_is_restricted() -> None:
    made = sealed()
    pod = made["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "secret of the app" not in json.dumps(made)
    assert {"name": "DUALSPAN_APP_TOKEN_FILE", "value": "/run/dualspan/token"} in container["env"]
    assert made["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


def test_its_files_are_no_larger_than_agreed_to() -> None:
    disk = MANIFEST_.resources.disk
    asked = ({}, {"sizeLimit": "0"}, {"sizeLimit": "1e99999999"}, {"sizeLimit": "8Mi"})
    volumes = [{"name": f"v{at}", "emptyDir": each} for at, each in enumerate(asked)]
    first = deployment()["spec"]["template"]["spec"]["containers"][0]
    first["resources"]["requests"] = {"ephemeral-storage": "9Gi"}
    made = sealed(deployment(**{f"{POD}volumes": volumes, f"{POD}containers": [first, {**first, "name": "other"}]}))
    pod = made["Deployment"]["spec"]["template"]["spec"]
    sizes = {each["name"]: each["emptyDir"]["sizeLimit"] for each in pod["volumes"] if "emptyDir" in each}
    assert sizes == {"v0": str(disk), "v1": str(disk), "v2": str(disk), "v3": str(8 << 20), "dualspan-tmp": str(disk)}
    limits = [int(each["resources"]["limits"]["ephemeral-storage"]) for each in pod["containers"]]
    assert sum(limits) == disk + 2 * (64 << 20)
    assert {each["resources"]["requests"]["ephemeral-storage"] for each in pod["containers"]} == {"16Mi"}


def test_its_network_is_its_own() -> None:
    policy = sealed()["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == NAMES.labels
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [each["ports"] for each in policy["egress"] if "ports" in each] == [
        [{"protocol": "TCP", "port": 7403}, {"protocol": "TCP", "port": 7405}]
    ]
    assert "ipBlock" not in json.dumps(policy)


def test_no_chart_takes_the_place_of_labels_and_selectors() -> None:
    labels = {**NAMES.labels, "dualspan.io/subscription": "another", "app": "oee"}
    given = deployment(spec__selector={"matchLabels": labels}, spec__template__metadata={"labels": labels})
    made = sealed(given)["Deployment"]["spec"]
    assert made["template"]["metadata"]["labels"]["dualspan.io/subscription"] == "oee"
    assert made["selector"]["matchLabels"]["dualspan.io/subscription"] == "oee"


def test_the_sealed_chart_has_no_template_of_the_first() -> None:
    given = deployment(**{f"{CONTAINER}args": ["{{ lookup }}\n---\nkind: ClusterRole"]})
    archive = packed(list(sealed(given).values()), "1.2.0")
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        files = {each.name: opened.extractfile(each) for each in opened}
        contents = {name: file.read().decode() if file else "" for name, file in files.items()}
    assert contents["app/templates/objects.yaml"] == '{{ .Files.Get "objects.yaml" }}'
    documents = contents["app/objects.yaml"].split("\n---\n")
    assert [yaml.safe_load(each)["kind"] for each in documents] == ["Deployment", "Service", "NetworkPolicy"]


def test_declared_hosts_are_reached_by_their_addresses() -> None:
    egress = (Egress("api.example.com", 443, LocalText("x", "x")),)
    manifest = replace(MANIFEST_, egress=egress)
    reach = outlook(**INSIDE, **{"api.example.com": ["93.184.216.34"]}).reach(manifest)
    assert reach.outside == [("93.184.216.34", 443)]
    assert reach.hosts["api.example.com"] == "93.184.216.34"
    for inside in ("169.254.169.254", "10.0.0.8", "127.0.0.1", "::1", "100.64.0.1"):
        with pytest.raises(CannotStartError, match="no address on the internet"):
            outlook(**INSIDE, **{"api.example.com": ["93.184.216.34", inside]}).reach(manifest)
    with pytest.raises(CannotStartError, match="has no address"):
        outlook(**INSIDE).reach(manifest)
    with pytest.raises(UnreachableError):
        outlook().reach(manifest)


def archive_of(**files: str | None) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            if text is None:
                entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            entry.size = len(text or "")
            archive.addfile(entry, io.BytesIO((text or "").encode()))
    return whole.getvalue()


def test_charts_are_looked_through() -> None:
    schema = {"app/values.schema.json": '{"properties": {"a": {"$ref": "#/$defs/a"}}}'}
    named = '{{/* as in _helpers.tpl */}}{{ .Values.tpl }}{{ include "tplx" . }}'
    look_through(archive_of(**schema, **{"app/templates/a.yaml": named, "app/README.md": "No tpl here."}))
    for bad in (
        archive_of(**{"app/templates/a.yaml": "x"}),
        archive_of(**{"app/charts/sub/values.schema.json": "{}"}),
        archive_of(**schema, **{"app/templates/link": None}),
        archive_of(**schema, **{"../outside": "x"}),
        archive_of(**schema, **{"app/templates/a.yaml": '{{ getHostByName "x" }}'}),
        archive_of(**schema, **{"app/templates/a.yaml": '{{ tpl (printf "{{ getHost%s }}" "ByName") . }}'}),
        archive_of(**schema, **{"app/charts/sub/templates/a.yaml": "{{tpl .Values.text $}}"}),
        archive_of(**schema, **{"app/charts/sub.tgz": "x"}),
        archive_of(**schema, **{"app/charts/sub.tgz/": "x"}),
        archive_of(**schema, **{"app\\charts\\sub.tgz": "x"}),
        archive_of(**schema, **{"app/./templates/a.yaml": "x"}),
        archive_of(**{"app/values.schema.json": '{"a": [{"$ref": "http://169.254.169.254/"}]}'}),
        archive_of(**{"app/values.schema.json": '{"$ref": "file:///etc/passwd"}'}),
        archive_of(**{"app/values.schema.json": "["}),
        archive_of(**schema, **{"app/large": "x" * (5 << 20)}),
        b"no archive",
        archive_of(**schema)[:40],
    ):
        with pytest.raises(RefusedChartError):
            look_through(bad)


def test_no_file_of_a_chart_is_there_twice() -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for text in (b'{"$ref": "http://169.254.169.254/"}', b"{}"):
            entry = tarfile.TarInfo("app/values.schema.json")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    with pytest.raises(RefusedChartError, match="no plain file of its own"):
        look_through(whole.getvalue())


def test_a_chart_is_rendered_within_bounds(tmp_path: Path) -> None:
    program = tmp_path / "helm"
    program.write_text("#!/bin/sh\nulimit -t; ulimit -v; ulimit -f; ulimit -c\n")
    program.chmod(0o755)
    helm = Helm(str(program), Access("https://127.0.0.1:9", tmp_path / "token", tmp_path / "ca.crt"))
    # Seconds, KiB, and files in blocks of 512 bytes.
    assert helm.render(OWN_CHART, "app-oee", {}).split() == ["10", "4194304", "16384", "0"]


def test_without_the_command_nothing_is_refused_for_ever(tmp_path: Path) -> None:
    helm = Helm("/nowhere/helm", Access("https://127.0.0.1:9", tmp_path / "token", tmp_path / "ca.crt"))
    with pytest.raises(UnreachableError, match="no command /nowhere/helm"):
        helm.render(OWN_CHART, "app-oee", {})
    with pytest.raises(UnreachableError, match="cannot be read"):
        helm.install(b"", "app-oee", "acme")
    (tmp_path / "token").write_text("x")
    with pytest.raises(UnreachableError, match="no command /nowhere/helm"):
        helm.install(b"", "app-oee", "acme")


def test_charts_come_from_registries_that_are_named() -> None:
    charts = Charts([Registry.of("ghcr.io"), Registry.of("http://registry:5000")])
    digest = "@sha256:" + "0" * 64
    assert Registry.of("ghcr.io").url == "https://ghcr.io"
    assert charts.refusal(f"oci://registry:5000/a/b{digest}") == ""
    assert "fetched from ghcr.io, registry:5000 only" in charts.refusal(f"oci://169.254.169.254/a{digest}")
    assert "digest" in charts.refusal("oci://ghcr.io/a:1.0")


def live(**changes: Any) -> Seen:
    """What a cluster says of what was sealed."""
    objects: list[dict[str, Any]] = []
    for each in sealed().values():
        made = json.loads(json.dumps(each))
        made["metadata"] |= {"generation": 1, "uid": "u1", "creationTimestamp": "2026-11-23T03:00:00Z"}
        if made["kind"] == "Service":
            made["spec"]["clusterIP"] = "10.96.0.9"
        objects.append(made)
    hosts = {host: each[0] for host, each in INSIDE.items()}
    return replace(Seen(objects, [], [{"kind": "Secret"}], ["deployed"], hosts), **changes)


def test_what_runs_is_found_as_it_is() -> None:
    (found,) = holding(live(), NAMES).instances
    assert (found.alive, found.altered, found.generation) == (True, False, 3)
    assert found.address == f"10.96.0.9:{PORT}"
    assert holding(Seen((), (), (), (), {}), NAMES) == holding(live(objects=(), others=(), releases=()), NAMES)


def test_changes_by_hand_are_seen() -> None:
    def changed(kind: str, **changes: Any) -> Seen:
        seen = live()
        (one,) = [each for each in seen.objects if each["kind"] == kind]
        for path, value in changes.items():
            *way, last = path.split("__")
            part: Any = one
            for step in way:
                part = part[step]
            part[last] = value
        return seen

    rest = [each for each in live().objects if each["kind"] != "NetworkPolicy"]
    for seen in (
        changed("Deployment", metadata__generation=2),
        changed("NetworkPolicy", metadata__generation=2),
        changed("Service", spec__type="NodePort"),
        changed("Service", spec__ports=[]),
        live(objects=rest),
        live(others=()),
        live(releases=["pending-install"]),
        live(releases=[]),
        live(releases=["deployed", "superseded"]),
        live(hosts={**live().hosts, "historian.platform": "10.96.0.77"}),
    ):
        (found,) = holding(seen, NAMES).instances
        assert found.altered


def test_last_words() -> None:
    def ended(why: str, **last: Any) -> str:
        state = {"state": {"waiting": {"reason": why, "message": "back-off"}}, "lastState": {"terminated": last}}
        (found,) = holding(live(pods=[{"status": {"containerStatuses": [state]}}]), NAMES).instances
        assert found.alive is not bool(found.words)
        return found.words

    assert ended("ContainerCreating") == ""
    assert ended("ImagePullBackOff") == "back-off"
    assert ended("CrashLoopBackOff", message="no such machine\n") == "no such machine"
    assert "memory" in ended("CrashLoopBackOff", reason="OOMKilled", message="x")


def test_a_pod_that_has_ended_and_goes_is_none() -> None:
    ended, running = {"state": {"terminated": {}}}, {"state": {"running": {}}}
    going = {"deletionTimestamp": "2026-11-23T03:00:00Z"}
    assert not runs({"metadata": going, "status": {"containerStatuses": [ended]}})
    assert runs({"metadata": going, "status": {"containerStatuses": [ended, running]}})
    removed = {"state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": {"terminated": {}}}
    begins = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    assert not runs({"metadata": going, "status": {"containerStatuses": [removed]}})
    assert runs({"metadata": going, "status": {"containerStatuses": [begins]}})
    assert runs({"metadata": {}, "status": {"containerStatuses": [ended]}})
    assert runs({"metadata": going, "status": {}})


def test_defaults_of_the_cluster_are_no_change() -> None:
    assert is_as({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}], "d": 3})
    assert not is_as({"a": [{"b": 1}]}, {"a": [{"b": 1}, {}]})
    assert not is_as({"a": None}, {})


def test_ids_that_no_label_may_be_have_names_too() -> None:
    odd = Names("dualspan", SubscriptionName("-acme-", "-" * 40))
    for text in (odd.namespace, odd.release, odd.given, *odd.labels.values()):
        assert text.strip("-") == text
        assert len(text) <= 63
    assert len(Names("p" * 16, SubscriptionName("t" * 40, "s" * 40)).namespace) <= 63
    assert len(Names("p" * 16, SubscriptionName("t" * 40, "s" * 40)).release) <= 53


def test_where_a_cluster_is_set_up_releases_come_first() -> None:
    settings = MarketplaceSettings.model_validate(
        {
            "database_url": "postgresql://nobody@127.0.0.1:9/nothing",
            "platform": {"service_secret": "a secret of these tests"},
            "kubernetes_url": "https://127.0.0.1:9",
            "chart_registries": "ghcr.io, http://registry:5000",
        }
    )
    first, second = provisioners(settings)
    assert (first.kind, second.kind) == ("helm", "process")
    chart = HelmChart("oci://ghcr.io/acme/oee@sha256:" + "0" * 64)
    assert first.refuses(replace(MANIFEST_, run=replace(MANIFEST_.run, helm=chart)), "maker") == ""
    assert first.refuses(MANIFEST_, "maker") == ""
