"""Trust lists: changed by people, told to gateways, and what gateways then think of their servers' certificates."""

import uuid
from collections.abc import Mapping, Sequence

from dualspan_onboarding.certificates import (
    Facts,
    NewTrust,
    TrustEntry,
    TrustUse,
    check_newer,
    read_certificate,
    read_revocation_list,
)
from dualspan_onboarding.errors import too_many
from dualspan_onboarding.errors.fleet import gateway_unknown
from dualspan_onboarding.errors.trust import trusted_already, trusted_unknown
from dualspan_onboarding.known import CHANGED, DOUBTFUL, WAITING, Earlier, GatewayCertificates, SeenCertificate, Verdict
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import ServerName, TrustedCertificateName
from dualspan_onboarding.notices import Severity
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.servers import configuration_changed, lock_gateway
from dualspan_onboarding.store import certificates, notices, servers, trust
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection, Database

_ENTRIES_PER_TENANT = 500


def _fact_details(prefix: str, facts: Facts) -> dict[str, str]:
    return {
        f"{prefix}_sha256": facts.sha256,
        f"{prefix}_subject": facts.subject,
        f"{prefix}_issuer": facts.issuer,
        f"{prefix}_not_before": f"{facts.not_before:%Y-%m-%dT%H:%M:%SZ}" if facts.not_before else "",
        f"{prefix}_not_after": f"{facts.not_after:%Y-%m-%dT%H:%M:%SZ}" if facts.not_after else "",
    }


def _in_words(facts: Facts) -> str:
    if facts.not_before is None or facts.not_after is None:
        return f"SHA-256 {facts.sha256}, cannot be read"
    issuer = "signed by itself" if facts.self_signed else f"issued by {facts.issuer[:120]}"
    return f"SHA-256 {facts.sha256}, {issuer}, valid {facts.not_before:%Y-%m-%d} to {facts.not_after:%Y-%m-%d}"


