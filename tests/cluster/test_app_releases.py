"""Apps as releases on a real cluster: one at a time, confined, healed, and by no more rights than the chart gives."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
import yaml

from dualspan_manifest import HelmChart, parse
from dualspan_marketplace.deployments.health import answers
from dualspan_marketplace.deployments.helm.api import Kubernetes
from dualspan_marketplace.deployments.helm.charts import Charts, Registry
from dualspan_marketplace.deployments.helm.cli import Access, Helm
from dualspan_marketplace.deployments.helm.kubelets import Kubelets
from dualspan_marketplace.deployments.helm.names import Names
from dualspan_marketplace.deployments.helm.outlook import Outlook
from dualspan_marketplace.deployments.helm.provisioner import HelmProvisioner
from dualspan_marketplace.deployments.helm.rendering import Rendering
from dualspan_marketplace.deployments.helm.spaces import Account, Quota
from dualspan_marketplace.deployments.provisioner import (
    CannotStartError,
    Found,
    Given,
    Holding,
    Orders,
    UnreachableError,
)
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.counters import Observation
from harness.cluster import may, platform_account, run
from harness.marketplace import MANIFEST
from harness.registry import Store, docker

PATIENCE_S = 90.0
# Ends when it is told to.
SERVER = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ["DUALSPAN_APP_PORT"]))
"""
SECRET = b"a token that nobody else may see"
SAMPLE = parse(MANIFEST)
PORT = SAMPLE.port(SAMPLE.health.port)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


@pytest.fixture(scope="module")
def image(store: Store) -> str:
    """An app by its digest in a registry: `GET /` answers 200."""
    recipe = f"FROM python:3.12-slim\nWORKDIR /run\nCMD {json.dumps(['python', '-c', SERVER])}\n"
    return store.push_image(docker("build", "--quiet", "-", given=recipe).strip(), "app")


@dataclass
class Cluster:
    """A provisioner with an account that has the rights of the platform's chart, in namespaces of its own."""

    provisioner: HelmProvisioner
    namespace: str
    prefix: str
    access: Access
    image: str
    store: Store
    tenant: str = "acme"

    @property
    def name(self) -> SubscriptionName:
        return SubscriptionName(self.tenant, "oee")

    @property
    def names(self) -> Names:
        return Names(self.prefix, self.name)

    def kubectl(self, *arguments: str) -> str:
        return run("kubectl", "--namespace", self.names.namespace, *arguments)

    def read(self, kind: str, name: str) -> dict[str, Any]:
        return json.loads(self.kubectl("get", kind, name, "--output", "json"))

    def pod(self) -> dict[str, Any]:
        """The only one: the cluster keeps those that have ended for a while."""
        pods = json.loads(self.kubectl("get", "pods", "--output", "json"))["items"]
        (found,) = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        return found

    def orders(self, chart: str = "", **values: Any) -> Orders:
        helm = HelmChart(chart, values) if chart else None
        manifest = replace(
            SAMPLE,
            run=replace(SAMPLE.run, image=self.image, helm=helm),
            health=replace(SAMPLE.health, path="/"),
            egress=(),
        )
        return Orders(self.name, 4, "maker", manifest, {}, [Given("TOKEN_FILE", "token", SECRET)])

    async def subscriptions(self) -> list[SubscriptionName]:
        """Of the tenant."""
        return [each for each in await self.provisioner.subscriptions() if each.tenant == self.tenant]

    async def well(self, orders: Orders) -> Found:
        """Once it answers. A kubelet takes a minute to end a pod that has not quite begun: tests that end one wait."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                (found,) = (await self.provisioner.observe(orders.name)).instances
                assert found.alive, found.words
                if await answers(found.address, orders.manifest.health):
                    return found
                await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(
    helm: str, image: str, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Cluster]:
    with platform_account(helm, tmp_path_factory.mktemp("account")) as account:
        command, access = Helm(helm, account.access), account.access
        services = {"HISTORIAN": "historian.test:7403", "MARKETPLACE": "marketplace.test:7405"}
        provisioner = HelmProvisioner(
            account.prefix,
            Kubernetes(access),
            command,
            Rendering(Charts([Registry.of(store.url)]), command),
            Outlook(account.namespace, {"app.kubernetes.io/instance": "dualspan"}, services, lambda _: ["10.96.200.1"]),
            Quota("2", "2Gi", 5),
            Account(account.namespace, account.name, account.role),
            # This cluster's sign for themselves.
            Kubelets(access, 10250, verify=False),
        )
        yield Cluster(provisioner, account.namespace, account.prefix, access, image, store)


@pytest_asyncio.fixture(loop_scope="module")
async def site(cluster: Cluster) -> AsyncGenerator[Cluster]:
    """A tenant without apps, before and after."""
    yield cluster
    await _gone(cluster, cluster.name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(cluster: Cluster) -> Cluster:
    """Another tenant, whose app all tests look at that change nothing of it."""
    made = replace(cluster, tenant="bolt")
    await made.provisioner.ensure(made.orders())
    await made.well(made.orders())
    return made


async def _gone(cluster: Cluster, name: SubscriptionName) -> None:
    await _brought_about(lambda: cluster.provisioner.remove(name))


async def _brought_about(step: Callable[[], Awaitable[None]]) -> None:
    """Taken as often as the reconciler would: pods may need longer to end than one step may take."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await step()
            except UnreachableError:
                continue
            return


