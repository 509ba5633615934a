"""What a gateway's stream does: it takes over, is told what to do, and says how it went."""

import uuid
from collections.abc import Sequence

import structlog
from cryptography.exceptions import InvalidTag

from dualspan_onboarding.clients import Coverage
from dualspan_onboarding.errors.fleet import gateway_not_enrolled, gateway_revoked, session_superseded
from dualspan_onboarding.fleet import GatewayEnd, LastWords
from dualspan_onboarding.model import (
    Configuration,
    ConfiguredServer,
    ConfiguredTag,
    Gateway,
    GatewayReport,
    OpcUaServer,
    Orders,
    ServerReport,
    Session,
    TagReport,
)
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.notices import Severity
from dualspan_onboarding.rules import check_text
from dualspan_onboarding.service.commands import Commands
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.service.refusals import tell_of_refusals
from dualspan_onboarding.store import browses, fleet, gateways, notices, outbox, servers, tags, trust
from dualspan_onboarding.vault import Vault
from dualspan_runtime.database import Connection, Database

ENDED = "GATEWAY_ENDED"
_log = structlog.stdlib.get_logger()


def check_in_service(gateway: Gateway) -> None:
    """Refuse a gateway that must not be served; raises PermissionDenied, FailedPrecondition."""
    if gateway.revoked_at is not None:
        raise gateway_revoked(gateway.name)
    if gateway.enrolled_at is None:
        raise gateway_not_enrolled(gateway.name)


class Sessions:
    """The use cases of a gateway's own stream.

    Args:
        database: Where everything is.
        all_gateways: Finds the gateway.
        vault: Opens the passwords that the gateway signs in with.
        commands: What a stream that ended had sent.
        coverage: How far an earlier box has recorded the servers.
    """

    def __init__(
        self, database: Database, all_gateways: Gateways, vault: Vault, commands: Commands, coverage: Coverage
    ) -> None:
        self._database = database
        self._gateways = all_gateways
        self._vault = vault
        self._commands = commands
        self._coverage = coverage

    async def open(
        self, name: GatewayName, software_version: str, observed_revision: int, last_words: LastWords | None = None
    ) -> Session:
        """Make a stream the one that speaks for its gateway; an older one ends.

        A box without a configuration may have taken over from another one: it is told how far that one came, so that
        what lies between is a gap.

        Raises:
            NotFound, PermissionDenied, FailedPrecondition: there is no such gateway, it is revoked, or not enrolled.
            Unavailable: the box is new and the historian cannot be asked how far an earlier one came.
        """
        version = check_text(software_version, "software_version")
        covered = await self._coverage.of(name) if await self._took_over(name, observed_revision) else {}
        session = Session(name, uuid.uuid4(), covered)
        async with self._database.transaction(name.tenant) as connection:
            check_in_service(await self._gateways.found(connection, name))
            await gateways.open_session(connection, session, version, min(max(observed_revision, 0), 2**62))
            if last_words is not None:
                await self._remember(connection, name, last_words)
            await browses.requeue(connection, name, session.session_id)
            await self._commands.stream_lost(connection, name, session.session_id)
            await outbox.notify_gateway(connection, name)
        return session

    async def _took_over(self, name: GatewayName, observed_revision: int) -> bool:
        """Whether the box knows nothing, and another one recorded before it enrolled."""
        if observed_revision > 0:
            return False
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await fleet.took_over(connection, name)

    @staticmethod
    async def _remember(connection: Connection, name: GatewayName, words: LastWords) -> None:
        """Keep how the gateway's last run ended; somebody should know of an end that nobody wanted."""
        if not await fleet.save_last_words(connection, name, words):
            return
        if words.end in {GatewayEnd.NONE, GatewayEnd.STOPPED}:
            await notices.resolve_notice(connection, name.tenant, ENDED, name)
            return
        how = "failed" if words.end is GatewayEnd.FAILED else "was killed, or its power failed"
        said = f" Its last words: {words.detail}" if words.detail else ""
        await notices.raise_notice(
            connection,
            name.tenant,
            ENDED,
            Severity.WARNING,
            name,
            f"The gateway {how} and began anew.{said}",
            "Look at its log; if it says nothing, at the memory and the power of the box.",
        )

    async def close(self, session: Session) -> None:
        """The stream has ended. What it was browsing waits for the next one."""
        async with self._database.transaction(session.gateway.tenant) as connection:
            if await gateways.close_session(connection, session):
                await browses.requeue(connection, session.gateway, None)
                await self._commands.stream_lost(connection, session.gateway, None)

    async def orders(self, session: Session, told_revision: int) -> Orders:
        """What the gateway is to be told now.

        Args:
            session: The stream.
            told_revision: The configuration that was sent last; 0 if none.

        Raises:
            Aborted, PermissionDenied: the stream speaks for the gateway no longer.
        """
        name = session.gateway
        async with self._database.transaction(name.tenant, isolation="repeatable_read", readonly=True) as connection:
            gateway = await self._gateways.found(connection, name)
            check_in_service(gateway)
            if gateway.session_id != session.session_id:
                raise session_superseded(name)
            changed = gateway.desired_revision != told_revision
            configuration = await self._configuration(connection, gateway, session) if changed else None
        async with self._database.transaction(name.tenant) as connection:
            queued = await browses.claim_queued(connection, session)
        return Orders(configuration, tuple(queued))

    async def _configuration(self, connection: Connection, gateway: Gateway, session: Session) -> Configuration:
        by_server = await tags.configured(connection, gateway.name)
        all_servers = await servers.of_gateway(connection, gateway.name)
        return Configuration(
            revision=gateway.desired_revision,
            servers=tuple(
                self._configured(server, by_server.get(server.name.server, ()), session) for server in all_servers
            ),
            anchors=tuple(await trust.anchors(connection, gateway.name)),
        )

    def _configured(
        self, server: OpcUaServer, configured: Sequence[ConfiguredTag], session: Session
    ) -> ConfiguredServer:
        return ConfiguredServer(
            server=server.name.server,
            settings=server.settings,
            password=self._password(server),
            tags=tuple(configured),
            complete_at=session.covered.get(server.name.server),
        )

    def _password(self, server: OpcUaServer) -> str:
        """The password; none if it cannot be opened: then this server refuses the gateway and the others go on."""
        try:
            return self._vault.open(server.password_sealed, server.name)
        except InvalidTag:
            _log.error(
                "password cannot be opened; was DUALSPAN_SERVICE_SECRET changed? State the password again",
                server=str(server.name),
            )
            return ""

    async def report(self, session: Session, report: GatewayReport, of_servers: Sequence[ServerReport]) -> None:
        """Keep what the gateway says of itself and its servers; raises Aborted when another stream has taken over."""
        async with self._database.transaction(session.gateway.tenant) as connection:
            if not await gateways.save_report(connection, session, report):
                raise session_superseded(session.gateway)
            await servers.save_reports(connection, session.gateway, of_servers)

    async def report_configuration(
        self, session: Session, revision: int, reports: Sequence[TagReport], *, complete: bool
    ) -> None:
        """Keep how items of a configuration fared; when all have been reported, the revision is observed."""
        async with self._database.transaction(session.gateway.tenant) as connection:
            await tags.save_reports(connection, session.gateway, reports)
            if complete:
                await tell_of_refusals(connection, session.gateway)
                await gateways.observe_revision(connection, session, revision)
                await outbox.notify_work(connection)