class Trust:
    """The use cases around trust lists and servers' certificates.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant: str, new: NewTrust) -> TrustEntry:
        """Trust a certificate, at one gateway or at all.

        Raises:
            NotFound: there is no such gateway.
            AlreadyExists: it is trusted there already.
            ResourceExhausted: the tenant has as many entries as it may.
        """
        async with self._database.transaction(tenant) as connection:
            concerned = await trust.gateways_concerned(connection, tenant, new.gateway)
            if new.gateway is not None and not concerned:
                raise gateway_unknown(f"tenants/{tenant}/gateways/{new.gateway}")
            for gateway in concerned:
                await lock_gateway(connection, gateway)
            if await trust.count(connection, tenant) >= _ENTRIES_PER_TENANT:
                raise too_many("TOO_MANY_TRUSTED_CERTIFICATES", "trusted certificates", _ENTRIES_PER_TENANT)
            name = await trust.insert(connection, tenant, new, current_principal().actor)
            if name is None:
                raise trusted_already(new.facts.sha256)
            await self._changed(connection, tenant, new.gateway)
            details = {"sha256": new.facts.sha256, "subject": new.facts.subject, "use": new.use.name}
            await audit(connection, tenant, "trust.add", name, **details, gateway=new.gateway or "all")
            return await self._found(connection, name)

    async def get(self, name: TrustedCertificateName) -> TrustEntry:
        """One entry; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await self._found(connection, name)

    async def page(self, tenant: str, after: uuid.UUID | None, limit: int) -> Sequence[TrustEntry]:
        """The entries after one, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await trust.page(connection, tenant, after, limit)

    async def remove(self, name: TrustedCertificateName) -> None:
        """Trust a certificate no more; raises NotFound."""
        async with self._database.transaction(name.tenant) as connection:
            entry = await self._found(connection, name)
            await self._changed(connection, name.tenant, entry.gateway)
            await trust.delete(connection, name)
            await notices.resolve_all_of(connection, name.tenant, name)
            subject = read_certificate(entry.certificate).subject.rfc4514_string()[:200]
            await audit(connection, name.tenant, "trust.remove", name, subject=subject)

    async def update_revocation_list(self, name: TrustedCertificateName, data: bytes) -> TrustEntry:
        """Replace an authority's revocation list.

        Raises:
            NotFound: there is no such entry.
            InvalidArgument: it is damaged, of another authority, not signed by this one, or older than the one there.
        """
        async with self._database.transaction(name.tenant) as connection:
            entry = await self._found(connection, name)
            await self._changed(connection, name.tenant, entry.gateway)
            # Read again: the gateways are locked now, and with them every other change.
            entry = await self._found(connection, name)
            if entry.use is TrustUse.SERVER:
                raise trusted_unknown(f"{name} as an authority")
            crl = read_revocation_list(data, read_certificate(entry.certificate))
            check_newer(crl, entry)
            await trust.set_revocation_list(connection, name, crl)
            await audit(connection, name.tenant, "trust.update_revocation_list", name, revoked=str(crl.revoked))
            return await self._found(connection, name)

    async def _changed(self, connection: Connection, tenant: str, gateway: str | None) -> None:
        for concerned in await trust.gateways_concerned(connection, tenant, gateway):
            await lock_gateway(connection, concerned)
            await configuration_changed(connection, concerned)

    @staticmethod
    async def _found(connection: Connection, name: TrustedCertificateName) -> TrustEntry:
        entry = await trust.find(connection, name)
        if entry is None:
            raise trusted_unknown(name)
        return entry

    # What gateways say.

    async def keep_of_gateway(self, session: Session, stated: GatewayCertificates) -> None:
        """Keep the certificates that a gateway has and sees, and raise what a person must decide about."""
        gateway = session.gateway
        async with self._database.transaction(gateway.tenant) as connection:
            await certificates.save_own(connection, gateway, stated)
            known = {server.name.server for server in await servers.of_gateway(connection, gateway)}
            for seen in stated.servers:
                if seen.server in known:
                    await self._seen(connection, ServerName(gateway.tenant, gateway.gateway, seen.server), seen)

    async def _seen(self, connection: Connection, name: ServerName, seen: SeenCertificate) -> None:
        before = await certificates.trusted_before(connection, name, seen.facts.sha256)
        await certificates.save_seen(connection, name.parent, seen)
        raised = _notice_kind(seen, before)
        for kind in {CHANGED, WAITING, DOUBTFUL} - {raised}:
            await notices.resolve_notice(connection, name.tenant, kind, name)
        if raised == CHANGED and before is not None:
            await self._raise_changed(connection, name, seen, before)
        elif raised == WAITING:
            await self._raise_waiting(connection, name, seen)
        elif raised == DOUBTFUL:
            text = f"The server's certificate is trusted although something is wrong with it: {seen.detail}."
            remedy = "Correct it at the server when there is time; the stream goes on."
            await self._raise(connection, name, DOUBTFUL, Severity.INFO, text, remedy, _fact_details("new", seen.facts))

    async def _raise_changed(
        self, connection: Connection, name: ServerName, seen: SeenCertificate, before: Earlier
    ) -> None:
        text = (
            f"The server shows another certificate than before, and nothing is read from it until somebody decides. "
            f"Before: {_in_words(before.facts)}. Now: {_in_words(seen.facts)}. {_sentence(seen.detail)}"
        )
        remedy = (
            "Ask who is responsible for the server whether its certificate was changed, compare the new fingerprint "
            "with the server's own display, then approve it. If nobody changed it, somebody may sit between."
        )
        details = _fact_details("old", before.facts) | _fact_details("new", seen.facts)
        await self._raise(connection, name, CHANGED, Severity.CRITICAL, text, remedy, details)

    async def _raise_waiting(self, connection: Connection, name: ServerName, seen: SeenCertificate) -> None:
        text = f"The server's certificate waits for approval: {_in_words(seen.facts)}. {_sentence(seen.detail)}"
        remedy = (
            "Compare the fingerprint with the server's own display and approve it, or add the authority that issued it."
        )
        details = _fact_details("new", seen.facts)
        await self._raise(connection, name, WAITING, Severity.WARNING, text, remedy, details)

    @staticmethod
    async def _raise(
        connection: Connection,
        name: ServerName,
        kind: str,
        severity: Severity,
        text: str,
        remedy: str,
        details: Mapping[str, str],
    ) -> None:
        await notices.raise_notice(connection, name.tenant, kind, severity, name, text, remedy, details=details)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _notice_kind(seen: SeenCertificate, before: Earlier | None) -> str:
    if seen.verdict is Verdict.UNTRUSTED:
        return CHANGED if before is not None else WAITING
    return DOUBTFUL if seen.detail else ""
