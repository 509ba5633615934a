"""Browsing a server through its gateway: a long-running operation whose work survives streams and restarts."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from google.longrunning.operations_pb2 import Operation
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.onboarding.v1.service_pb2 import BrowseServerMetadata, BrowseServerResponse
from dualspan_onboarding.errors import (
    browse_cancelled,
    browse_running,
    gateway_offline,
    malformed,
    not_browsed,
    server_unknown,
)
from dualspan_onboarding.model import Browse, BrowsedNode, BrowseState, Limits, Session, Timing
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.rules import check_browse_path, check_node_id, clean_node
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.store import browses, gateways, outbox, servers
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError, FailedPrecondition, Unavailable
from dualspan_runtime.operations import OperationStore

_COMMAND_ID = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,9})", re.ASCII)
_STEP = 200


@dataclass(frozen=True, slots=True)
class BrowseNews:
    """What a gateway says of a browse."""

    command_id: str
    nodes: Sequence[BrowsedNode]
    done: bool
    error: str


def _metadata(browse: Browse) -> BrowseServerMetadata:
    start = Timestamp()
    start.FromDatetime(browse.created_at)
    return BrowseServerMetadata(server=str(browse.server), nodes=browse.node_count, start_time=start)


class Browsing:
    """The use cases around browses.

    Args:
        database: Where they are.
        operations: Where their outcome is.
        limits: How many nodes one may bring.
        timing: How long it waits for a gateway.
    """

    def __init__(self, database: Database, operations: OperationStore, limits: Limits, timing: Timing) -> None:
        self._database = database
        self._operations = operations
        self._limits = limits
        self._timing = timing

    async def start(self, name: ServerName, root_node_id: str, max_nodes: int) -> Operation:
        """Queue a browse for the stream of the server's gateway.

        Raises:
            InvalidArgument: the root or the number is malformed.
            NotFound: there is no such server.
            FailedPrecondition: the gateway is not connected, or the server is being browsed already.
        """
        if root_node_id:
            check_node_id(root_node_id, "root_node_id")
        if not 0 <= max_nodes <= self._limits.browsed_nodes:
            most = self._limits.browsed_nodes
            raise malformed("MAX_NODES_OUT_OF_RANGE", "max_nodes", f"max_nodes must be between 0 and {most}.")
        async with self._database.transaction(name.tenant) as connection:
            if await servers.find(connection, name) is None:
                raise server_unknown(name)
            gateway = await gateways.find(connection, name.parent, self._timing.offline_after)
            if gateway is None or not gateway.online:
                raise gateway_offline(name.parent)
            browse = Browse(
                browse_id=uuid.uuid4(),
                server=name,
                operation_name="",
                root_node_id=root_node_id,
                max_nodes=max_nodes or self._limits.default_browsed_nodes,
                state=BrowseState.QUEUED,
                attempt=0,
                node_count=0,
                variable_count=0,
                created_at=datetime.now(UTC),
            )
            operation = await self._operations.create(
                connection, name.tenant, metadata=_metadata(browse), resource=str(name)
            )
            if not await browses.insert(connection, browse, operation.name):
                raise browse_running(name)
            await audit(connection, name.tenant, "server.browse", name)
            await outbox.notify_gateway(connection, name.parent)
            return operation

    async def save(self, session: Session, news: BrowseNews) -> None:
        """Keep what a gateway found. What belongs to no browse of this stream is passed over."""
        tenant = session.gateway.tenant
        command = _COMMAND_ID.fullmatch(news.command_id)
        if command is None:
            return
        nodes = [clean for node in news.nodes if (clean := clean_node(node)) is not None]
        browse_id, attempt = uuid.UUID(command[1]), int(command[2])
        async with self._database.transaction(tenant) as connection:
            browse = await browses.find_running(connection, session, browse_id, attempt)
            if browse is None:
                return
            browse = await browses.add_nodes(connection, browse, nodes[: browse.max_nodes - browse.node_count])
            if news.error:
                error = FailedPrecondition("BROWSE_FAILED", f"The gateway could not browse it: {news.error[:2000]}")
                await self._fail(connection, browse, error)
            elif news.done:
                await self._finish(connection, browse)
            else:
                await self._operations.progress(connection, tenant, browse.operation_name, _metadata(browse))

    async def _finish(self, connection: Connection, browse: Browse) -> None:
        tenant = browse.server.tenant
        await browses.end(connection, browse)
        await servers.set_snapshot(connection, browse.server, browse.browse_id)
        response = BrowseServerResponse(nodes=browse.node_count, variables=browse.variable_count)
        await self._operations.progress(connection, tenant, browse.operation_name, _metadata(browse))
        await self._operations.finish(connection, tenant, browse.operation_name, response)

    async def _fail(self, connection: Connection, browse: Browse, error: DomainError) -> None:
        await browses.drop(connection, browse)
        await self._operations.fail(connection, browse.server.tenant, browse.operation_name, error)

    async def abandon(self, connection: Connection, server: ServerName) -> None:
        """End the browse of a server that goes away."""
        browse = await browses.unfinished_of_server(connection, server)
        if browse is not None:
            await self._fail(connection, browse, server_unknown(server))

    async def give_up_stuck(self) -> None:
        """Fail the browses whose gateway does not come back or says nothing; drop the cancelled ones."""
        async with self._database.platform_transaction() as connection:
            stuck = await browses.stuck(
                connection, self._timing.browse_offline_grace, self._timing.browse_stalled_after, _STEP
            )
            for browse in stuck:
                await self._fail(connection, browse, self._reason(browse))
            for browse in await browses.unfinished(connection, _STEP):
                if await self._operations.cancelled(connection, browse.server.tenant, browse.operation_name):
                    await self._fail(connection, browse, browse_cancelled())

    def _reason(self, browse: Browse) -> Unavailable:
        gateway = GatewayName(browse.server.tenant, browse.server.gateway)
        if browse.state is BrowseState.QUEUED:
            seconds = round(self._timing.browse_offline_grace.total_seconds())
            text = f"{gateway} lost its connection and was not back within {seconds} s. Check it, then browse again."
            return Unavailable("GATEWAY_DISCONNECTED", text)
        return Unavailable("BROWSE_STALLED", f"{gateway} has said nothing of the browse. Check it, then browse again.")

    async def page_of_nodes(
        self, server: ServerName, *, variables_only: bool, prefix: str, after: tuple[str, str], limit: int
    ) -> Sequence[BrowsedNode]:
        """What the last finished browse found, after a (browse path, node id), in that order.

        Raises:
            InvalidArgument: no browse path begins like this.
            NotFound: there is no such server.
            FailedPrecondition: it has not been browsed.
        """
        prefix = check_browse_path(prefix).lstrip("/")
        async with self._database.transaction(server.tenant, readonly=True) as connection:
            return await browses.page_of_nodes(
                connection,
                server.tenant,
                await snapshot_of(connection, server),
                variables_only=variables_only,
                prefix=prefix,
                after=after,
                limit=limit,
            )


async def snapshot_of(connection: Connection, name: ServerName) -> uuid.UUID:
    """The finished browse that says what a server offers; raises NotFound, FailedPrecondition."""
    server = await servers.find(connection, name)
    if server is None:
        raise server_unknown(name)
    if server.snapshot is None:
        raise not_browsed(name)
    return server.snapshot
