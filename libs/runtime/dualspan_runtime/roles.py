"""Which role may do what. The one table of it."""

from dualspan.identity.v1.resources_pb2 import Role

PUBLIC = "public"
AUTHENTICATED = "authenticated"
GATEWAY = "gateway"
SERVICE = "service"
APP = "app"
SPECIAL_PERMISSIONS = frozenset({PUBLIC, AUTHENTICATED, GATEWAY, SERVICE, APP})

_VIEWER = frozenset(
    {
        "analytics.alarms.read",
        "analytics.annotations.read",
        "analytics.calendars.read",
        "analytics.dashboards.read",
        "analytics.energy.read",
        "analytics.exports.read",
        "analytics.kpis.read",
        "analytics.models.read",
        "analytics.queries.read",
        "analytics.reports.read",
        "analytics.sharing.read",
        "analytics.spc.read",
        "analytics.stops.read",
        "historian.gaps.read",
        "historian.samples.read",
        "identity.tenants.read",
        "marketplace.apps.open",
        "marketplace.catalogue.read",
        "marketplace.subscriptions.read",
        "onboarding.assets.read",
        "onboarding.gateways.read",
        "onboarding.notices.read",
        "onboarding.servers.read",
        "onboarding.tags.read",
        "onboarding.writes.read",
    }
)
_OPERATOR = _VIEWER | {
    "analytics.alarms.acknowledge",
    "analytics.annotations.manage",
    "analytics.dashboards.manage",
    # Who stands at the machine knows why it stopped.
    "analytics.stops.manage",
    "historian.gaps.retry",
    "onboarding.notices.acknowledge",
    "onboarding.writes.request",
}
_ENGINEER = _OPERATOR | {
    "analytics.alarms.manage",
    "analytics.calendars.manage",
    "analytics.energy.manage",
    "analytics.exports.create",
    "analytics.exports.manage",
    "analytics.kpis.manage",
    "analytics.models.manage",
    "analytics.reports.manage",
    "analytics.sharing.manage",
    "analytics.spc.manage",
    "onboarding.assets.manage",
    "onboarding.gateways.manage",
    "onboarding.servers.manage",
    "onboarding.tags.manage",
    "onboarding.writes.approve",
}
_ADMIN = _ENGINEER | {
    "identity.audit.read",
    "identity.tokens.manage",
    "identity.users.manage",
    "identity.users.read",
    # It costs money, and lets somebody else's program read.
    "marketplace.subscriptions.manage",
    "marketplace.statements.manage",
    "marketplace.statements.read",
    # Whoever may lift a guard may do without the second person: not the one who runs the machines.
    "onboarding.writes.guard",
}
# Makes apps for the marketplace.
_PUBLISHER = frozenset(
    {
        "identity.tenants.read",
        "marketplace.apps.manage",
        "marketplace.apps.read",
        "marketplace.catalogue.read",
    }
)
# Runs the platform and sets up its tenants, lets apps into the marketplace; reads nobody's samples.
_PLATFORM_ADMIN = frozenset(
    {
        "identity.tenants.manage",
        "identity.tenants.read",
        "identity.users.manage",
        "identity.users.read",
        "marketplace.apps.read",
        "marketplace.apps.review",
        # Gives money back.
        "marketplace.statements.adjust",
        "platform.evidence.read",
        "platform.status.read",
    }
)

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "operator": _OPERATOR,
    "engineer": _ENGINEER,
    "admin": _ADMIN,
    "publisher": _PUBLISHER,
    "platform_admin": _PLATFORM_ADMIN,
}

PLATFORM_ADMIN = "platform_admin"
# What a platform admin may do in a tenant that is not their own.
CROSS_TENANT_PERMISSIONS = _PLATFORM_ADMIN

ALL_PERMISSIONS = frozenset[str]().union(*ROLE_PERMISSIONS.values())


def role_name(role: int) -> str:
    """Returns the word for a `Role`: `viewer` for ROLE_VIEWER."""
    return Role.Name(role).removeprefix("ROLE_").lower()  # type: ignore[arg-type]


def role_number(name: str) -> Role.ValueType:
    """Returns the `Role` of a word such as `viewer`."""
    return Role.Value(f"ROLE_{name.upper()}")
