"""What can be set about analytics."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dualspan_runtime.settings import ServiceSettings


class AnalyticsSettings(ServiceSettings):
    """Settings of the analytics service (prefix `DUALSPAN_ANALYTICS_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_ANALYTICS_")

    listen: str = Field(default="127.0.0.1:7404", description="host:port for people, apps and other services.")

    max_query_rows: int = Field(default=2_000_000, ge=1, description="Most rows of the answer to a query.")
    max_query_cells: int = Field(default=20_000_000, ge=1, description="Most rows x columns of the answer to a query.")
    max_read_samples: int = Field(
        default=50_000_000, ge=1, description="Most samples that are held in memory for one question."
    )
    assets_seconds: float = Field(
        default=5.0, ge=0, description="What onboarding said of a tenant's assets is good for so long."
    )