async def test_an_image_runs_is_found_and_leaves_nothing(site: Cluster) -> None:
    wanted = site.orders()
    await site.provisioner.ensure(wanted)
    found = await site.well(wanted)
    assert (found.generation, found.altered) == (4, False)
    await site.provisioner.ensure(wanted)
    assert (await site.well(wanted)).handle == found.handle
    assert await site.subscriptions() == [site.name]
    assert "GET / HTTP" in await site.provisioner.last_words(site.name)
    await _gone(site, site.name)
    assert await site.provisioner.last_words(site.name) == ""
    assert await site.provisioner.observe(site.name) == Holding()
    assert await site.subscriptions() == []
    left = json.loads(site.kubectl("get", "secrets,deployments,services,configmaps", "--output", "json"))["items"]
    assert [each for each in left if "dualspan.io/subscription" in each["metadata"].get("labels", {})] == []
    assert [each for each in left if each["metadata"].get("labels", {}).get("owner") == "helm"] == []


async def test_it_is_confined(standing: Cluster) -> None:
    pod = standing.pod()
    spec, name = pod["spec"], pod["metadata"]["name"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    inside = ("exec", name, "--", "python", "-c")
    assert standing.kubectl(*inside, "import os; print(os.getuid())").strip() == "10001"
    assert standing.kubectl(*inside, "print(open('/run/dualspan/token').read())").strip() == SECRET.decode()
    for attempt in (
        "open('/usr/bin/mine', 'w')",
        "open('/run/dualspan/token', 'w')",
        "open('/var/run/secrets/kubernetes.io/serviceaccount/token')",
        "import os; os.setuid(0)",
    ):
        with pytest.raises(AssertionError):
            standing.kubectl(*inside, attempt)
    policy = standing.read("networkpolicy", "app-oee")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert standing.read("networkpolicy", "nothing-by-itself")["spec"]["podSelector"] == {}
    assert standing.read("resourcequota", "apps")["spec"]["hard"]["services.nodeports"] == "0"
    labels = json.loads(run("kubectl", "get", "namespace", standing.names.namespace, "--output", "json"))["metadata"]
    assert labels["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


async def test_what_it_uses_is_what_its_kubelet_counts(standing: Cluster) -> None:
    pod = standing.pod()["metadata"]["uid"]
    seen: list[Observation] = []
    async with asyncio.timeout(PATIENCE_S):
        # A kubelet looks at a new pod within some seconds, and one of a test before may not be gone yet.
        while len(seen) != 1:
            seen = [each for each in await standing.provisioner.consumption(standing.name) if pod in each.instance]
    (used,) = seen
    assert 1000 < used.cpu_us < 60_000_000
    assert 1 << 20 < used.memory_bytes < 1 << 30
    assert used.started <= used.time
    assert used.instance.startswith(f"{pod}/app/")


async def test_a_kubelet_that_signs_for_itself_is_not_shown_the_token(standing: Cluster) -> None:
    kubelets = Kubelets(standing.access, 10250, verify=True)
    with pytest.raises(UnreachableError, match="serverTLSBootstrap"):
        kubelets.summary(standing.pod()["status"]["hostIP"])


async def test_no_secret_is_in_what_helm_keeps(standing: Cluster) -> None:
    kept = standing.kubectl("get", "secrets", "--selector", "owner=helm", "--output", "json")
    (record,) = json.loads(kept)["items"]
    release = gzip.decompress(base64.b64decode(base64.b64decode(record["data"]["release"])))
    assert b"objects.yaml" in release
    assert SECRET not in release
    assert base64.b64encode(SECRET) not in release


async def test_files_change_while_it_runs(site: Cluster) -> None:
    wanted = site.orders()
    await site.provisioner.ensure(wanted)
    first = await site.well(wanted)
    await site.provisioner.deliver(replace(wanted, files=[Given("TOKEN_FILE", "token", b"second")]))
    assert base64.b64decode(site.read("secret", "given-oee")["data"]["token"]) == b"second"
    assert (await site.well(wanted)).handle == first.handle


@pytest.mark.parametrize(
    "change",
    [
        ("scale", "deployment/app-oee", "--replicas=2"),
        ("patch", "networkpolicy", "app-oee", "--type=merge", "--patch", '{"spec": {"egress": [{}]}}'),
        ("delete", "service", "app-oee"),
    ],
)
async def test_a_change_by_hand_is_seen(site: Cluster, change: tuple[str, ...]) -> None:
    await site.provisioner.ensure(site.orders())
    assert not (await site.well(site.orders())).altered
    site.kubectl(*change)
    (found,) = (await site.provisioner.observe(site.name)).instances
    assert found.altered


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade"])
async def test_a_release_that_was_left_half_done_is_recovered(site: Cluster, status: str) -> None:
    wanted = site.orders()
    await site.provisioner.ensure(wanted)
    await site.well(wanted)
    _leave(site, status)
    site.kubectl("delete", "deployment", "app-oee")
    assert await site.provisioner.observe(site.name) == Holding((), remains=True)
    await _brought_about(lambda: site.provisioner.ensure(wanted))
    assert not (await site.well(wanted)).altered


def _leave(site: Cluster, status: str) -> None:
    """What a worker's end in the midst of a change leaves in Helm's record."""
    (record,) = json.loads(site.kubectl("get", "secrets", "--selector", "owner=helm", "--output", "json"))["items"]
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(record["data"]["release"]))))
    release["info"]["status"] = status
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    patch = {"metadata": {"labels": {"status": status}}, "data": {"release": packed}}
    site.kubectl("patch", "secret", record["metadata"]["name"], "--type=merge", "--patch", json.dumps(patch))


