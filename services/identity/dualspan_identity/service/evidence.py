"""What identity can show of the platform's breadth: enterprises, people, developers."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from dualspan_identity.store import evidence
from dualspan_runtime.database import Connection
from dualspan_runtime.status import Evidence, EvidenceItem, evidence_of

_ACTIVE = timedelta(days=30)
_DEVELOPER = "publisher"


async def count_people(connection: Connection) -> Sequence[Evidence]:
    """Counts over all tenants, in a platform transaction; of people, numbers by enterprise and no names."""
    tenants = await evidence.tenants_with_users(connection)
    names = {tenant: name for tenant, name, _ in tenants}
    active = await evidence.active_users(connection, _ACTIVE)
    developers = await evidence.users_with_role(connection, _DEVELOPER)
    return (
        evidence_of("tenants", [EvidenceItem(tenant, name, count=users) for tenant, name, users in tenants]),
        _people("users", {tenant: users for tenant, _, users in tenants if users}, names),
        _people("users-active", active, names),
        _people("developers", developers, names),
    )


def _people(kind: str, counts: Mapping[str, int], names: Mapping[str, str]) -> Evidence:
    """People by enterprise; what counts is people."""
    listed = evidence_of(
        kind, [EvidenceItem(tenant, names.get(tenant, ""), count=count) for tenant, count in counts.items()]
    )
    return Evidence(kind, sum(counts.values()), listed.items)
