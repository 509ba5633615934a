"""What can be set about the marketplace."""

import ipaddress
from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from dualspan_marketplace.subscriptions.life import Clock
from dualspan_runtime.settings import ServiceSettings

_SHORTEST_SECRET = 16


class MarketplaceSettings(ServiceSettings):
    """Settings of the marketplace (prefix `DUALSPAN_MARKETPLACE_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_MARKETPLACE_")

    listen: str = Field(default="127.0.0.1:7405", description="host:port for people, apps and other services.")

    process_publishers: str = Field(
        default="",
        description="Tenants, with commas, whose apps may run as local processes: those who run the platform.",
    )
    grace_days: float = Field(
        default=14.0, ge=0, description="A trial that is over, or a bill that is not paid, is borne with for so long."
    )
    hand_back_days: float = Field(
        default=30.0, ge=0, description="Results of a cancelled subscription can be fetched for so long."
    )
    unwell_minutes: float = Field(
        default=5.0, ge=1, description="Hours of an app that is not seen well for so long do not count until it is."
    )
    fulfilment_url: str = Field(
        default="", description="URL of a payment side that is told of subscriptions, https://…; empty: none is."
    )
    fulfilment_secret: SecretStr = Field(
        default=SecretStr(""), description="What it and we sign with, 16 characters or more; empty: it may ask nothing."
    )
    private_webhooks: bool = Field(
        default=False, description="The payment side may have a private address, and plain HTTP."
    )
    access_hours: float = Field(
        default=12.0, gt=0, description="An app's pages have to be opened again after so long, whatever the session."
    )
    sweep_seconds: float = Field(default=30.0, ge=1, description="What a crash left undone is looked for so often.")
    time_zone: str = Field(
        default="UTC", description="Months of statements are those of this zone, IANA, until an enterprise chooses."
    )
    meter_seconds: float = Field(default=60.0, ge=1, description="Usage is counted so often.")
    statement_delay_hours: float = Field(
        default=24.0, ge=0, description="A statement is closed so long after its month, so that what comes late is in."
    )
    trial_start_seconds: float = Field(
        default=120.0, gt=0, description="A version that is tried has to be healthy within so long."
    )
    trial_watch_seconds: float = Field(
        default=3.0, ge=0, description="A version that is tried has to stay healthy for so long."
    )
    apps_folder: str = Field(
        default="apps", description="Folder of apps that run as local processes; relative to the working directory."
    )
    deploy_seconds: float = Field(
        default=3.0, ge=0.5, description="What runs is compared with what shall run so often."
    )
    docker_url: str = Field(
        default="", description="Socket of the engine that runs apps, unix:///var/run/docker.sock; empty: none does."
    )
    docker_platform: str = Field(
        default="dualspan", description="Tells this platform's containers from those of others on the same engine."
    )
    docker_subnets: str = Field(
        default="10.213.0.0/16", description="The networks of apps, 16 addresses each, are cut from this."
    )
    docker_peers: str = Field(
        default="",
        description="alias=container, with commas: the platform's containers that apps reach; and the worker's own.",
    )
    docker_historian: str = Field(
        default="historian:7403", description="host:port of the historian as containers of apps reach it."
    )
    docker_marketplace: str = Field(
        default="marketplace:7405", description="host:port of this service as containers of apps reach it."
    )
    docker_sockets: str = Field(
        default="",
        description="Folder with historian.sock and marketplace.sock, which containers then use in place of the two "
        "addresses: where the platform runs on the engine's machine and not in containers. Empty: none.",
    )
    docker_egress_image: str = Field(
        default="",
        description="Image, by a name that the engine knows, of what opens ways to the hosts that an app declares; "
        "empty: apps that declare any do not run as containers.",
    )
    docker_egress_private: str = Field(
        default="",
        description="Networks with commas, 10.20.0.0/16, that declared hosts may be in besides the internet.",
    )
    docker_egress_denied: str = Field(
        default="",
        description="Networks with commas, 203.0.113.7/32, that no declared host may be in: this machine's own. "
        "Those where clouds tell machines about themselves are denied always.",
    )
    app_authority_file: str = Field(
        default="", description="PEM of who signed the platform's certificates, for apps; empty: they speak plaintext."
    )

    kubernetes_url: str = Field(
        default="", description="https://host:port of the API of the cluster that apps run on; empty: on none."
    )
    kubernetes_token_file: str = Field(
        default="/var/run/secrets/kubernetes.io/serviceaccount/token", description="The worker's token there."
    )
    kubernetes_authority_file: str = Field(
        default="/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
        description="PEM of who signed the API's certificate.",
    )
    kubernetes_prefix: str = Field(
        default="dualspan",
        pattern="^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$",
        description="Namespaces of tenants are called <prefix>-apps-<tenant>.",
    )
    kubernetes_namespace: str = Field(default="dualspan", description="Where the platform's own pods are.")
    kubernetes_release: str = Field(
        default="dualspan", description="Label app.kubernetes.io/instance of the platform's own pods."
    )
    kubernetes_account: str = Field(default="", description="The worker's service account in that namespace.")
    kubernetes_role: str = Field(
        default="",
        description="ClusterRole that the account is given in each tenant's namespace; empty: it needs none.",
    )
    kubernetes_historian: str = Field(
        default="dualspan-historian:7403", description="host:port of the historian, whose address pods are told."
    )
    kubernetes_marketplace: str = Field(
        default="dualspan-marketplace:7405", description="host:port of this service, whose address pods are told."
    )
    kubernetes_tenant_cpu: str = Field(default="8", description="Cores that a tenant's apps may use together.")
    kubernetes_tenant_memory: str = Field(default="16Gi", description="Memory that they may use together.")
    kubernetes_tenant_pods: int = Field(default=60, ge=1, description="Pods that a tenant's apps may have together.")
    kubernetes_kubelets: Literal["verified", "unverified", "none"] = Field(
        default="verified",
        description="Who tells what apps use: kubelets whose certificates the cluster's authority signed; kubelets "
        "with whatever certificates, which then see the worker's token; or nobody.",
    )
    kubernetes_kubelet_port: int = Field(default=10250, ge=1, le=65535, description="Of every node's kubelet.")
    chart_registries: str = Field(
        default="", description="Where charts of apps may come from, with commas: ghcr.io, or http://registry:5000."
    )
    helm: str = Field(default="helm", description="The helm command, 3.6 or later.")

    @field_validator("docker_egress_private", "docker_egress_denied")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for each in filter(None, (part.strip() for part in value.split(","))):
            ipaddress.IPv4Network(each)
        return value

    @property
    def clock(self) -> Clock:
        """How long a subscription is borne with."""
        grace, hand_back = timedelta(days=self.grace_days), timedelta(days=self.hand_back_days)
        return Clock(grace, hand_back, timedelta(minutes=self.unwell_minutes))

    @model_validator(mode="after")
    def _check_fulfilment(self) -> Self:
        secret = self.fulfilment_secret.get_secret_value()
        if (secret or self.fulfilment_url) and len(secret) < _SHORTEST_SECRET:
            words = f"FULFILMENT_SECRET needs {_SHORTEST_SECRET} characters or more: both sides sign with it."
            raise ValueError(words)
        if self.fulfilment_url and not self.fulfilment_url.startswith("https://") and not self.private_webhooks:
            raise ValueError("FULFILMENT_URL must begin with https://, unless PRIVATE_WEBHOOKS is true.")
        return self