async def test_one_that_ends_has_last_words(site: Cluster) -> None:
    wanted = site.orders(_chart(site, "import sys; sys.exit('no such machine')"))
    await site.provisioner.ensure(wanted)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (found,) = (await site.provisioner.observe(site.name)).instances
            if not found.alive:
                break
            await asyncio.sleep(0.2)
    assert "no such machine" in found.words
    assert "no such machine" in await site.provisioner.last_words(site.name)


async def test_a_chart_of_the_publishers_runs(site: Cluster) -> None:
    wanted = site.orders(_chart(site, SERVER), greeting="hello")
    assert site.provisioner.refuses(wanted.manifest, "maker") == ""
    await site.provisioner.prepare(wanted.manifest)
    await site.provisioner.ensure(wanted)
    assert not (await site.well(wanted)).altered
    assert site.read("configmap", "app-oee-words")["data"] == {"greeting": "hello"}


async def test_a_chart_never_sees_a_cluster(site: Cluster) -> None:
    asks = '{{ if lookup "v1" "Namespace" "" "default" }}{{ fail "seen" }}{{ end }}'
    wanted = site.orders(_chart(site, SERVER, asks))
    await site.provisioner.ensure(wanted)
    await site.well(wanted)


async def test_charts_that_ask_for_more_come_to_nothing(site: Cluster) -> None:
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: app-oee}\n"
    endless = "{{ range until 100000000 }}{{ . }}{{ end }}"
    for more, values, why in (
        (role, {}, "ClusterRole"),
        (endless, {}, "rendered"),
        ("", {"greeting": 3}, "greeting"),
        ("", {"unknown": 3}, "unknown"),
    ):
        with pytest.raises(CannotStartError, match=why):
            await site.provisioner.ensure(site.orders(_chart(site, SERVER, more), **values))
        assert (await site.provisioner.observe(site.name)).instances == ()


def _chart(site: Cluster, program: str, more: str = "") -> str:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app-oee"},
        "spec": {
            "selector": {"matchLabels": {"app": "oee"}},
            "template": {
                "metadata": {"labels": {"app": "oee"}},
                "spec": {
                    "containers": [
                        {
                            "name": "app",
                            "image": site.image,
                            "command": ["python", "-c", program],
                            "ports": [{"containerPort": PORT}],
                            "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
                        }
                    ]
                },
            },
        },
    }
    words = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-words'}\n"
        "data: {greeting: '{{ .Values.greeting }}'}\n"
    )
    schema = {"type": "object", "additionalProperties": False, "properties": {"greeting": {"type": "string"}}}
    return site.store.push_chart(
        {
            "app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n",
            "app/values.yaml": "greeting: good day\n",
            "app/values.schema.json": json.dumps(schema),
            "app/templates/app.yaml": yaml.safe_dump(deployment),
            "app/templates/words.yaml": words,
            "app/templates/more.yaml": more,
        }
    )


async def test_the_platform_may_no_more_than_it_needs(standing: Cluster) -> None:
    own = standing.names.namespace
    for verb, what, where in (
        ("get", "secrets", "kube-system"),
        ("list", "pods", "kube-system"),
        ("create", "deployments.apps", "default"),
        ("delete", "namespaces", ""),
        ("patch", "namespaces", ""),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io", ""),
        ("create", "pods", own),
        ("create", "pods/exec", own),
    ):
        assert not may(standing.namespace, verb, what, where), (verb, what, where)
    assert may(standing.namespace, "create", "deployments.apps", own)


async def test_two_subscriptions_of_a_tenant_share_its_namespace_and_nothing_else(site: Cluster) -> None:
    wanted, other = site.orders(), SubscriptionName("acme", "oee-2")
    try:
        for each in (wanted, replace(wanted, name=other)):
            await site.provisioner.ensure(each)
            await site.well(each)
        assert await site.subscriptions() == [site.name, other]
        await _gone(site, site.name)
        assert len((await site.provisioner.observe(other)).instances) == 1
    finally:
        await _gone(site, other)
