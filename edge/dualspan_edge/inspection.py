"""The commands that look at a server: its limits, and what is in values."""

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.commands import CommandRegistry, Progress
from dualspan_edge.opcua.limits import read_server_limits
from dualspan_edge.opcua.structures import describe_values
from dualspan_edge.supervisor import ServerSet

_PORTION = 50
_LONGEST_SECONDS = 120.0


class Inspection:
    """The handlers of `read_limits` and `describe_values`.

    Args:
        servers: The servers that are connected.
    """

    def __init__(self, servers: ServerSet) -> None:
        self._servers = servers

    def register(self, commands: CommandRegistry) -> None:
        """Takes the commands."""
        commands.register("read_limits", self.read_limits, longest=_LONGEST_SECONDS)
        commands.register("describe_values", self.describe_values, longest=_LONGEST_SECONDS)

    async def read_limits(
        self, command: gateway.ConnectResponse.Command, progress: Progress
    ) -> gateway.ConnectRequest.CommandReport:
        """Reads what a server states of its limits.

        Raises:
            GatewayError: The server is not connected.
        """
        progress("reading the server's limits", 0)
        connected = self._servers.connected(_server_id(command.read_limits.server))
        limits = await read_server_limits(connected.connection, connected.subscriptions)
        return gateway.ConnectRequest.CommandReport(read_limits=limits)

    async def describe_values(
        self, command: gateway.ConnectResponse.Command, progress: Progress
    ) -> gateway.ConnectRequest.CommandReport:
        """Looks into the values of variables.

        Raises:
            GatewayError: The server is not connected.
        """
        asked = command.describe_values
        report = gateway.ConnectRequest.CommandReport()
        for start in range(0, len(asked.node_ids), _PORTION):
            progress(f"looking into {len(asked.node_ids)} values", 100 * start // len(asked.node_ids))
            connected = self._servers.connected(_server_id(asked.server))
            found = await describe_values(connected.connection, asked.node_ids[start : start + _PORTION])
            report.describe_values.values.extend(found.values)
        return report


def _server_id(name: str) -> str:
    return name.rpartition("/")[2]
