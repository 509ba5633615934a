"""What can be set about the marketplace."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dualspan_runtime.settings import ServiceSettings


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
    sweep_seconds: float = Field(default=30.0, ge=1, description="What a crash left undone is looked for so often.")
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
