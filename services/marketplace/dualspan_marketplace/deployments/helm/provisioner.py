"""Releases, one to a subscription, in a namespace of the tenant's own."""

import time
from collections.abc import Sequence
from typing import Any

import structlog

from dualspan_manifest import Manifest
from dualspan_marketplace.deployments.helm import names as marks
from dualspan_marketplace.deployments.helm import spaces, statistics
from dualspan_marketplace.deployments.helm.api import Kubernetes, NoRightsError
from dualspan_marketplace.deployments.helm.checks import Object
from dualspan_marketplace.deployments.helm.cli import Helm
from dualspan_marketplace.deployments.helm.kubelets import Kubelets
from dualspan_marketplace.deployments.helm.logs import written
from dualspan_marketplace.deployments.helm.names import Names
from dualspan_marketplace.deployments.helm.outlook import Outlook
from dualspan_marketplace.deployments.helm.rendering import Rendering, asked
from dualspan_marketplace.deployments.helm.sealing import packed, seal
from dualspan_marketplace.deployments.helm.seeing import DEPLOYED, Seen, holding, runs
from dualspan_marketplace.deployments.helm.spaces import Account, Quota
from dualspan_marketplace.deployments.provisioner import CannotStartError, Holding, Orders, UnreachableError
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.counters import Observation

_RELEASED = ("Deployment", "Service", "ConfigMap", "NetworkPolicy")
_GONE_SECONDS = 35.0
_RIGHTS_SECONDS = 5.0
_LOOK_SECONDS = 0.2
_LOG_END = 2000
_log = structlog.stdlib.get_logger()


