"""Resource names of this service as typed values: `tenants/{tenant}/gateways/{gateway}/…` and back.

Every `parse` raises InvalidArgument with the reason MALFORMED_NAME.
"""

import uuid
from dataclasses import dataclass
from typing import Self

from dualspan_onboarding.errors import malformed
from dualspan_runtime.names import GATEWAY, SERVER, TAG, TENANT, ResourceName

_EVERY_GATEWAY = "-"
_MAX_TAG_ID = 2**63 - 1
_NOTICE = ResourceName("tenants/{tenant}/notices/{notice}")
_TRUSTED = ResourceName("tenants/{tenant}/trustedCertificates/{trusted_certificate}")


def parse_tenant(name: str) -> str:
    """The id in `tenants/{tenant}`."""
    return TENANT.parse(name)["tenant"]


@dataclass(frozen=True, slots=True)
class GatewayName:
    """`tenants/{tenant}/gateways/{gateway}`."""

    tenant: str
    gateway: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name."""
        return cls(**GATEWAY.parse(name))

    def __str__(self) -> str:
        return GATEWAY.format(tenant=self.tenant, gateway=self.gateway)


@dataclass(frozen=True, slots=True)
class GatewayScope:
    """The parent in a list of servers: one gateway, or every one of a tenant (AIP-159: `gateways/-`)."""

    tenant: str
    gateway: str | None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name."""
        tenant, separator, rest = name.rpartition("/gateways/")
        if separator and rest == _EVERY_GATEWAY:
            return cls(parse_tenant(tenant), None)
        return cls(**GATEWAY.parse(name))


@dataclass(frozen=True, slots=True)
class ServerName:
    """`tenants/{tenant}/gateways/{gateway}/servers/{server}`."""

    tenant: str
    gateway: str
    server: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name."""
        return cls(**SERVER.parse(name))

    def __str__(self) -> str:
        return SERVER.format(tenant=self.tenant, gateway=self.gateway, server=self.server)

    @property
    def parent(self) -> GatewayName:
        """The gateway that reaches it."""
        return GatewayName(self.tenant, self.gateway)


@dataclass(frozen=True, slots=True)
class TagName:
    """`tenants/{tenant}/tags/{tag_id}`."""

    tenant: str
    tag_id: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name."""
        parts = TAG.parse(name)
        digits = parts["tag"]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 19 and 0 < int(digits) <= _MAX_TAG_ID):
            raise malformed("MALFORMED_NAME", "name", f"{name!r} does not name a tag: its id is a positive number.")
        return cls(parts["tenant"], int(digits))

    def __str__(self) -> str:
        return TAG.format(tenant=self.tenant, tag=str(self.tag_id))


@dataclass(frozen=True, slots=True)
class NoticeName:
    """`tenants/{tenant}/notices/{notice}`."""

    tenant: str
    notice: uuid.UUID

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name."""
        parts = _NOTICE.parse(name)
        try:
            return cls(parts["tenant"], uuid.UUID(parts["notice"]))
        except ValueError as err:
            text = f"{name!r} does not name a notice: copy its name from the list of notices."
            raise malformed("MALFORMED_NAME", "name", text) from err

    def __str__(self) -> str:
        return _NOTICE.format(tenant=self.tenant, notice=str(self.notice))


@dataclass(frozen=True, slots=True)
class TrustedCertificateName:
    """`tenants/{tenant}/trustedCertificates/{trusted_certificate}`."""

    tenant: str
    entry: uuid.UUID

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name."""
        parts = _TRUSTED.parse(name)
        try:
            return cls(parts["tenant"], uuid.UUID(parts["trusted_certificate"]))
        except ValueError as err:
            text = f"{name!r} does not name a trusted certificate: copy its name from the trust list."
            raise malformed("MALFORMED_NAME", "name", text) from err

    def __str__(self) -> str:
        return _TRUSTED.format(tenant=self.tenant, trusted_certificate=str(self.entry))
