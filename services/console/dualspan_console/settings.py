"""The console's settings."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from dualspan_runtime.settings import PlatformSettings


def _platform_settings() -> PlatformSettings:
    return PlatformSettings()  # pyright: ignore[reportCallIssue] - read from the environment


class ConsoleSettings(BaseSettings):
    """Settings of the console (prefix `DUALSPAN_CONSOLE_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_CONSOLE_")

    listen: str = Field(default="127.0.0.1:8080", description="host:port of the web pages.")
    https: bool = Field(default=False, description="Browsers come through TLS: cookies are sent over https only.")
    trusted_proxies: str = Field(default="127.0.0.1", description="Whose X-Forwarded-* headers count, comma-separated.")
    platform: PlatformSettings = Field(default_factory=_platform_settings)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
