"""What can be set about the historian."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dualspan_historian.model import RetentionRule
from dualspan_runtime.settings import GatewayFacingSettings

MEBIBYTE = 1 << 20


class HistorianSettings(GatewayFacingSettings):
    """Settings of the historian (prefix `DUALSPAN_HISTORIAN_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_HISTORIAN_", env_nested_delimiter="__")

    listen: str = Field(default="127.0.0.1:7403", description="host:port for people, apps and other services.")
    gateway_listen: str = Field(default="127.0.0.1:7413", description="host:port for gateways.")

    max_in_flight: int = Field(
        default=64, ge=1, description="Uploads of a stream that may wait for their acknowledgement."
    )
    max_upload_bytes: int = Field(default=8 * MEBIBYTE, ge=1024, description="Largest upload.")
    max_frame_samples: int = Field(default=1 << 20, ge=1, description="Most samples of a frame.")
    max_frame_bytes: int = Field(default=64 * MEBIBYTE, ge=1024, description="Most decoded bytes of a frame.")
    max_value_bytes: int = Field(default=64 * 1024, ge=1, description="Largest text or byte string of a sample.")
    max_waiting_bytes: int = Field(default=128 * MEBIBYTE, description="Decoded bytes of a stream that may wait.")
    max_future_seconds: float = Field(default=3600.0, ge=0, description="Timestamps may lie so far ahead of our clock.")

    frame_trace_seconds: float = Field(
        default=10.0, gt=0, description="Where traces are on, one frame of each gateway is traced so often."
    )

    seal_samples: int = Field(default=6_000_000, ge=1, description="Sealing starts when so many samples came.")
    seal_at_most: int = Field(
        default=8_000_000, ge=1, description="Most samples that are sealed at once; bounds memory."
    )
    seal_at_most_bytes: int = Field(
        default=256 * MEBIBYTE, ge=1, description="Most decoded bytes that are sealed at once; bounds memory."
    )
    seal_after_seconds: float = Field(default=60.0, ge=0, description="The sweep seals frames older than that.")
    sweep_seconds: float = Field(default=30.0, gt=0, description="How often the sweep looks.")
    merge_at_most: int = Field(default=4_000_000, ge=1, description="Most samples that are merged at once.")
    merge_at_most_bytes: int = Field(
        default=128 * MEBIBYTE, ge=1, description="Most decoded bytes that are merged at once; bounds memory."
    )
    retention: dict[str, RetentionRule] = Field(
        default_factory=lambda: {"": RetentionRule()}, description='By class, as JSON; "" is the default class.'
    )
    quarantine_bytes: int = Field(
        default=64 * MEBIBYTE, ge=0, description="Most bytes of refused frames that are kept of a gateway."
    )
    quarantine_days: int = Field(default=30, ge=1, description="Refused frames are listed so long.")
    ledger_days: int = Field(
        default=800,
        ge=1,
        description="Resolved gaps and positions of replaced buffers are kept so long; reports reach no further back.",
    )

    max_query_samples: int = Field(default=50_000_000, ge=1, description="Most samples that a query may cover.")
    max_query_bytes: int = Field(
        default=1536 * MEBIBYTE,
        ge=1,
        description="Most decoded bytes of unsealed frames that a query may cover, and all that run together.",
    )
    max_queries: int = Field(default=8, ge=1, description="Queries that run at the same time.")
    query_wait_seconds: float = Field(default=10.0, ge=0, description="A query waits so long for its turn.")
    query_threads: int = Field(default=2, ge=1, description="Threads that decode for queries.")
    frame_cache_bytes: int = Field(default=192 * MEBIBYTE, ge=0, description="Decoded frames kept for reads.")
    segment_cache_bytes: int = Field(default=192 * MEBIBYTE, ge=0, description="Decoded segments kept for reads.")
    subscriber_frames: int = Field(default=64, ge=1, description="Frames that a slow subscriber may lag behind.")
