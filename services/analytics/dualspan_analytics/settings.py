"""What can be set about analytics."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from dualspan_runtime.settings import ServiceSettings


class AnalyticsSettings(ServiceSettings):
    """Settings of the analytics service (prefix `DUALSPAN_ANALYTICS_`)."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_ANALYTICS_")

    listen: str = Field(default="127.0.0.1:7404", description="host:port for people, apps and other services.")

    max_query_cells: int = Field(default=10_000_000, ge=1, description="Most rows x columns of the answer to a query.")
    max_queries: int = Field(
        default=2, ge=1, description="Queries whose tables are made at the same time, of one enterprise half as many."
    )
    max_questions: int = Field(
        default=6, ge=1, description="Costly questions, such as KPIs, that are worked on at the same time; others wait."
    )
    max_questions_each: int = Field(default=2, ge=1, description="Of these the questions of one enterprise.")
    max_read_samples: int = Field(
        default=20_000_000, ge=1, description="Most samples that are held in memory for one question."
    )
    assets_seconds: float = Field(
        default=5.0, ge=0, description="What onboarding said of a tenant's assets is good for so long."
    )

    sweep_seconds: float = Field(
        default=60.0,
        ge=1,
        description="Exports, reports and trainings that are due, or left behind, are looked for so often.",
    )
    export_folder: str = Field(
        default="", description="Exports to the platform's own folder go below this one; empty: there is none."
    )
    export_folder_gibibytes: float = Field(
        default=50.0, gt=0, description="Most that the exports of one enterprise may have in that folder."
    )
    export_endpoints: str = Field(
        default="", description="Servers other than Amazon's that exports may go to: https://host:port, with commas."
    )
    export_slice_seconds: float = Field(
        default=60.0, ge=0, description="A run of an export gives way to other tasks after so long, and then goes on."
    )
    export_samples_at_once: int = Field(
        default=4_000_000, ge=1000, description="Most samples that an export holds in memory."
    )

    alarm_interval_seconds: float = Field(
        default=0.5, ge=0, description="Samples are gathered for so long before alarm rules are evaluated; 0: never."
    )
    alarm_lease_seconds: float = Field(
        default=15.0, ge=1, description="A replica that evaluates alarms and says nothing for so long is replaced."
    )
    alarm_days: int = Field(default=400, ge=1, description="What happened to alarms is kept so long.")
    notification_seconds: float = Field(default=5.0, ge=1, description="Notifications are looked for so often.")
    notification_timeout_seconds: float = Field(
        default=10.0, gt=0, le=60, description="An attempt to notify somebody ends after so long, answered or not."
    )
    private_webhooks: bool = Field(
        default=False, description="Webhooks may use plain HTTP and private addresses. Only where tenants are trusted."
    )
    smtp_host: str = Field(default="", description="Mail server that takes notifications; empty for none.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(default="starttls", description="How it is spoken to.")
    smtp_user: str = Field(default="", description="User at the mail server; empty for none.")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="The user's password.")
    smtp_sender: str = Field(default="dualspan@localhost", description="Who notifications come from.")
    rollup_seconds: float = Field(
        default=300.0, gt=0, description="How often sums of shifts are rolled up, and stale ones computed again."
    )

    score_seconds: float = Field(default=60.0, ge=1, description="Live models score what is new so often.")
    score_delay_seconds: float = Field(
        default=30.0, ge=0, description="A step is scored so long after its end, for samples that are on their way."
    )
    training_gives_way: bool = Field(
        default=True, description="Training computes only while nobody else wants the processor."
    )
    training_pause: float = Field(
        default=60.0, ge=0, description="Training rests so many times as long as each read and computation took."
    )
    training_slice_seconds: float = Field(
        default=15.0, ge=0, description="A run of a training gives way to other tasks after so long, and then goes on."
    )
    score_days: int = Field(default=400, ge=1, description="Scores are kept so long.")

    sharing_minimum: int = Field(
        default=5, ge=5, description="Enterprises that must share before quartiles of a group are shown."
    )
    sharing_delay_days: int = Field(
        default=3, ge=0, le=28, description="A month is published when it has been over for so long."
    )