class HelmProvisioner:
    """Runs charts and images by digest on one cluster.

    Args:
        platform: Tells this platform's namespaces from others of the cluster; 16 characters at the most.
        cluster: The API.
        helm: The command.
        rendering: Makes objects of what apps come with.
        outlook: What apps may reach.
        quota: Of each tenant.
        account: Given its role in each tenant's namespace; None: it needs none there.
        kubelets: Know what pods use; None: nobody is asked.
    """

    kind = "helm"

    def __init__(
        self,
        platform: str,
        cluster: Kubernetes,
        helm: Helm,
        rendering: Rendering,
        outlook: Outlook,
        quota: Quota,
        account: Account | None = None,
        kubelets: Kubelets | None = None,
    ) -> None:
        self._platform = platform
        self._cluster = cluster
        self._helm = helm
        self._rendering = rendering
        self._outlook = outlook
        self._quota = quota
        self._account = account
        self._kubelets = kubelets

    def refuses(self, manifest: Manifest, publisher: str) -> str:
        """Why an app cannot be run here; "" if it can."""
        del publisher  # whoever's it is
        return self._rendering.refusal(manifest)

    async def prepare(self, manifest: Manifest) -> None:
        """Fetch the chart, if it has one; images are fetched by the nodes."""
        await asked(lambda: self._rendering.fetch(manifest))

    async def ensure(self, orders: Orders) -> None:
        """Namespace, files, release; one that runs stays."""
        await asked(lambda: self._ensure(orders))

    async def deliver(self, orders: Orders) -> None:
        """Write the files anew; the nodes bring them to the pods within about a minute."""
        names = Names(self._platform, orders.name)
        await asked(lambda: self._cluster.put(spaces.secret(names, orders.files)))

    async def observe(self, name: SubscriptionName) -> Holding:
        """What carries the subscription's labels, and what Helm knows."""
        names = Names(self._platform, name)
        return await asked(lambda: holding(self._see(names), names))

    async def consumption(self, name: SubscriptionName) -> Sequence[Observation]:
        """What the app's containers use, as their nodes count it; nothing where nobody is asked."""
        return await asked(lambda: self._consumption(Names(self._platform, name)))

    async def last_words(self, name: SubscriptionName) -> str:
        """The end of its containers' logs."""
        return await asked(lambda: self._said(Names(self._platform, name)))

    async def remove(self, name: SubscriptionName) -> None:
        """The release, then whatever carries the labels, then the files; the namespace stays, it is the tenant's."""
        await asked(lambda: self._remove(Names(self._platform, name)))

    async def subscriptions(self) -> Sequence[SubscriptionName]:
        """Of all that carries this platform's label."""
        return await asked(self._list)

    def _ensure(self, orders: Orders) -> None:
        names = Names(self._platform, orders.name)
        archive = self._sealed(orders, names)
        self._ensure_space(names)
        seen = self._see(names)
        if any(each["kind"] == "Deployment" for each in seen.objects) and list(seen.releases) == [DEPLOYED]:
            return
        if seen.objects or seen.pods or seen.releases:
            # A worker's end has left a release pending, or half of one.
            self._clear(names)
        self._cluster.put(spaces.secret(names, orders.files))
        self._helm.install(archive, names.release, names.namespace)

    def _sealed(self, orders: Orders, names: Names) -> bytes:
        """The chart that installs what was rendered and checked, and nothing else."""
        reach = self._outlook.reach(orders.manifest)
        objects = self._rendering.objects(orders.manifest, names.release)
        return packed(seal(objects, _told(orders, self._outlook), names, reach), orders.manifest.version)

    def _ensure_space(self, names: Names) -> None:
        wanted = spaces.namespace(names)
        found = self._cluster.get("Namespace", names.namespace)
        if found is None:
            self._cluster.make(wanted)
        elif not _is_ours(found, names):
            labels = " ".join(f"{key}={value}" for key, value in wanted["metadata"]["labels"].items())
            words = f"The namespace {names.namespace} is not as the platform makes it."
            raise CannotStartError(
                f"{words} Put it right: kubectl label --overwrite namespace {names.namespace} {labels}"
            )
        if self._account is not None:
            self._bind(names, self._account)
        self._cluster.put(spaces.quota(names, self._quota))
        self._cluster.put(spaces.denial(names))

    def _bind(self, names: Names, account: Account) -> None:
        """Give the account its role; the cluster takes a moment to let it have what was just bound."""
        self._cluster.make(spaces.binding(names, account))
        until = time.monotonic() + _RIGHTS_SECONDS
        while True:
            try:
                self._cluster.labelled("Secret", names.selector, names.namespace)
            except NoRightsError:
                if time.monotonic() > until:
                    raise
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def _see(self, names: Names) -> Seen:
        """All that is there; nothing is asked of a namespace that is not: there are no rights in it."""
        space = self._cluster.get("Namespace", names.namespace)
        if space is None:
            return Seen((), (), (), (), {})
        try:
            return self._seen(names)
        except NoRightsError:
            # Whoever made the namespace has ended before it gave the account its role there.
            if self._account is None or not _is_ours(space, names):
                raise
        self._bind(names, self._account)
        return self._seen(names)

    def _seen(self, names: Names) -> Seen:
        def labelled(kind: str) -> list[dict[str, Any]]:
            return self._cluster.labelled(kind, names.selector, names.namespace)

        # Items of a list do not say of what kind they are.
        objects = [{**each, "kind": kind} for kind in _RELEASED for each in labelled(kind)]
        records = self._cluster.labelled("Secret", f"owner=helm,name={names.release}", names.namespace)
        releases = [each["metadata"]["labels"].get("status", "") for each in records]
        pods = [each for each in labelled("Pod") if runs(each)]
        return Seen(objects, pods, labelled("Secret"), releases, self._outlook.platform())

    def _consumption(self, names: Names) -> list[Observation]:
        if self._kubelets is None or self._cluster.get("Namespace", names.namespace) is None:
            return []
        pods = self._cluster.labelled("Pod", names.selector, names.namespace)
        nodes = statistics.addresses(pods)
        return [seen for node in nodes for seen in statistics.observed(self._kubelets.summary(node), pods)]

    def _said(self, names: Names) -> str:
        if self._cluster.get("Namespace", names.namespace) is None:
            return ""
        pods = self._cluster.labelled("Pod", names.selector, names.namespace)
        logs = (self._cluster.said(each, names.namespace).strip() for each in written(pods))
        return "\n".join(logs)[-_LOG_END:]

    def _remove(self, names: Names) -> None:
        if self._cluster.get("Namespace", names.namespace) is None:
            return
        self._clear(names)
        self._cluster.delete("Secret", names.given, names.namespace)

    def _clear(self, names: Names) -> None:
        """Remove a release in whatever state it was left, and wait until its pods have ended."""
        records = f"owner=helm,name={names.release}"
        if self._cluster.labelled("Secret", records, names.namespace):
            self._helm.uninstall(names.release, names.namespace)
        # What Helm does not know any more, or could not remove.
        for kind, selector in [*((kind, names.selector) for kind in _RELEASED), ("Secret", records)]:
            for each in self._cluster.labelled(kind, selector, names.namespace):
                self._cluster.delete(kind, each["metadata"]["name"], names.namespace)
        until = time.monotonic() + _GONE_SECONDS
        while any(map(runs, self._cluster.labelled("Pod", names.selector, names.namespace))):
            if time.monotonic() > until:
                raise UnreachableError(f"Pods of {names.release} in {names.namespace} do not end yet.")
            time.sleep(_LOOK_SECONDS)

    def _list(self) -> list[SubscriptionName]:
        mark = f"{marks.PLATFORM}={self._platform}"
        found = set[tuple[str, str]]()
        for space in self._cluster.labelled("Namespace", mark):
            for each in self._marked(space["metadata"]["name"], mark):
                annotations = each["metadata"].get("annotations", {})
                found.add((annotations.get(marks.TENANT_ID, ""), annotations.get(marks.SUBSCRIPTION_ID, "")))
        return [SubscriptionName(*each) for each in sorted(found) if all(each)]

    def _marked(self, namespace: str, mark: str) -> list[Object]:
        """What tells whose it is. One tenant's namespace that was left half made, or ends, keeps nobody else's."""
        try:
            return [each for kind in ("Secret", "Deployment") for each in self._cluster.labelled(kind, mark, namespace)]
        except NoRightsError as err:
            _log.warning("a namespace tells nothing", namespace=namespace, error=str(err))
            return []


def _is_ours(namespace: Object, names: Names) -> bool:
    wanted = spaces.namespace(names)["metadata"]["labels"]
    return spaces.is_as(wanted, namespace["metadata"].get("labels", {}))


def _told(orders: Orders, outlook: Outlook) -> Orders:
    """The same orders, with the platform's services as pods reach them."""
    environment = {**orders.environment, **outlook.services}
    return Orders(orders.name, orders.generation, orders.publisher, orders.manifest, environment, orders.files)
