"""Settings of the identity service (prefix `DUALSPAN_IDENTITY_`)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dualspan_runtime.settings import ServiceSettings


class IdentitySettings(ServiceSettings):
    """What the identity service is told."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_IDENTITY_")

    listen: str = Field(default="127.0.0.1:7401", description="host:port for people, apps and other services.")
    session_days: float = Field(default=30.0, gt=0, description="A session ends after that, used or not.")
    session_idle_days: float = Field(default=7.0, gt=0, description="A session ends when it was not used for so long.")
    signing_key_days: float = Field(
        default=90.0, gt=0, description="The signing key of access tokens is replaced after that."
    )
    oidc_without_tls: bool = Field(
        default=False,
        description="Identity providers may be at http addresses. For tests: anybody on the way could be one.",
    )
    password_hash_threads: int = Field(default=2, ge=1, description="Passwords hashed at the same time.")
    password_hash_kib: int = Field(
        default=65_536,
        ge=64,
        description="Memory that hashing a password takes: with less, stolen hashes are easier to guess.",
    )
