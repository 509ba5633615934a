"""What can be set about the gateway: environment variables with the prefix DUALSPAN_GATEWAY_."""

import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from dualspan_edge.backoff import Backoff
from dualspan_edge.buffer import BufferLimits
from dualspan_edge.repair import RepairPace


def _default_data_dir() -> Path:
    home = Path.home()
    base = home / ".local" / "share" if home != Path("/") else Path(tempfile.gettempdir())
    return base / "dualspan-gateway"


class GatewaySettings(BaseSettings):
    """Settings of the gateway (prefix `DUALSPAN_GATEWAY_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_GATEWAY_")

    data_dir: Path = Field(default_factory=_default_data_dir, description="Identity, configuration and buffer.")
    log_format: Literal["text", "json"] = Field("text", description="How the log is written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")

    buffer_max_bytes: int = Field(2 * 1024**3, ge=1 << 20, description="Bytes buffered before the buffer is full.")
    buffer_keep_bytes: int = Field(
        256 * 1024**2,
        ge=0,
        description="Bytes kept of what the platform has acknowledged, in case it is restored from a backup; "
        "an eighth of the disk at most.",
    )
    buffer_max_age_hours: float = Field(168.0, gt=0, description="Older frames are given up.")
    flush_interval_ms: float = Field(25.0, ge=0, description="A sample waits so long for others to share its frame.")

    reconnect_first_seconds: float = Field(1.0, gt=0, description="Wait before connecting to a server again.")
    reconnect_longest_seconds: float = Field(60.0, gt=0, description="The longest such wait; it doubles up to it.")
    platform_reconnect_longest_seconds: float = Field(30.0, gt=0, description="The same towards the platform.")

    trust_interval_seconds: float = Field(60.0, gt=0, description="How often certificates in use are judged again.")
    repair_poll_seconds: float = Field(30.0, gt=0, description="How often it asks for gaps to fill from history.")
    repair_chunk_values: int = Field(5000, ge=10, le=50_000, description="Values of history asked for at a time.")
    repair_again_seconds: float = Field(600.0, gt=0, description="When it tries again what could not be read for now.")
    repair_share: float = Field(0.25, gt=0, le=1, description="Share of the time that a server spends on history.")

    reverse_listen: str = Field(
        "",
        pattern=r"^(.*:\d{1,5})?$",
        description="host:port where OPC UA servers call (reverse connect); off if empty.",
    )

    writes: bool = Field(False, description="Writes and method calls that the platform asks for are carried out.")

    status_interval_seconds: float = Field(1.0, gt=0, description="How often the local status is written.")

    def repair_pace(self) -> RepairPace:
        """How eagerly gaps are filled from the servers' history."""
        return RepairPace(
            poll=self.repair_poll_seconds,
            chunk=self.repair_chunk_values,
            share=self.repair_share,
            again=self.repair_again_seconds,
        )

    def buffer_limits(self) -> BufferLimits:
        """The buffer's limits."""
        return BufferLimits(
            max_bytes=self.buffer_max_bytes,
            keep_bytes=self.buffer_keep_bytes,
            max_age=self.buffer_max_age_hours * 3600,
            flush_interval=self.flush_interval_ms / 1000,
        )

    def server_backoff(self) -> Backoff:
        """Between attempts to connect to an OPC UA server."""
        return Backoff(self.reconnect_first_seconds, self.reconnect_longest_seconds)

    def platform_backoff(self) -> Backoff:
        """Between attempts to connect to the platform."""
        return Backoff(min(0.5, self.platform_reconnect_longest_seconds), self.platform_reconnect_longest_seconds)
