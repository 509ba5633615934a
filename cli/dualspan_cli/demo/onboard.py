"""Onboarding the simulated plants exactly as a factory engineer would, through the public API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as service
from dualspan_cli.demo.plants import PlantServer
from dualspan_cli.errors import CommandError
from dualspan_cli.onboarding import browse_server, waiting_certificate
from dualspan_cli.session import Session, all_pages

GATEWAY = "demo-gateway"
SITE = "Demonstration site"
_LABELS = {
    "moulding": "Injection moulding, home appliances",
    "curing": "Tyre curing",
    "packaging": "Brewery packaging line",
}
_PUBLISHING = timedelta(milliseconds=200)
_CURRENT_READ = 1  # AccessLevel, Part 3, 8.57
_PATIENCE_S = 90.0
_POLL_S = 0.25
_TELL_S = 10.0

Tell: TypeAlias = Callable[[str], None]


def _silently(words: str) -> None:
    """For those who show what goes on in another way."""
    del words


class Onboarding:
    """The steps, each safe to repeat: a second start of the demonstration finds what the first one made.

    Args:
        session: The administrator's.
        tell: Is given words about what is waited for.
    """

    def __init__(self, session: Session, tell: Tell = _silently) -> None:
        self._session = session
        self._tell = tell
        self._stub = session.onboarding
        self.gateway = f"{session.tenant}/gateways/{GATEWAY}"

    async def enrolment_token(self, *, is_known: bool) -> str:
        """A token if the gateway still needs a certificate; empty if it has one.

        Args:
            is_known: The gateway knows where the platform is.
        """
        gateway = resources.Gateway(display_name="Demonstration gateway", site=SITE)
        request = service.CreateGatewayRequest(parent=self._session.tenant, gateway=gateway, gateway_id=GATEWAY)
        await unless_there(self._stub.CreateGateway(request))
        found = await self._gateway()
        if is_known and found.state not in {resources.GATEWAY_STATE_PENDING, resources.GATEWAY_STATE_REVOKED}:
            return ""
        answer = await self._stub.CreateEnrolmentToken(service.CreateEnrolmentTokenRequest(gateway=self.gateway))
        return answer.enrolment_token

    async def until_online(self) -> None:
        """Waits until the gateway has connected."""

        async def is_online() -> bool:
            return (await self._gateway()).state == resources.GATEWAY_STATE_ONLINE

        await self._wait("the gateway to connect", is_online)

    async def add_server(self, plant: PlantServer) -> str:
        """Adds a plant's server, or tells the one that is there its present address. Returns its name."""
        name = f"{self.gateway}/servers/{plant.plant}"
        wanted = resources.OpcUaServer(
            name=name,
            display_name=_LABELS.get(plant.plant, plant.plant),
            endpoint_url=plant.endpoint_url,
            security_mode=resources.SECURITY_MODE_SIGN_AND_ENCRYPT,
            username=plant.username,
            password=plant.password,
        )
        request = service.CreateOpcUaServerRequest(
            parent=self.gateway, opc_ua_server=wanted, opc_ua_server_id=plant.plant
        )
        if not await unless_there(self._stub.CreateOpcUaServer(request)):
            mask = FieldMask(paths=["endpoint_url", "username", "password"])
            update = service.UpdateOpcUaServerRequest(opc_ua_server=wanted, update_mask=mask)
            await self._stub.UpdateOpcUaServer(update)
        return name

    async def approve(self, name: str, plant: PlantServer) -> None:
        """Approves the certificate that the gateway saw, if it is the one that the plant printed.

        Raises:
            CommandError: It is another one: somebody stands between, or the address is wrong.
        """

        async def has_certificate() -> bool:
            server = await self._server(name)
            return bool(server.trusted_certificate_sha256 or waiting_certificate(server))

        await self._wait(f"the gateway to see the certificate of {plant.plant}", has_certificate)
        server = await self._server(name)
        if server.trusted_certificate_sha256 == plant.certificate_sha256:
            return
        seen = waiting_certificate(server)
        if seen != plant.certificate_sha256:
            raise CommandError(
                "FOREIGN_CERTIFICATE",
                f"{plant.endpoint_url} shows the certificate {seen}, but {plant.plant} printed "
                f"{plant.certificate_sha256}. Nothing was approved.",
            )
        request = service.ApproveServerCertificateRequest(name=name, certificate_sha256=seen)
        await self._stub.ApproveServerCertificate(request)

    async def until_connected(self, name: str) -> None:
        """Waits until the gateway has a session with the server."""

        async def is_connected() -> bool:
            return (await self._server(name)).status.state == resources.CONNECTION_STATE_CONNECTED

        await self._wait(f"{name.rpartition('/')[2]} to be connected", is_connected)

    async def browse(self, name: str, progress: Callable[[int], None]) -> int:
        """Browses a server; returns how many variables it has."""
        return (await browse_server(self._session, name, "", progress)).variables

    async def accept_all(self, name: str) -> int:
        """Makes a tag of every readable variable; returns how many there are now."""
        nodes = service.ListBrowsedNodesRequest(parent=name, page_size=10_000, variables_only=True)
        call = self._stub.ListBrowsedNodes
        request = service.AcceptVariablesRequest(
            server=name,
            variables=[
                service.AcceptVariablesRequest.Variable(node_id=node.node_id)
                for node in await all_pages(call, nodes, lambda page: page.nodes)
                if node.access_level & _CURRENT_READ
            ],
        )
        request.publishing_interval.FromTimedelta(_PUBLISHING)
        answer = await self._stub.AcceptVariables(request)
        return answer.created + answer.existing

    async def tags(self, server: str = "") -> list[resources.Tag]:
        """The tags of a server, or all."""
        request = service.ListTagsRequest(parent=self._session.tenant, page_size=10_000, server=server)
        call = self._stub.ListTags
        return await all_pages(call, request, lambda page: page.tags)

    async def until_active(self, progress: Callable[[int, int], None]) -> list[resources.Tag]:
        """Waits until the gateway has confirmed or refused every tag; returns them.

        Raises:
            CommandError: The gateway refused some.
        """
        tags: list[resources.Tag] = []

        async def all_settled() -> bool:
            tags[:] = await self.tags()
            settled = sum(tag.state != resources.TAG_STATE_PENDING for tag in tags)
            progress(settled, len(tags))
            return settled == len(tags)

        await self._wait("the gateway to subscribe to all tags", all_settled)
        refused = [tag for tag in tags if tag.state == resources.TAG_STATE_REFUSED]
        if refused:
            raise CommandError(
                "TAGS_REFUSED",
                f"{len(refused)} tags were refused, such as {refused[0].browse_path}: {refused[0].state_detail}",
            )
        return tags

    async def _wait(self, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
        await wait_for(what, condition, tell=self._tell)

    async def _gateway(self) -> resources.Gateway:
        request = service.GetGatewayRequest(name=self.gateway)
        return await self._stub.GetGateway(request)

    async def _server(self, name: str) -> resources.OpcUaServer:
        request = service.GetOpcUaServerRequest(name=name)
        return await self._stub.GetOpcUaServer(request)


async def unless_there(call: Awaitable[object]) -> bool:
    """Makes something; returns False if it is there already."""
    try:
        await call
    except grpc.aio.AioRpcError as err:
        if err.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
        return False
    return True


async def wait_for(
    what: str, condition: Callable[[], Awaitable[bool]], patience: float = _PATIENCE_S, tell: Tell = _silently
) -> None:
    """Polls until the condition holds, and tells what it waits for, at once and every few seconds.

    Raises:
        CommandError: It did not in time.
    """
    begin = time.monotonic()
    told = begin - _TELL_S
    while not await condition():
        now = time.monotonic()
        if now - begin > patience:
            raise CommandError("TIMED_OUT", f"Waited {patience:.0f} s for {what}. The logs say more.")
        if now - told >= _TELL_S:
            told = now
            tell(f"waiting for {what}, for {now - begin:.0f} s so far")
        await asyncio.sleep(_POLL_S)
