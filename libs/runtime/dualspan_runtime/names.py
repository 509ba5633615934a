"""Resource names (AIP-122): `tenants/{tenant}/gateways/{gateway}`."""

import re

from dualspan_runtime.errors import InvalidArgument

SLUG = re.compile(r"[a-z0-9-]{1,40}")
_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_TENANT_PREFIX = re.compile(r"tenants/([a-z0-9-]{1,40})(?:/|$)")


class ResourceName:
    """The pattern of a kind of resource name.

    Args:
        pattern: Segments separated by "/", variable ones in braces.
        **segments: A regular expression for a variable whose values are not slugs.
    """

    def __init__(self, pattern: str, **segments: str) -> None:
        self.pattern = pattern
        self.variables = tuple(_VARIABLE.findall(pattern))
        slug = SLUG.pattern
        expression = _VARIABLE.sub(lambda match: f"(?P<{match[1]}>{segments.get(match[1], slug)})", pattern)
        self._expression = re.compile(expression)

    def parse(self, name: str) -> dict[str, str]:
        """Returns the variable segments of a name.

        Raises:
            InvalidArgument: The name does not follow the pattern (`MALFORMED_NAME`).
        """
        match = self._expression.fullmatch(name)
        if match is None:
            raise InvalidArgument(
                "MALFORMED_NAME",
                f"{name[:120]!r} is not a name of the form {self.pattern}. Ids have 1 to 40 of a-z, 0-9 and '-'.",
                pattern=self.pattern,
            )
        return match.groupdict()

    def matches(self, name: str) -> bool:
        """Tells whether a name follows the pattern."""
        return self._expression.fullmatch(name) is not None

    def format(self, **values: str | int) -> str:
        """Returns the name with these segments.

        Raises:
            InvalidArgument: A segment is not valid (`MALFORMED_NAME`).
        """
        name = self.pattern.format(**values)
        self.parse(name)
        return name


TRIALS = "dualspan-trials"
"""The tenant of apps that are tried before they are published: no enterprise, and nobody can sign in to it."""

TENANT = ResourceName("tenants/{tenant}")
USER = ResourceName("tenants/{tenant}/users/{user}")
API_TOKEN = ResourceName("tenants/{tenant}/apiTokens/{api_token}")
AUDIT_EVENT = ResourceName("tenants/{tenant}/auditEvents/{audit_event}")
GATEWAY = ResourceName("tenants/{tenant}/gateways/{gateway}")
SERVER = ResourceName("tenants/{tenant}/gateways/{gateway}/servers/{server}")
TAG = ResourceName("tenants/{tenant}/tags/{tag}", tag="[0-9]{1,19}")
OPERATION = ResourceName("tenants/{tenant}/operations/{operation}")


def tenant_of(name: str) -> str | None:
    """Returns the tenant id that a resource name begins with, or None."""
    match = _TENANT_PREFIX.match(name)
    return match[1] if match else None


def check_slug(value: str, field: str) -> str:
    """Returns an id that a caller chose.

    Raises:
        InvalidArgument: It is not 1 to 40 of a-z, 0-9 and "-" (`MALFORMED_ID`).
    """
    if SLUG.fullmatch(value) is None:
        raise InvalidArgument(
            "MALFORMED_ID",
            f"{field} must have 1 to 40 of a-z, 0-9 and '-'; {value[:60]!r} does not.",
            field=field,
        )
    return value
