"""Having a server trust its gateway: the gateway writes the server's trust list (OPC UA Part 12, 7.10)."""

from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message

from dualspan.onboarding.v1 import trust_pb2
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_onboarding.commands import Command
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.rules import check_password, check_text
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.commands import Commands, Work
from dualspan_onboarding.service.servers import found_server
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError

KIND = "push_trust"
_MOST = 10


class TrustPushes:
    """The use case, and what becomes of it.

    Args:
        database: Where servers are.
        commands: Bring the work to the gateway.
    """

    def __init__(self, database: Database, commands: Commands) -> None:
        self._database = database
        self._commands = commands
        commands.register(KIND, self)

    async def start(self, name: ServerName, username: str, password: str) -> Operation:
        """Have a server's gateway put its certificates into the server's trust list.

        Raises:
            InvalidArgument: the user name or the password is malformed.
            NotFound: there is no such server.
            FailedPrecondition: the gateway is not connected.
        """
        push = trust_pb2.TrustPush(
            server=name.server, username=check_text(username, "username"), password=check_password(password)
        )
        work = Work(request=ConnectResponse.Command(push_trust=push), server=name.server)
        async with self._database.transaction(name.tenant) as connection:
            await found_server(connection, name)
            await audit(connection, name.tenant, "server.push_trust", name, username=push.username)
            return await self._commands.submit(connection, name.parent, work)

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        """The gateway has done it: the response of the operation, within bounds."""
        if not isinstance(outcome, trust_pb2.PushTrustResponse):
            raise TypeError(f"the outcome of {KIND} is a PushTrustResponse")
        response = trust_pb2.PushTrustResponse(
            added_sha256=[one[:64] for one in outcome.added_sha256[:_MOST]],
            present_sha256=[one[:64] for one in outcome.present_sha256[:_MOST]],
            applied=outcome.applied,
            detail=outcome.detail[:2000],
        )
        actor = f"gateways/{command.gateway.gateway}"
        details = {"added_sha256": ",".join(response.added_sha256)}
        await audit(connection, command.gateway.tenant, "server.trust_pushed", command.resource, actor=actor, **details)
        return response

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        """The operation says why; nothing else was changed here."""
