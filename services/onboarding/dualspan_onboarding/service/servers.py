"""OPC UA servers: added, changed, trusted and removed by people."""

import dataclasses
import hashlib
from collections.abc import Sequence

from dualspan_onboarding.errors import too_many
from dualspan_onboarding.errors.fleet import gateway_unknown, server_exists, server_unknown
from dualspan_onboarding.errors.trust import certificate_mismatch
from dualspan_onboarding.known import CHANGED, WAITING
from dualspan_onboarding.model import Limits, OpcUaServer, SecurityMode, ServerChange, ServerSettings
from dualspan_onboarding.names import GatewayName, GatewayScope, ServerName
from dualspan_onboarding.rules import check_password, check_settings, check_sha256
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.browsing import Browsing
from dualspan_onboarding.service.commands import Commands
from dualspan_onboarding.service.gateways import check_new_id
from dualspan_onboarding.store import certificates, gateways, notices, outbox, servers, tags
from dualspan_onboarding.vault import Vault
from dualspan_runtime.database import Connection, Database

# Words of the contract, for the audit log.
_AUDITED = (
    "endpoint_url",
    "security_mode",
    "security_policy",
    "username",
    "trusted_certificate_sha256",
    "reverse_connect",
    "server_uri",
)


async def lock_gateway(connection: Connection, name: GatewayName) -> None:
    """Make changes of one gateway's configuration one after the other; raises NotFound."""
    if not await gateways.lock(connection, name):
        raise gateway_unknown(name)


async def found_server(connection: Connection, name: ServerName) -> OpcUaServer:
    """One server within a transaction; raises NotFound."""
    server = await servers.find(connection, name)
    if server is None:
        raise server_unknown(name)
    return server


async def configuration_changed(connection: Connection, name: GatewayName) -> int:
    """Give the gateway's configuration a new revision and have it pushed."""
    revision = await gateways.raise_revision(connection, name)
    await outbox.notify_gateway(connection, name)
    return revision


def _word(value: object) -> str:
    return value.name if isinstance(value, SecurityMode) else str(value)


def _details(old: ServerSettings | None, new: ServerSettings) -> dict[str, str]:
    """What of the settings is worth telling, where it differs."""
    return {
        field: _word(getattr(new, field))
        for field in _AUDITED
        if old is None or getattr(old, field) != getattr(new, field)
    }


def _check_trust(server: OpcUaServer, certificate_sha256: str) -> None:
    """Refuse a fingerprint that is not of the certificate that the gateway sees, if it sees one."""
    seen = server.report.untrusted_certificate
    if seen and hashlib.sha256(seen).hexdigest() != certificate_sha256:
        raise certificate_mismatch(server.name, hashlib.sha256(seen).hexdigest())


async def add_server(
    connection: Connection, name: ServerName, settings: ServerSettings, sealed: bytes | None, limits: Limits
) -> None:
    """Add a server with its audit event; the gateway is locked, its new revision is the caller's.

    Raises:
        AlreadyExists: the id is taken.
        ResourceExhausted: the gateway has as many as it may.
    """
    if await servers.count(connection, name.parent) >= limits.servers_per_gateway:
        raise too_many("TOO_MANY_SERVERS", "servers at this gateway", limits.servers_per_gateway)
    if not await servers.insert(connection, name, settings, sealed):
        raise server_exists(name)
    await _audit_settings(connection, "server.create", name, None, settings)


async def _audit_settings(
    connection: Connection,
    action: str,
    name: ServerName,
    old: ServerSettings | None,
    new: ServerSettings,
    **more: str,
) -> None:
    """Write down a change; going without security gets an entry of its own."""
    details = _details(old, new)
    await audit(connection, name.tenant, action, name, **details, **more)
    if details.get("security_mode") == SecurityMode.NONE.name:
        await audit(connection, name.tenant, "server.disable_security", name, endpoint_url=new.endpoint_url)


