"""Browsing a server through its gateway: a long-running operation whose work survives streams and restarts."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from google.longrunning.operations_pb2 import Operation
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.onboarding.v1.service_pb2 import BrowseServerMetadata, BrowseServerResponse
from dualspan_onboarding.browsed import (
    Browse,
    BrowsedNode,
    BrowsedType,
    BrowseState,
    ListedNode,
    NodeFilter,
    SnapshotName,
)
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.browsing import (
    browse_cancelled,
    browse_failed,
    browse_running,
    not_browsed,
    snapshot_unknown,
)
from dualspan_onboarding.errors.fleet import gateway_offline, server_unknown
from dualspan_onboarding.model import Limits, Session, Timing
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.notices import MAX_TEXT, Severity, storable
from dualspan_onboarding.rules import check_browse_path, check_node_id
from dualspan_onboarding.scrubbing import clean_namespaces, clean_node, clean_type, clean_warnings
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.store import browses, gateways, outbox, servers, snapshots, transfers
from dualspan_onboarding.store.notices import raise_notice, resolve_notice
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError, Unavailable
from dualspan_runtime.operations import OperationStore

_COMMAND_ID = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,9})", re.ASCII)
_STEP = 200
# More types than this in one message are more than any companion specification has.
_MOST_TYPES = 20_000
_NOTICE = "BROWSE_INCOMPLETE"
_REMEDY = "Check the server's log, rights and limits, then browse it again: a browse that finds all ends this notice."


@dataclass(frozen=True, slots=True)
class BrowseNews:
    """What a gateway says of a browse."""

    command_id: str
    nodes: Sequence[BrowsedNode]
    done: bool
    error: str
    types: Sequence[BrowsedType] = field(default=())
    truncated: bool = False
    warnings: Sequence[str] = field(default=())
    namespaces: Sequence[str] = field(default=())


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

    async def save(self, session: Session, news: BrowseNews) -> bool:
        """Keep what a gateway found; False if nobody wants it any more, so that the gateway may stop."""
        tenant = session.gateway.tenant
        command = _COMMAND_ID.fullmatch(news.command_id)
        if command is None:
            return False
        nodes = [clean for node in news.nodes if (clean := clean_node(node)) is not None]
        types = [clean for each in news.types if (clean := clean_type(each)) is not None]
        browse_id, attempt = uuid.UUID(command[1]), int(command[2])
        async with self._database.transaction(tenant) as connection:
            browse = await browses.find_running(connection, session, browse_id, attempt)
            if browse is None:
                return False
            room = browse.max_nodes - browse.node_count
            browse = await browses.add_nodes(connection, browse, nodes[:room])
            await browses.add_types(connection, browse, types[:_MOST_TYPES])
            if news.error:
                await self._fail(connection, browse, browse_failed(news.error[:2000]))
                await self._raise(connection, browse, f"The last browse failed: {news.error[:1000]}")
            elif news.done:
                await self._finish(connection, browse, news)
            else:
                await self._operations.progress(connection, tenant, browse.operation_name, _metadata(browse))
        return True

    async def _finish(self, connection: Connection, browse: Browse, news: BrowseNews) -> None:
        server, tenant = browse.server, browse.server.tenant
        warnings = clean_warnings(news.warnings)
        await transfers.save_namespaces(connection, server, clean_namespaces(news.namespaces))
        number = await snapshots.add(connection, browse, truncated=news.truncated, warnings=warnings)
        await snapshots.keep_newest(connection, server, self._limits.snapshots)
        if warnings:
            await self._raise(connection, browse, f"The last browse is incomplete or in doubt: {' '.join(warnings)}")
        else:
            await resolve_notice(connection, tenant, _NOTICE, server)
        response = BrowseServerResponse(
            nodes=browse.node_count,
            variables=browse.variable_count,
            truncated=news.truncated,
            warnings=warnings,
            snapshot=str(SnapshotName(server, number)),
        )
        await self._operations.progress(connection, tenant, browse.operation_name, _metadata(browse))
        await self._operations.finish(connection, tenant, browse.operation_name, response)

    async def _raise(self, connection: Connection, browse: Browse, text: str) -> None:
        """One notice for a server whose browse a person has to look at."""
        server = browse.server
        await raise_notice(
            connection, server.tenant, _NOTICE, Severity.WARNING, server, storable(text, MAX_TEXT), _REMEDY
        )

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
        self,
        server: ServerName,
        wanted: NodeFilter,
        *,
        after: tuple[str, str],
        limit: int,
        snapshot: int = 0,
    ) -> Sequence[ListedNode]:
        """What a finished browse (the last one if 0) found, after a (browse path, node id), in that order.

        Raises:
            InvalidArgument: no browse path begins like this, or there is no such node id.
            NotFound: there is no such server or snapshot.
            FailedPrecondition: it has not been browsed.
        """
        wanted = replace(wanted, prefix=check_browse_path(wanted.prefix).lstrip("/"))
        if wanted.parent_node_id:
            check_node_id(wanted.parent_node_id, "parent_node_id")
        async with self._database.transaction(server.tenant, readonly=True) as connection:
            browse = await snapshot_of(connection, server)
            if snapshot:
                browse = (await stored_snapshot(connection, SnapshotName(server, snapshot))).browse_id
            return await browses.page_of_nodes(connection, server, browse, wanted, after=after, limit=limit)


async def stored_snapshot(connection: Connection, name: SnapshotName) -> snapshots.StoredSnapshot:
    """A snapshot that is kept; raises NotFound, FailedPrecondition."""
    await snapshot_of(connection, name.server)
    found = await snapshots.find(connection, name)
    if found is None:
        raise snapshot_unknown(name)
    return found


async def snapshot_of(connection: Connection, name: ServerName) -> uuid.UUID:
    """The finished browse that says what a server offers; raises NotFound, FailedPrecondition."""
    server = await servers.find(connection, name)
    if server is None:
        raise server_unknown(name)
    if server.snapshot is None:
        raise not_browsed(name)
    return server.snapshot
