"""What can be set of this service (prefix `DUALSPAN_ONBOARDING_`)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dualspan_onboarding.service.enrolment import Addresses
from dualspan_runtime.settings import GatewayFacingSettings


class OnboardingSettings(GatewayFacingSettings):
    """The settings of the onboarding service."""

    model_config = SettingsConfigDict(env_prefix="DUALSPAN_ONBOARDING_")

    listen: str = Field(default="127.0.0.1:7402", description="host:port for people, apps and other services.")
    gateway_listen: str = Field(
        default="127.0.0.1:7412", description="host:port for gateways; they show a certificate."
    )
    enrol_listen: str = Field(default="127.0.0.1:7422", description="host:port where gateways enrol.")
    enrol_address: str = Field(default="", description="host:port of it as gateways reach it; enrol_listen if empty.")
    historian_gateway_address: str = Field(
        default="127.0.0.1:7413", description="host:port of the historian's gateway port, as gateways reach it."
    )

    @property
    def addresses(self) -> Addresses:
        """Where gateways find the platform."""
        return Addresses(
            enrolment=self.enrol_address or self.enrol_listen,
            onboarding=self.gateway_address or self.gateway_listen,
            historian=self.historian_gateway_address,
        )