class Servers:
    """The use cases around OPC UA servers.

    Args:
        database: Where they are.
        vault: Seals their passwords.
        browsing: Ends the browse of a server that goes.
        commands: Ends what else is not finished about it.
        limits: How many a gateway may have.
    """

    def __init__(
        self, database: Database, vault: Vault, browsing: Browsing, commands: Commands, limits: Limits
    ) -> None:
        self._database = database
        self._vault = vault
        self._browsing = browsing
        self._commands = commands
        self._limits = limits

    async def create(self, parent: GatewayName, server_id: str, settings: ServerSettings, password: str) -> OpcUaServer:
        """Add a server to a gateway.

        Raises:
            InvalidArgument: something of it is malformed.
            NotFound: there is no such gateway.
            AlreadyExists: the id is taken.
            ResourceExhausted: the gateway has as many as it may.
        """
        name = ServerName(parent.tenant, parent.gateway, check_new_id(server_id, "opc_ua_server_id"))
        settings = check_settings(settings)
        sealed = self._vault.seal(check_password(password), name)
        async with self._database.transaction(name.tenant) as connection:
            await lock_gateway(connection, parent)
            await add_server(connection, name, settings, sealed, self._limits)
            await configuration_changed(connection, parent)
            return await found_server(connection, name)

    async def get(self, name: ServerName) -> OpcUaServer:
        """One server; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await found_server(connection, name)

    async def page(self, scope: GatewayScope, after: tuple[str, str], limit: int) -> Sequence[OpcUaServer]:
        """The servers after a (gateway id, server id), in that order."""
        async with self._database.transaction(scope.tenant, readonly=True) as connection:
            return await servers.page(connection, scope, after, limit)

    async def update(self, name: ServerName, change: ServerChange) -> OpcUaServer:
        """Change what is stated of a server.

        Raises:
            InvalidArgument: something of it is malformed.
            NotFound: there is none.
            FailedPrecondition: the gateway sees another certificate than the one to be trusted.
        """
        stated = {f: getattr(change, f) for f in change.fields if f != "password"}
        async with self._database.transaction(name.tenant) as connection:
            await lock_gateway(connection, name.parent)
            old = await found_server(connection, name)
            settings = check_settings(dataclasses.replace(old.settings, **stated))
            if change.trusted_certificate_sha256:
                _check_trust(old, settings.trusted_certificate_sha256)
            sealed = old.password_sealed
            if change.password is not None:
                sealed = self._vault.seal(check_password(change.password), name)
            await servers.update(connection, name, settings, sealed)
            await configuration_changed(connection, name.parent)
            changed = {"changed": ",".join(change.fields)}
            await _audit_settings(connection, "server.update", name, old.settings, settings, **changed)
            return await found_server(connection, name)

    async def approve_certificate(self, name: ServerName, certificate_sha256: str) -> OpcUaServer:
        """Trust a server's certificate: the one that the gateway sees, or, before it has seen one, the one to expect.

        Raises:
            InvalidArgument: it is no SHA-256.
            NotFound: there is no such server.
            FailedPrecondition: the gateway sees another certificate.
        """
        check_sha256(certificate_sha256, "certificate_sha256")
        async with self._database.transaction(name.tenant) as connection:
            await lock_gateway(connection, name.parent)
            server = await found_server(connection, name)
            _check_trust(server, certificate_sha256)
            await servers.trust(connection, name, certificate_sha256)
            for kind in (CHANGED, WAITING):
                await notices.resolve_notice(connection, name.tenant, kind, name)
            await configuration_changed(connection, name.parent)
            await audit(
                connection, name.tenant, "server.approve_certificate", name, certificate_sha256=certificate_sha256
            )
            return await found_server(connection, name)

    async def delete(self, name: ServerName) -> None:
        """Remove a server and its tags; stored samples stay. Raises NotFound."""
        async with self._database.transaction(name.tenant) as connection:
            await lock_gateway(connection, name.parent)
            await found_server(connection, name)
            await self._browsing.abandon(connection, name)
            await self._commands.abandon(connection, name)
            tag_ids = list(await tags.delete(connection, name.tenant, await tags.ids_of_server(connection, name)))
            await servers.delete(connection, name)
            await notices.resolve_all_of(connection, name.tenant, name)
            await certificates.forget_server(connection, name)
            revision = await configuration_changed(connection, name.parent)
            await tags.set_deleted_revision(connection, name.tenant, tag_ids, revision)
            await audit(connection, name.tenant, "server.delete", name, tags=str(len(tag_ids)))
