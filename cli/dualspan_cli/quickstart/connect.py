"""The first half: a gateway, the server as it shows itself, trust in both directions."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc
from cryptography import x509

from dualspan.onboarding.v1 import discovery_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as service
from dualspan.onboarding.v1.discovery_pb2_grpc import DiscoveryServiceStub
from dualspan_cli.commands.onboarding.following import finish
from dualspan_cli.errors import CommandError
from dualspan_cli.onboarding import waiting_certificate
from dualspan_cli.quickstart.box import Box, proposed_id
from dualspan_cli.quickstart.settled_before import check_address, to_change, why_not
from dualspan_cli.quickstart.stage import Stage
from dualspan_cli.quickstart.waiting import settled

if TYPE_CHECKING:
    from dualspan.onboarding.v1.discovery_pb2_grpc import DiscoveryServiceAsyncStub
    from dualspan_cli.quickstart.talk import Step

_ENROLLABLE = {resources.GATEWAY_STATE_PENDING, resources.GATEWAY_STATE_REVOKED}
_LONGEST_ID = 40
# A gateway tries at once when something of a server is settled; what does not come soon has a reason.
_PATIENCE_S = 15.0


class Connecting(Stage):
    """Brings a server to the point at which its gateway is connected to it."""

    async def gateway(self) -> None:
        """A gateway that is online: the one that was named, or this machine."""
        box = Box(self._plan.gateway_folder)
        known = box.gateway()
        if self._plan.gateway:
            name = f"{self._tenant}/gateways/{self._plan.gateway.rpartition('/')[2]}"
            with self._talk.step("gateway", "The gateway") as step:
                await self._until_online(name, step)
                step.outcome = f"{name.rpartition('/')[2]} is online"
            self._reached.gateway = name
            return
        if known and not known.startswith(f"{self._tenant}/"):
            raise CommandError(
                "FOREIGN_GATEWAY",
                f"{box.folder} holds the gateway {known} of another tenant. Name another folder with --gateway-data.",
            )
        name = known or f"{self._tenant}/gateways/{proposed_id()}"
        if not known:
            self._talk.agree(
                f"Make this machine the gateway {name.rpartition('/')[2]!r}?",
                otherwise="Name another gateway with --gateway; `dualspan gateways list` shows them.",
            )
        with self._talk.step("gateway", "A gateway on this machine") as step:
            await self._enrol(box, name, is_known=bool(known), step=step)
            pid = box.pid() or await box.start()
            await self._until_online(name, step)
            step.outcome = f"{name.rpartition('/')[2]} runs with pid {pid}, its data is in {box.folder}"
        self._reached.gateway, self._reached.gateway_pid = name, pid

    async def _enrol(self, box: Box, name: str, *, is_known: bool, step: Step) -> None:
        stub = self._session.onboarding
        try:
            found = await stub.GetGateway(service.GetGatewayRequest(name=name))
        except grpc.aio.AioRpcError as err:
            if err.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            wanted = resources.Gateway(display_name=name.rpartition("/")[2], site=self._plan.site)
            request = service.CreateGatewayRequest(
                parent=self._tenant, gateway=wanted, gateway_id=name.rpartition("/")[2]
            )
            found = await stub.CreateGateway(request)
        if is_known and found.state not in _ENROLLABLE:
            return
        if not is_known and found.state not in _ENROLLABLE:
            raise CommandError(
                "GATEWAY_ELSEWHERE",
                f"{found.name} is enrolled on another box. Name it with --gateway to use it, or replace it with "
                f"`dualspan onboarding gateways replace {name.rpartition('/')[2]}`.",
            )
        step.progress("enrolling")
        answer = await stub.CreateEnrolmentToken(service.CreateEnrolmentTokenRequest(gateway=name))
        await box.enrol(answer.enrolment_token)

    async def _until_online(self, name: str, step: Step) -> None:
        async def state() -> tuple[bool, str]:
            request = service.GetGatewayRequest(name=name)
            found = await self._session.onboarding.GetGateway(request)
            return found.state == resources.GATEWAY_STATE_ONLINE, f"it is {_state_words(found.state)}"

        await settled(state, step, "the gateway to connect", f"Look at it with `dualspan onboarding gateways`. {name}")

    async def discover(self) -> discovery_pb2.DiscoveredServer:
        """What is at the address: endpoints, certificate, software.

        Raises:
            CommandError: Nothing answers there; with what the gateway saw.
        """
        stub: DiscoveryServiceAsyncStub = DiscoveryServiceStub(self._session.onboarding_channel)
        scope = discovery_pb2.DiscoveryScope(addresses=[self._plan.url])
        request = discovery_pb2.DiscoverServersRequest(parent=self._reached.gateway, scope=scope)
        with self._talk.step("discover", "What is at the address") as step:
            operation = await stub.DiscoverServers(request)
            found = await finish(self._session, operation, discovery_pb2.DiscoverServersResponse(), step.progress)
            server = next((one for one in found.servers if one.reached and one.endpoints), None)
            if server is None:
                said = [one.detail for one in found.servers if one.detail] or list(found.notes)
                raise CommandError(
                    "NOTHING_THERE",
                    f"The gateway finds no OPC UA server at {self._plan.url}. {' '.join(said)}".strip(),
                )
            step.outcome = self._seen(server)
        return server

    @staticmethod
    def _seen(server: discovery_pb2.DiscoveredServer) -> str:
        ways = sum(endpoint.usable for endpoint in server.endpoints)
        made = f" ({server.software.product_name} {server.software.software_version})".replace("( )", "")
        return f"{server.application_name}{made if server.software.product_name else ''}, {ways} ways to connect"

    async def add(self, found: discovery_pb2.DiscoveredServer) -> None:
        """The server among those of the gateway, with a user where it wants one."""
        username, password = self._user(found)
        server_id = self._plan.server_id or found.server.rpartition("/")[2] or _slug(self._plan.url)
        mode = resources.SECURITY_MODE_NONE if self._plan.insecure else resources.SECURITY_MODE_SIGN_AND_ENCRYPT
        wanted = resources.OpcUaServer(
            display_name=found.application_name or server_id,
            endpoint_url=self._plan.url,
            security_mode=mode,
            username=username,
            password=password,
        )
        self._reached.server = f"{self._reached.gateway}/servers/{server_id}"
        request = service.CreateOpcUaServerRequest(
            parent=self._reached.gateway, opc_ua_server=wanted, opc_ua_server_id=server_id
        )
        try:
            await self._session.onboarding.CreateOpcUaServer(request)
        except grpc.aio.AioRpcError as err:
            if err.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
            await self._go_on_with(wanted, asked_before=found.server == self._reached.server)

    async def _go_on_with(self, wanted: resources.OpcUaServer, *, asked_before: bool) -> None:
        """A server that is known already: the same one, with what was said of it this time."""
        server = await self._server()
        if not asked_before:
            check_address(server, self._plan.url)
        fields = to_change(server, wanted)
        if not fields:
            self._talk.tell(f"{_id_of(server)} is known already; going on with it")
            return
        wanted.name = server.name
        request = service.UpdateOpcUaServerRequest(opc_ua_server=wanted)
        request.update_mask.paths.extend(fields)
        await self._session.onboarding.UpdateOpcUaServer(request)
        self._talk.tell(f"{_id_of(server)} is known already; going on with it, with this {', '.join(fields)}")

    def _user(self, found: discovery_pb2.DiscoveredServer) -> tuple[str, str]:
        usable = [endpoint for endpoint in found.endpoints if endpoint.usable] or list(found.endpoints)
        types = {kind for endpoint in usable for kind in endpoint.user_token_types}
        if self._plan.username or discovery_pb2.USER_TOKEN_TYPE_ANONYMOUS in types:
            username = self._plan.username
        else:
            username = self._talk.ask("User name at the server")
        if not username:
            return "", ""
        return username, self._plan.password or self._talk.ask(f"Password of {username}", secret=True)

    async def trust(self) -> None:
        """Both certificates: the server's is compared and approved, the gateway's the server has to accept."""
        with self._talk.step("certificate", "The server's certificate") as step:
            server = await self._until_seen(step)
            before = server.trusted_certificate_sha256
            step.outcome = "approved before" if before else "it was never seen here before"
            if waiting_certificate(server) and before:
                step.outcome = "it is another one than was approved before"
            elif server.status.state == resources.CONNECTION_STATE_CONNECTED and not before:
                step.outcome = "it is trusted here already"
        if not self._plan.insecure and waiting_certificate(server):
            await self._approve(server)
        elif before:
            self._check_expected(before)
        with self._talk.step("connect", "Connect") as step:
            await self._connected(step)
            step.outcome = "the gateway has a session with the server"

    async def _approve(self, server: resources.OpcUaServer) -> None:
        seen = waiting_certificate(server)
        certificate = x509.load_der_x509_certificate(server.status.untrusted_certificate)
        self._talk.tell(f"subject  {certificate.subject.rfc4514_string()}")
        self._talk.tell(f"valid    until {certificate.not_valid_after_utc:%Y-%m-%d}")
        self._talk.tell(f"SHA-256  {seen}")
        if not self._check_expected(seen):
            # A certificate that has changed is nothing to go along with unasked.
            if not self._talk.choose(
                "Is this what the server itself shows as its fingerprint?",
                proposed=not server.trusted_certificate_sha256,
            ):
                words = "Nothing was approved. Read the fingerprint at the server and say it with --fingerprint."
                raise CommandError("DECLINED", words)
            if not self._talk.asks:
                words = "The server's certificate was approved without a fingerprint to compare it with."
                self._reached.notes.append(words)
        request = service.ApproveServerCertificateRequest(name=server.name, certificate_sha256=seen)
        await self._session.onboarding.ApproveServerCertificate(request)

    def _check_expected(self, seen: str) -> bool:
        """Whether a certificate is the one that was named; False if none was."""
        expected = self._plan.fingerprint.replace(":", "").strip().lower()
        if expected and expected != seen:
            raise CommandError(
                "FOREIGN_CERTIFICATE",
                f"The server shows {seen}, and you expect {expected}. Nothing was approved: find out who answers.",
            )
        return bool(expected)

    async def _server(self) -> resources.OpcUaServer:
        request = service.GetOpcUaServerRequest(name=self._reached.server)
        return await self._session.onboarding.GetOpcUaServer(request)

    async def _until_seen(self, step: Step) -> resources.OpcUaServer:
        async def state() -> tuple[bool, str]:
            server = await self._server()
            connected = server.status.state == resources.CONNECTION_STATE_CONNECTED
            known = server.trusted_certificate_sha256 or waiting_certificate(server) or connected
            return bool(known), server.status.detail

        await settled(state, step, "the server's certificate", self._remedy())
        return await self._server()

    async def _connected(self, step: Step) -> None:
        """Wait for a session; if none comes, find out why.

        Raises:
            CommandError: What is wrong and what to do (`NOT_CONNECTED`).
        """

        async def state() -> tuple[bool, str]:
            status = (await self._server()).status
            return status.state == resources.CONNECTION_STATE_CONNECTED, status.detail

        try:
            await settled(state, step, "a session with the server", self._remedy(), _PATIENCE_S)
        except CommandError as late:
            why = await self._why_not(step)
            if not why:
                raise
            raise CommandError("NOT_CONNECTED", f"{why} Then run this again.") from late

    async def _why_not(self, step: Step) -> str:
        stub: DiscoveryServiceAsyncStub = DiscoveryServiceStub(self._session.onboarding_channel)
        parent, _, server = self._reached.server.rpartition("/servers/")
        request = discovery_pb2.TestConnectionRequest(parent=parent, server_id=server)
        operation = await stub.TestConnection(request)
        try:
            tested = await finish(self._session, operation, discovery_pb2.TestConnectionResponse(), step.progress)
        except CommandError:
            # What is known already is said instead.
            return ""
        return why_not(tested)

    def _remedy(self) -> str:
        gateway, server = self._reached.server.rpartition("/servers/")[::2]
        target = f"{gateway.rpartition('/')[2]}/{server}"
        return f"What is wrong, step by step: dualspan onboarding test-connection {target}"


def _id_of(server: resources.OpcUaServer) -> str:
    return server.name.rpartition("/")[2]


def _slug(url: str) -> str:
    parts = urlsplit(url)
    name = re.sub(r"[^a-z0-9-]+", "-", f"{parts.hostname or 'server'}-{parts.port or 4840}".lower()).strip("-")
    if len(name) <= _LONGEST_ID:
        return name
    return f"server-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def _state_words(state: resources.GatewayState.ValueType) -> str:
    return resources.GatewayState.Name(state).removeprefix("GATEWAY_STATE_").lower()
