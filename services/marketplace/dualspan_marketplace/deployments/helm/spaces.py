"""What a tenant's namespace is made of, and the Secret that an app's files come from. Pure."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualspan_marketplace.deployments.helm import names as marks
from dualspan_marketplace.deployments.helm.checks import Object
from dualspan_marketplace.deployments.helm.names import Names
from dualspan_marketplace.deployments.provisioner import Given

QUOTA = "apps"
DENIAL = "nothing-by-itself"
BINDING = "platform"


@dataclass(frozen=True, slots=True)
class Quota:
    """What all apps of one tenant may use together; quantities as Kubernetes writes them."""

    cpu: str
    memory: str
    pods: int


@dataclass(frozen=True, slots=True)
class Account:
    """Who the platform is at the cluster, and the role that it has in tenants' namespaces and nowhere else.

    Attributes:
        namespace: Of the service account.
        name: Of the service account.
        role: A ClusterRole, bound namespace by namespace.
    """

    namespace: str
    name: str
    role: str


def namespace(names: Names) -> Object:
    """The namespace of a tenant: the cluster itself refuses pods that are not restricted (since Kubernetes 1.25)."""
    mark = names.labels
    labels = {key: mark[key] for key in (marks.PLATFORM, marks.TENANT)}
    for what in ("enforce", "audit", "warn"):
        labels[f"pod-security.kubernetes.io/{what}"] = "restricted"
    metadata = {"name": names.namespace, "labels": labels, "annotations": {marks.TENANT_ID: names.name.tenant}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def quota(names: Names, limits: Quota) -> Object:
    """What a tenant's apps may have together; nothing that listens on a node, and no disks."""
    hard = {
        "limits.cpu": limits.cpu,
        "limits.memory": limits.memory,
        "pods": str(limits.pods),
        "services.nodeports": "0",
        "services.loadbalancers": "0",
        "persistentvolumeclaims": "0",
    }
    metadata = {"name": QUOTA, "namespace": names.namespace}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}


def denial(names: Names) -> Object:
    """Pods of a tenant reach nothing and are reached by nothing, unless another policy says so."""
    metadata = {"name": DENIAL, "namespace": names.namespace}
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def binding(names: Names, account: Account) -> Object:
    """The platform's own rights in a tenant's namespace."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": BINDING, "namespace": names.namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": account.role},
        "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}],
    }


def secret(names: Names, files: Sequence[Given]) -> Object:
    """What an app is given; it is there before anything else of a subscription, and goes last."""
    data = {each.file: base64.b64encode(each.content).decode("ascii") for each in files}
    metadata = {
        "name": names.given,
        "namespace": names.namespace,
        "labels": names.labels,
        "annotations": names.annotations,
    }
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}


def is_as(wanted: Any, there: Any) -> bool:
    """Whether all of what is wanted is there; the cluster adds defaults, which do not count."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(key in there and is_as(wanted[key], there[key]) for key in wanted)
    if isinstance(wanted, list):
        if not isinstance(there, list) or len(there) != len(wanted):
            return False
        return all(is_as(each, other) for each, other in zip(wanted, there, strict=True))
    return wanted == there
