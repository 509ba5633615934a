"""What can be set about the pages of apps."""

from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from dualspan_runtime.settings import MEBIBYTE, PlatformSettings


def _platform_settings() -> PlatformSettings:
    return PlatformSettings()  # pyright: ignore[reportCallIssue] - read from the environment


class AccessSettings(BaseSettings):
    """Settings of the pages of apps (prefix `DUALSPAN_ACCESS_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_ACCESS_")

    listen: str = Field(default="127.0.0.1:8081", description="host:port of the pages of apps.")
    check_seconds: float = Field(
        default=5.0, gt=0, le=20, description="Whoever has apps open is asked for so often: what ended ends here, too."
    )
    requests_per_app: int = Field(default=100, ge=1, description="Requests and streams of one app at the same time.")
    requests_per_person: int = Field(default=40, ge=1, description="Of them, those of one access.")
    connections: int = Field(default=4000, ge=10, description="Connections of browsers at the same time.")
    header_seconds: float = Field(default=20.0, gt=0, description="A browser's first request must be there by then.")
    answer_seconds: float = Field(default=60.0, gt=0, description="An app must begin to answer within this.")
    silence_seconds: float = Field(default=60.0, gt=0, description="No longer a pause within a request or an answer.")
    stream_silence_seconds: float = Field(
        default=600.0, gt=0, description="No longer a pause within a stream of server-sent events."
    )
    transfer_seconds: float = Field(
        default=1800.0, gt=0, description="A request and its answer end by then; streams not."
    )
    request_bytes: int = Field(default=64 * MEBIBYTE, ge=0, description="Largest body that an app is sent.")
    response_bytes: int = Field(default=1024 * MEBIBYTE, ge=0, description="Largest body of an app's answer.")
    message_bytes: int = Field(default=4 * MEBIBYTE, ge=1024, description="Largest message of a WebSocket.")
    platform: PlatformSettings = Field(default_factory=_platform_settings)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def https(self) -> bool:
        """Whether browsers come through TLS."""
        return urlsplit(self.platform.apps_url).scheme == "https"

    @property
    def domain(self) -> str:
        """The host that all apps are under."""
        return urlsplit(self.platform.apps_url).hostname or ""
