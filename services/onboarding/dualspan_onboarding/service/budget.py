"""The load budget of OPC UA servers: estimated for people, enforced wherever tags are added or sped up."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message

from dualspan.onboarding.v1.budget_service_pb2 import ReadServerLimitsRequest
from dualspan.onboarding.v1.budget_service_pb2 import ServerLimits as LimitsMessage
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_onboarding.budget import Estimate, ServerLimits, TagLoad, VendorProfile, estimate
from dualspan_onboarding.commands import Command
from dualspan_onboarding.errors.sampling import limits_unknown, over_budget, profile_unknown
from dualspan_onboarding.model import NewTag
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.notices import storable
from dualspan_onboarding.profiles import all_profiles, profile_for
from dualspan_onboarding.sampling_rules import queue_at_server
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.commands import Commands, Work
from dualspan_onboarding.service.servers import found_server
from dualspan_onboarding.store import budget
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError, FailedPrecondition, ResourceExhausted

_LARGEST = 2**53
_LONGEST_NAME = 200
# An older gateway cannot read limits, and says so each time.
_ASK_AGAIN_AFTER = timedelta(days=1)
_ASKED_AT_ONCE = 20


def load_of_new(tag: NewTag) -> TagLoad:
    """What a tag that is about to be made asks of its server."""
    address, acquisition = tag.address, tag.acquisition
    sampling, publishing = tag.sampling_interval_us, tag.publishing_interval_us
    return TagLoad(
        node_id=tag.node.node_id,
        kind=tag.node.kind,
        data_type=tag.node.data_type,
        sampling_us=sampling,
        publishing_us=publishing,
        queue_size=queue_at_server(address.source, tag.queue_size, sampling, publishing),
        source=address.source,
        mode=acquisition.mode,
        register_node=acquisition.register_node,
        is_part=bool(address.field_path),
    )


@dataclass(frozen=True, slots=True)
class LoadChange:
    """A change to the tags of a server.

    Attributes:
        added: Tags that come.
        changed: Tags that are different afterwards, by id.
        removed: Tags that go.
    """

    added: Sequence[TagLoad] = ()
    changed: Mapping[int, TagLoad] | None = None
    removed: Iterable[int] = ()


async def load_after(connection: Connection, server: ServerName, change: LoadChange) -> Estimate:
    """The load of a server after a change to its tags, which are in the database as they are before it."""
    present = await budget.loads(connection, server)
    gone = set(change.removed) | set(change.changed or {})
    kept = [load for tag_id, load in present.items() if tag_id not in gone]
    added = [*change.added, *(change.changed or {}).values()]
    limits, profile = await _bounds(connection, server, "")
    return estimate(kept, added, limits, profile, before_change=list(present.values()))


async def enforce_budget(
    connection: Connection, server: ServerName, change: LoadChange, *, accept_over_budget: bool
) -> Estimate:
    """Make sure that a server bears a change to its tags; everything that adds tags or speeds them up calls this.

    What is over budget already and does not grow is let pass: a change for the better must not be refused.

    Args:
        connection: Of the transaction that makes the change; the gateway is locked.
        server: Whose tags change.
        change: What changes; the tags in the database are those before it.
        accept_over_budget: Somebody has said that it is to be done all the same; the audit log keeps it.

    Raises:
        ResourceExhausted: OVER_BUDGET, with the figures.
    """
    found = await load_after(connection, server, change)
    if found.over:
        numbers = {f.quantity: f"{f.wanted:.10g}/{f.limit:.10g}" for f in found.over}
        if not accept_over_budget:
            raise over_budget(server, [figure.detail for figure in found.over], numbers)
        await audit(connection, server.tenant, "server.accept_over_budget", server, **numbers)
    return found


async def _bounds(connection: Connection, server: ServerName, profile: str) -> tuple[ServerLimits, VendorProfile]:
    limits = await budget.find_limits(connection, server)
    chosen = profile or await budget.chosen_profile(connection, server)
    return limits, profile_for(limits, chosen)


def check_profile(profile: str) -> str:
    """Return the id of a profile, or ""; raises NotFound."""
    if profile and profile not in all_profiles():
        raise profile_unknown(profile)
    return profile


class Budgets:
    """The use cases around load budgets, and the owner of the command `read_limits`.

    Args:
        database: Where limits and tags are.
        commands: Carries the command to the gateway.
    """

    def __init__(self, database: Database, commands: Commands) -> None:
        self._database = database
        self._commands = commands
        commands.register("read_limits", self)

    async def estimate(
        self, connection: Connection, server: ServerName, added: Sequence[TagLoad], profile: str
    ) -> Estimate:
        """What the server's tags and some more ask of it, in the caller's transaction.

        Raises:
            NotFound: There is no such server or profile.
        """
        check_profile(profile)
        await found_server(connection, server)
        limits, chosen = await _bounds(connection, server, profile)
        present = await budget.loads(connection, server)
        return estimate(list(present.values()), added, limits, chosen)

    async def limits(self, server: ServerName) -> ServerLimits:
        """What the server last stated; raises NotFound."""
        async with self._database.transaction(server.tenant, readonly=True) as connection:
            await found_server(connection, server)
            limits = await budget.find_limits(connection, server)
        if limits.read_at is None:
            raise limits_unknown(server)
        return limits

    async def choose_profile(self, server: ServerName, profile: str) -> Estimate:
        """Say which vendor profile goes for a server; raises NotFound."""
        check_profile(profile)
        async with self._database.transaction(server.tenant) as connection:
            await found_server(connection, server)
            await budget.choose_profile(connection, server, profile)
            await audit(connection, server.tenant, "server.choose_vendor_profile", server, profile=profile)
            return await self.estimate(connection, server, (), profile)

    async def read_limits(self, server: ServerName) -> Operation:
        """Have the gateway read what the server states of its limits.

        Raises:
            NotFound: There is no such server.
            FailedPrecondition: Its gateway is not connected.
        """
        async with self._database.transaction(server.tenant) as connection:
            await found_server(connection, server)
            await audit(connection, server.tenant, "server.read_limits", server)
            return await self._submit(connection, server)

    async def read_unknown(self) -> None:
        """Have the limits of servers read that are connected and were never asked: nobody need think of it."""
        async with self._database.platform_transaction(readonly=True) as connection:
            found = await budget.unasked(connection, _ASK_AGAIN_AFTER, _ASKED_AT_ONCE)
        for server in found:
            async with self._database.transaction(server.tenant) as connection:
                if await budget.mark_asked(connection, server):
                    with contextlib.suppress(FailedPrecondition, ResourceExhausted):  # its gateway is away, or busy
                        await self._submit(connection, server)

    async def _submit(self, connection: Connection, server: ServerName) -> Operation:
        request = ConnectResponse.Command(read_limits=ReadServerLimitsRequest(server=str(server)))
        return await self._commands.submit(connection, server.parent, Work(request, server=server.server))

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        """Keep what the gateway read."""
        if not isinstance(outcome, LimitsMessage):
            raise TypeError(f"the outcome of read_limits is not {type(outcome).__name__}")
        server = ServerName(command.gateway.tenant, command.gateway.gateway, command.server)
        await budget.save_limits(connection, server, limits_of(outcome))
        response = LimitsMessage()
        response.CopyFrom(outcome)
        response.read_time.GetCurrentTime()
        return response

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        """Nothing was kept, so there is nothing to undo."""


def limits_of(message: LimitsMessage) -> ServerLimits:
    """What a gateway read, as it can be kept."""

    def text(value: str) -> str:
        return storable(value, _LONGEST_NAME)

    rate = message.min_supported_sample_rate_ms
    return ServerLimits(
        manufacturer_name=text(message.manufacturer_name),
        product_name=text(message.product_name),
        software_version=text(message.software_version),
        max_sessions=message.max_sessions,
        max_subscriptions=message.max_subscriptions,
        max_monitored_items=message.max_monitored_items,
        max_subscriptions_per_session=message.max_subscriptions_per_session,
        max_monitored_items_per_subscription=message.max_monitored_items_per_subscription,
        max_monitored_items_queue_size=message.max_monitored_items_queue_size,
        min_supported_sample_rate_ms=rate if 0 <= rate <= _LARGEST else 0.0,
        max_nodes_per_read=message.max_nodes_per_read,
        max_monitored_items_per_call=message.max_monitored_items_per_call,
        max_nodes_per_browse=message.max_nodes_per_browse,
        max_nodes_per_register_nodes=message.max_nodes_per_register_nodes,
        current_sessions=message.current_sessions,
        current_subscriptions=message.current_subscriptions,
        own_subscriptions=message.own_subscriptions,
    )
