"""Apps on a Kubernetes cluster, for the worker."""

from pathlib import Path

from dualspan_marketplace.deployments.helm.api import Kubernetes
from dualspan_marketplace.deployments.helm.charts import Charts, Registry
from dualspan_marketplace.deployments.helm.cli import Access, Helm
from dualspan_marketplace.deployments.helm.kubelets import Kubelets
from dualspan_marketplace.deployments.helm.outlook import Outlook
from dualspan_marketplace.deployments.helm.provisioner import HelmProvisioner
from dualspan_marketplace.deployments.helm.rendering import Rendering
from dualspan_marketplace.deployments.helm.spaces import Account, Quota
from dualspan_marketplace.settings import MarketplaceSettings


def rendering(settings: MarketplaceSettings) -> Rendering | None:
    """What looks into charts; None where apps do not run on a cluster."""
    return _rendering(settings, _access(settings)) if settings.kubernetes_url else None


def _access(settings: MarketplaceSettings) -> Access:
    token, authority = Path(settings.kubernetes_token_file), Path(settings.kubernetes_authority_file)
    return Access(settings.kubernetes_url, token, authority)


def _rendering(settings: MarketplaceSettings, access: Access) -> Rendering:
    registries = [Registry.of(each.strip()) for each in settings.chart_registries.split(",") if each.strip()]
    return Rendering(Charts(registries), Helm(settings.helm, access))


def releases(settings: MarketplaceSettings) -> HelmProvisioner:
    """What runs apps on the cluster that the settings name."""
    access = _access(settings)
    services = {"HISTORIAN": settings.kubernetes_historian, "MARKETPLACE": settings.kubernetes_marketplace}
    labels = {"app.kubernetes.io/instance": settings.kubernetes_release}
    account = Account(settings.kubernetes_namespace, settings.kubernetes_account, settings.kubernetes_role)
    verify = settings.kubernetes_kubelets == "verified"
    kubelets = Kubelets(access, settings.kubernetes_kubelet_port, verify=verify)
    return HelmProvisioner(
        settings.kubernetes_prefix,
        Kubernetes(access),
        Helm(settings.helm, access),
        _rendering(settings, access),
        Outlook(settings.kubernetes_namespace, labels, services),
        Quota(settings.kubernetes_tenant_cpu, settings.kubernetes_tenant_memory, settings.kubernetes_tenant_pods),
        account if settings.kubernetes_role else None,
        kubelets if settings.kubernetes_kubelets != "none" else None,
    )
