"""Resource names of this service as typed values: `tenants/{tenant}/gateways/{gateway}/…` and back.

Every `parse` raises InvalidArgument with the reason MALFORMED_NAME.
"""

import uuid
from dataclasses import dataclass
from typing import ClassVar, Self

from dualspan_onboarding.errors import malformed
from dualspan_runtime.names import GATEWAY, SERVER, TAG, TENANT, ResourceName

_EVERY_GATEWAY = "-"
_MAX_TAG_ID = 2**63 - 1


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
class UuidName:
    """The name of something of a tenant that has a UUID for its id.

    Attributes:
        pattern: What its kind of name looks like: the tenant, then the id.
        tenant: Whose it is.
        uid: Its id.
    """

    pattern: ClassVar[ResourceName]

    tenant: str
    uid: uuid.UUID

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name."""
        tenant, uid = cls.pattern.parse(name).values()
        try:
            return cls(tenant, uuid.UUID(uid))
        except ValueError as err:
            text = f"{name!r} is no name of the form {cls.pattern.pattern}: copy it from a list."
            raise malformed("MALFORMED_NAME", "name", text) from err

    def __str__(self) -> str:
        tenant, uid = self.pattern.variables
        return self.pattern.format(**{tenant: self.tenant, uid: str(self.uid)})


@dataclass(frozen=True, slots=True)
class NoticeName(UuidName):
    """`tenants/{tenant}/notices/{notice}`."""

    pattern = ResourceName("tenants/{tenant}/notices/{notice}")


@dataclass(frozen=True, slots=True)
class TrustedCertificateName(UuidName):
    """`tenants/{tenant}/trustedCertificates/{trusted_certificate}`."""

    pattern = ResourceName("tenants/{tenant}/trustedCertificates/{trusted_certificate}")
