"""What the command reads from its environment."""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from dualspan_runtime.settings import secret_folders


def _default_data_dir() -> Path:
    # Root's home is closed to the system user that PostgreSQL runs as.
    if os.geteuid() == 0:
        return Path("/var/lib/dualspan")
    return _xdg("XDG_DATA_HOME", ".local/share") / "dualspan"


def _default_credential_file() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config") / "dualspan" / "credential.json"


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value else Path.home() / fallback


class CliSettings(BaseSettings):
    """Settings of the command (prefix `DUALSPAN_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_", secrets_dir=secret_folders())

    data_dir: Path = Field(default_factory=_default_data_dir, description="Where `dualspan up` keeps everything.")
    credential_file: Path = Field(default_factory=_default_credential_file, description="Written by `sign-in`.")
    token: SecretStr = Field(default=SecretStr(""), description="An API token, instead of signing in.")
    service_secret: SecretStr = Field(default=SecretStr(""), description="The platform's secret: acts as a service.")
    identity_address: str = Field(default="", description="host:port of identity.")
    onboarding_address: str = Field(default="", description="host:port of onboarding.")
    historian_address: str = Field(default="", description="host:port of the historian.")
    analytics_address: str = Field(default="", description="host:port of analytics.")
    marketplace_address: str = Field(default="", description="host:port of the marketplace.")
    console_address: str = Field(default="", description="host:port of the console, for the doctor.")
    apps_engine: str = Field(
        default="auto",
        description="What runs images of apps: unix://… of a Docker Engine, `auto` for this machine's, or `none`.",
    )
    apps_egress: bool = Field(
        default=False,
        description="Containers of apps reach the hosts that these declare, on this machine's platform.",
    )
    apps_egress_private: str = Field(
        default="",
        description="Networks with commas, 10.20.0.0/16, that declared hosts may be in, besides the internet.",
    )
    apps_egress_denied: str = Field(
        default="",
        description="Networks with commas, 203.0.113.7/32, that no declared host may be in: this machine's own.",
    )
    backup_repository: Path | None = Field(default=None, description="Folder that backups are in.")
    backup_passphrase: SecretStr = Field(default=SecretStr(""), description="Opens the repository of backups.")
    backup_every_hours: float = Field(default=24.0, gt=0, description="`backup follow` takes a backup so often.")
    backup_keep: int = Field(default=7, ge=1, description="`backup follow` keeps so many backups.")
    admin_database_url: str = Field(
        default="", description="PostgreSQL, as an administrator: what is backed up and looked at, if it is not here."
    )
    docker_host: str = Field(
        default="unix:///var/run/docker.sock",
        validation_alias="DOCKER_HOST",
        description="Where Docker's own commands look for the engine.",
    )

    def names_a_platform(self) -> bool:
        """Whether it is said where services are and as whom they are asked."""
        has_secret = self.token.get_secret_value() or self.service_secret.get_secret_value()
        return bool(has_secret and self.identity_address)


class FirstUserSettings(BaseSettings):
    """Who can sign in first, where nobody is asked (prefix `DUALSPAN_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_", secrets_dir=secret_folders())

    first_password: SecretStr = Field(min_length=10, description="Of the first administrator.")


class GivenSecrets(BaseSettings):
    """Secrets of a platform that somebody chose, where others would be made up (prefix `DUALSPAN_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_")

    service_secret: SecretStr = Field(default=SecretStr(""), description="The platform's.")
    database_password: SecretStr = Field(default=SecretStr(""), description="PostgreSQL's.")
    first_password: SecretStr = Field(default=SecretStr(""), description="Of the first administrator.")


def child_environment(additions: dict[str, str]) -> dict[str, str]:
    """The environment of a child: this process's own without platform settings, and `additions`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DUALSPAN_")}
    return {**kept, **additions}


def inherited_environment() -> dict[str, str]:
    """This process's own environment, for services that read their settings from it."""
    return dict(os.environ)
