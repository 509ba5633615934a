"""The calendar of certificates: shown to people, and watched so that nobody is surprised."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dualspan_onboarding.calendar import KINDS, CertificateUse, Dated, Entry, ExpiryNotice, entry, expiry_notice
from dualspan_onboarding.certificates import Facts, facts_of, read_certificate
from dualspan_onboarding.clients import Identity
from dualspan_onboarding.errors.fleet import gateway_unknown
from dualspan_onboarding.known import OwnCertificate
from dualspan_onboarding.model import Timing
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.store import certificates, gateways, notices
from dualspan_runtime.database import Connection, Database

_HORIZON = timedelta(days=31)
_RESOLVED_KEPT = timedelta(days=90)
_WATCHED = [kind for use, kind in KINDS.items() if use is not CertificateUse.PLATFORM_CA]


class Calendar:
    """The use cases around what ends when.

    Args:
        database: Where certificates are.
        identity: Has the platform's own authority.
        timing: When a gateway counts as offline, and how often ends are looked at.
    """

    def __init__(self, database: Database, identity: Identity, timing: Timing) -> None:
        self._database = database
        self._identity = identity
        self._timing = timing
        self._next = self._next_authority = datetime.min.replace(tzinfo=UTC)

    async def entries(self, tenant: str) -> Sequence[Entry]:
        """Every certificate of a tenant, and the platform's own authority; what ends first comes first.

        Raises:
            Unavailable: identity cannot be asked.
        """
        platform = _platform_ca(tenant, await self._authority())
        async with self._database.transaction(tenant, readonly=True) as connection:
            dated = [*await certificates.calendar(connection, tenant), platform]
        now = datetime.now(UTC)
        never = datetime.max.replace(tzinfo=UTC)
        found = [entry(one, now) for one in dated]
        return sorted(found, key=lambda e: (e.dated.facts.not_after or never, e.dated.resource, e.dated.use))

    async def application_certificates(
        self, name: GatewayName
    ) -> tuple[Sequence[OwnCertificate], dict[str, list[str]]]:
        """What a gateway shows to servers, and by fingerprint the servers that refuse it; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            if await gateways.find(connection, name, self._timing.offline_after) is None:
                raise gateway_unknown(name)
            own = await certificates.own_certificates(connection, name)
            return own, await certificates.refusals(connection, name)

    async def watch(self) -> None:
        """Raise a notice for every end that comes near, and resolve those whose end is far again. Safe to repeat."""
        now = datetime.now(UTC)
        if now < self._next:
            return
        self._next = now + self._timing.expiry_interval
        async with self._database.platform_transaction() as connection:
            said: set[tuple[str, str, str]] = set()
            for dated in await certificates.ending_before(connection, now + _HORIZON):
                notice = expiry_notice(dated, now)
                # Of two with the same resource and use, the one that ends first is said.
                if notice is not None and (key := (dated.tenant, notice.kind, dated.resource)) not in said:
                    said.add(key)
                    await _say(connection, dated, notice)
            await notices.resolve_others(connection, _WATCHED, sorted(said))
            await notices.forget_resolved(connection, _RESOLVED_KEPT)

    async def watch_authority(self) -> None:
        """The same for the platform's own authority, which every tenant with a gateway depends on.

        Raises:
            Unavailable: identity cannot be asked.
        """
        now = datetime.now(UTC)
        if now < self._next_authority:
            return
        self._next_authority = now + self._timing.expiry_interval
        authority = await self._authority()
        async with self._database.platform_transaction() as connection:
            said: list[tuple[str, str, str]] = []
            for tenant in await gateways.tenants(connection):
                dated = _platform_ca(tenant, authority)
                notice = expiry_notice(dated, now)
                if notice is not None:
                    said.append((tenant, notice.kind, dated.resource))
                    await _say(connection, dated, notice)
            await notices.resolve_others(connection, [KINDS[CertificateUse.PLATFORM_CA]], said)

    async def _authority(self) -> Facts:
        return facts_of(read_certificate((await self._identity.gateway_ca()).pem.encode()))


def _platform_ca(tenant: str, authority: Facts) -> Dated:
    return Dated(tenant, f"tenants/{tenant}", CertificateUse.PLATFORM_CA, authority)


async def _say(connection: Connection, dated: Dated, notice: ExpiryNotice) -> None:
    await notices.raise_notice(
        connection,
        dated.tenant,
        notice.kind,
        notice.severity,
        dated.resource,
        notice.text,
        notice.remedy,
        details={"sha256": dated.facts.sha256, "not_after": f"{dated.facts.not_after:%Y-%m-%dT%H:%M:%SZ}"},
    )
