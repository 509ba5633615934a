"""Tests of the way to a server, step by step, through its gateway."""

from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message

from dualspan.onboarding.v1 import resources_pb2
from dualspan.onboarding.v1.discovery_pb2 import TestConnectionResponse
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_onboarding.commands import Command
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.fleet import password_sealed
from dualspan_onboarding.model import OpcUaServer, ServerSettings
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.rules import check_password, check_settings
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.commands import Commands, Work
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.service.servers import found_server
from dualspan_onboarding.vault import Vault
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError

_LIFETIME = timedelta(minutes=1)
_MOST_CHECKS = 50


@dataclass(frozen=True, slots=True)
class StatedWay:
    """Settings that a person wants tried before they are configured."""

    settings: ServerSettings
    password: str


def _message(settings: ServerSettings, password: str, name: str = "") -> resources_pb2.OpcUaServer:
    return resources_pb2.OpcUaServer(
        name=name,
        endpoint_url=settings.endpoint_url,
        security_mode=resources_pb2.SecurityMode.ValueType(settings.security_mode),
        security_policy=resources_pb2.SecurityPolicy.ValueType(settings.security_policy),
        username=settings.username,
        password=password,
        trusted_certificate_sha256=settings.trusted_certificate_sha256,
        reverse_connect=settings.reverse_connect,
        server_uri=settings.server_uri,
    )


class ConnectionTests:
    """The use cases around tests of a way, and the owner of the command `test_connection`.

    Args:
        database: Where servers are.
        commands: Carries the command to the gateway.
        all_gateways: Finds the gateway.
        vault: Opens the password of a configured server.
    """

    def __init__(self, database: Database, commands: Commands, all_gateways: Gateways, vault: Vault) -> None:
        self._database = database
        self._commands = commands
        self._gateways = all_gateways
        self._vault = vault
        commands.register("test_connection", self)

    async def test(self, gateway: GatewayName, server_id: str, stated: StatedWay | None) -> Operation:
        """Have a gateway try the way to a configured server, or one that is stated.

        Raises:
            InvalidArgument: neither or both are given, or what is stated is malformed.
            NotFound: there is no such gateway or server.
            FailedPrecondition: the gateway is not connected.
        """
        if bool(server_id) == (stated is not None):
            raise malformed("SUBJECT_MISSING", "server_id", "State either server_id or opc_ua_server, not both.")
        name = ServerName(gateway.tenant, gateway.gateway, server_id)
        async with self._database.transaction(gateway.tenant) as connection:
            await self._gateways.found(connection, gateway)
            way = self._stated(stated) if stated else self._configured(await found_server(connection, name))
            request = ConnectResponse.Command()
            request.test_connection.opc_ua_server.CopyFrom(way)
            work = Work(request, server=server_id, lifetime=_LIFETIME)
            operation = await self._commands.submit(connection, gateway, work)
            resource = name if server_id else gateway
            url = way.endpoint_url
            await audit(connection, gateway.tenant, "server.test_connection", resource, endpoint_url=url)
            return operation

    @staticmethod
    def _stated(stated: StatedWay) -> resources_pb2.OpcUaServer:
        return _message(check_settings(stated.settings), check_password(stated.password))

    def _configured(self, server: OpcUaServer) -> resources_pb2.OpcUaServer:
        try:
            password = self._vault.open(server.password_sealed, server.name)
        except InvalidTag as err:
            raise password_sealed(server.name) from err
        return _message(server.settings, password, str(server.name))

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        """The outcome is the response: a test that shows what is wrong has succeeded."""
        response = TestConnectionResponse()
        if isinstance(outcome, TestConnectionResponse):
            response.CopyFrom(outcome)
        del response.checks[_MOST_CHECKS:]
        return response

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        """Nothing is kept of a test."""
