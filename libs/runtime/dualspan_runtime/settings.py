"""Settings that services have in common: the environment is read in settings modules and nowhere else."""

import sys
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1 << 20
CONFIGURATION_ERROR = 78  # EX_CONFIG of sysexits.h
SettingsT = TypeVar("SettingsT", bound=BaseSettings)
_SECRETS = Path("/run/secrets")


def secret_folders(folder: Path = _SECRETS) -> list[Path]:
    """Where a container engine puts files, each a setting by its name, `dualspan_service_secret`.

    The environment goes first.

    Args:
        folder: It and the folders in it count, as far as they are there.
    """
    return [each for each in (folder, *sorted(folder.glob("*"))) if each.is_dir()]


class PlatformSettings(BaseSettings):
    """What all services of one platform share (prefix `DUALSPAN_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_", secrets_dir=secret_folders())

    service_secret: SecretStr = Field(
        min_length=16,
        description="Shared by all services: signs their tokens and encrypts the keys that identity stores.",
    )
    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="Redis: the live fan-out, and Celery's broker unless broker_url names another.",
    )
    broker_url: str = Field(
        default="",
        pattern=r"^($|(redis|rediss|redis\+socket|amqp|amqps)://.)",
        description="Celery's broker, redis:// or amqp:// (RabbitMQ); empty: redis_url.",
    )
    identity_address: str = Field(default="127.0.0.1:7401", description="host:port of identity's listener.")
    onboarding_address: str = Field(default="127.0.0.1:7402", description="host:port of onboarding's listener.")
    historian_address: str = Field(default="127.0.0.1:7403", description="host:port of the historian's listener.")
    analytics_address: str = Field(default="127.0.0.1:7404", description="host:port of the listener of analytics.")
    marketplace_address: str = Field(default="127.0.0.1:7405", description="host:port of the marketplace's listener.")
    console_url: str = Field(
        default="http://127.0.0.1:8080", description="Where people reach the console: scheme, host and port."
    )
    apps_url: str = Field(
        default="http://apps.localhost:8081",
        description="Where people reach apps: each is a host under this one. https if browsers come through TLS.",
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Logs for people or for machines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged."
    )
    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^\s/]+/?)?$",
        description="Where traces are sent by OTLP over gRPC: http://host:4317, or https; empty: nothing is traced.",
    )
    trace_ratio: float = Field(default=0.05, ge=0, le=1, description="Share of calls and tasks that are traced.")
    worker_metrics_listen: str = Field(
        default="", description="host:port of a worker's Prometheus metrics; empty: off. Of one worker on a machine."
    )

    @property
    def celery_broker(self) -> str:
        """The URL of the broker that tasks go through."""
        return self.broker_url or self.redis_url


def read_settings(settings: type[SettingsT]) -> SettingsT:
    """Reads settings from the environment; a process whose settings are wrong says which, and ends with code 78."""
    try:
        return settings()
    except ValidationError as error:
        # The settings that all services share are read on the way, and say for themselves what they lack.
        owner = PlatformSettings if error.title == PlatformSettings.__name__ else settings
        prefix, fields = owner.model_config.get("env_prefix", ""), owner.model_fields
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            meaning = fields[name].description if name in fields else ""
            what = "is not set" if problem["type"] == "missing" else f"is wrong: {problem['msg']}"
            sys.stderr.write(f"{f'{prefix}{name}'.upper()} {what}. {meaning or ''}".rstrip() + "\n")
        raise SystemExit(CONFIGURATION_ERROR) from None


def _platform_settings() -> PlatformSettings:
    return PlatformSettings()  # pyright: ignore[reportCallIssue] - read from the environment


class ServiceSettings(BaseSettings):
    """What every service has (prefix `DUALSPAN_<SERVICE>_`)."""

    listen: str = Field(description="host:port for people, apps and other services; port 0 takes a free one.")
    listen_socket: str = Field(
        default="",
        description="Unix socket that offers the same, for apps in containers of this machine; empty: none.",
    )
    metrics_listen: str = Field(default="", description="host:port of Prometheus metrics; empty: off.")
    database_url: str = Field(description="PostgreSQL, with the service's own role.")
    database_pool_size: int = Field(default=10, ge=1, le=200, description="Most connections to PostgreSQL.")
    statement_timeout_seconds: float = Field(default=30.0, gt=0, description="PostgreSQL ends a statement after that.")
    tls_certificate_file: str = Field(default="", description="PEM chain of the first listener; empty: plaintext.")
    tls_key_file: str = Field(default="", description="PEM key of the first listener.")
    default_deadline_seconds: float = Field(default=30.0, gt=0, description="For calls that set none.")
    maximum_deadline_seconds: float = Field(default=300.0, gt=0, description="No unary call lasts longer.")
    maximum_message_bytes: int = Field(
        default=64 * MEBIBYTE, ge=MEBIBYTE, description="Largest message in either direction."
    )
    drain_seconds: float = Field(default=10.0, ge=0, description="Running calls get so long when the service stops.")
    platform: PlatformSettings = Field(default_factory=_platform_settings)


class GatewayFacingSettings(ServiceSettings):
    """What a service that gateways connect to has besides."""

    gateway_listen: str = Field(description="host:port for gateways; they show a client certificate.")
    gateway_address: str = Field(default="", description="host:port as gateways reach it; gateway_listen if empty.")
    gateway_hosts: str = Field(
        default="localhost,127.0.0.1", description="Names and addresses in the server certificate."
    )

    @property
    def gateway_host_list(self) -> list[str]:
        """The hosts of the server certificate."""
        return [host.strip() for host in self.gateway_hosts.split(",") if host.strip()]


class AdminSettings(BaseSettings):
    """What migrations need (prefix `DUALSPAN_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_", secrets_dir=secret_folders())

    admin_database_url: str = Field(description="PostgreSQL, with a role that may create roles and schemas.")
    database_password: SecretStr = Field(
        default=SecretStr(""), description="For the services' roles; empty: leave as it is."
    )
