"""How tags are sampled: changed in batches, and what is in their values."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message

from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan.onboarding.v1.sampling_service_pb2 import DescribeValuesRequest, DescribeValuesResponse
from dualspan_onboarding.budget import Estimate, TagLoad
from dualspan_onboarding.commands import Command
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.browsing import tag_unknown
from dualspan_onboarding.model import Tag
from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.notices import storable
from dualspan_onboarding.rules import (
    below,
    check_browse_path,
    check_interval,
    check_node_id,
    check_queue_size,
    check_text,
)
from dualspan_onboarding.sampling import ValueField
from dualspan_onboarding.sampling_rules import (
    MAX_PATH_CHARACTERS,
    check_acquisition,
    check_fits,
    fitting,
    queue_at_server,
)
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.budget import LoadChange, enforce_budget, load_after
from dualspan_onboarding.service.commands import Commands, Work
from dualspan_onboarding.service.servers import configuration_changed, found_server, lock_gateway
from dualspan_onboarding.store import tags, value_fields
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError

_MOST_TAGS = 10_000
_MOST_NODES = 1000
# Of one value: more fields than this nobody accepts one by one.
_MOST_FIELDS = 10_000
_KINDS = range(1, 6)


@dataclass(frozen=True, slots=True)
class TagFilter:
    """Which tags of a server are meant: those that all stated parts choose. Something must be stated."""

    tag_ids: tuple[int, ...] = ()
    browse_path_prefix: str = ""
    query: str = ""
    data_type: str = ""


@dataclass(frozen=True, slots=True)
class SamplingChange:
    """What is to be different; None stays. `acquisition` has the changed fields of Acquisition by name."""

    sampling_interval_us: int | None = None
    publishing_interval_us: int | None = None
    queue_size: int | None = None
    acquisition: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Updated:
    """What became of a change."""

    matched: int
    changed: int
    load: Estimate


def check_filter(chosen: TagFilter) -> TagFilter:
    """Return a filter that can be looked up; raises InvalidArgument."""
    if chosen == TagFilter():
        raise malformed("FILTER_MISSING", "tag_ids", 'State which tags: tag_ids, a browse_path_prefix ("/" is all), …')
    if len(chosen.tag_ids) > _MOST_TAGS:
        raise malformed("TOO_MANY_TAGS", "tag_ids", f"At most {_MOST_TAGS} tags at once. Send several requests.")
    check_browse_path(chosen.browse_path_prefix)
    check_text(chosen.query, "query")
    check_text(chosen.data_type, "data_type")
    return chosen


def check_change(change: SamplingChange) -> SamplingChange:
    """Return a change that can be made; raises InvalidArgument."""
    if change == SamplingChange():
        raise malformed("CHANGE_MISSING", "update_mask", "State what is to be different.")
    if change.sampling_interval_us is not None:
        check_interval(change.sampling_interval_us, "sampling_interval")
    if change.publishing_interval_us is not None:
        check_interval(change.publishing_interval_us, "publishing_interval")
    if change.queue_size is not None:
        check_queue_size(change.queue_size, "queue_size")
    return change


def changed_tag(tag: Tag, change: SamplingChange, *, strictly: bool) -> Tag:
    """A tag after a change.

    Args:
        tag: Before it.
        change: What is to be different.
        strictly: What does not go with the tag is refused, as it was chosen by its id; otherwise it is left out.

    Raises:
        InvalidArgument: The settings cannot be, or with `strictly`, not for this tag.
    """
    wanted = dataclasses.replace(tag.acquisition, **change.acquisition)
    check_acquisition(wanted)
    fits = check_fits if strictly else fitting
    stated = {
        "sampling_interval_us": change.sampling_interval_us,
        "publishing_interval_us": change.publishing_interval_us,
        "queue_size": change.queue_size,
    }
    intervals = {name: value for name, value in stated.items() if value is not None}
    return dataclasses.replace(tag, acquisition=fits(wanted, tag.address, tag.kind), **intervals)


def load_of_tag(tag: Tag) -> TagLoad:
    """What a tag asks of its server."""
    sampling, publishing = tag.sampling_interval_us, tag.publishing_interval_us
    return TagLoad(
        node_id=tag.node_id,
        kind=tag.kind,
        data_type=tag.data_type,
        sampling_us=sampling,
        publishing_us=publishing,
        queue_size=queue_at_server(tag.address.source, tag.queue_size, sampling, publishing),
        source=tag.address.source,
        mode=tag.acquisition.mode,
        register_node=tag.acquisition.register_node,
        is_part=bool(tag.address.field_path),
    )


class Sampling:
    """The use cases around sampling, and the owner of the command `describe_values`.

    Args:
        database: Where tags are.
        commands: Carries the command to the gateway.
    """

    def __init__(self, database: Database, commands: Commands) -> None:
        self._database = database
        self._commands = commands
        commands.register("describe_values", self)

    async def update(
        self,
        server: ServerName,
        chosen: TagFilter,
        change: SamplingChange,
        *,
        accept_over_budget: bool = False,
        validate_only: bool = False,
    ) -> Updated:
        """Change tags of a server, all or none; the gateway is told of those that differ.

        Raises:
            InvalidArgument: The filter or the change cannot be, or does not go with a tag that was chosen by its id.
            NotFound: There is no such server or tag.
            ResourceExhausted: The server would have more load than it bears.
        """
        check_filter(chosen)
        check_change(change)
        async with self._database.transaction(server.tenant) as connection:
            await lock_gateway(connection, server.parent)
            await found_server(connection, server)
            found = await self._found(connection, server, chosen)
            after = {tag.name.tag_id: changed_tag(tag, change, strictly=bool(chosen.tag_ids)) for tag in found}
            differing = [after[tag.name.tag_id] for tag in found if after[tag.name.tag_id] != tag]
            loads = {tag.name.tag_id: load_of_tag(tag) for tag in differing}
            if validate_only:
                return Updated(
                    len(found), len(differing), await load_after(connection, server, LoadChange(changed=loads))
                )
            load = await enforce_budget(
                connection, server, LoadChange(changed=loads), accept_over_budget=accept_over_budget
            )
            if differing:
                await tags.update_sampling(connection, server.tenant, differing)
                await configuration_changed(connection, server.parent)
                await audit(connection, server.tenant, "server.update_tags", server, changed=str(len(differing)))
        return Updated(len(found), len(differing), load)

    async def _found(self, connection: Connection, server: ServerName, chosen: TagFilter) -> Sequence[Tag]:
        found = await tags.filtered(
            connection,
            server,
            tag_ids=chosen.tag_ids,
            path=below(chosen.browse_path_prefix),
            query=chosen.query.strip(),
            data_type=chosen.data_type.strip(),
        )
        if chosen.tag_ids:
            missing = sorted(set(chosen.tag_ids) - {tag.name.tag_id for tag in found})
            filtered = chosen.browse_path_prefix or chosen.query or chosen.data_type
            if missing and not filtered:
                raise tag_unknown(TagName(server.tenant, missing[0]))
        return found

    async def describe(self, server: ServerName, node_ids: Sequence[str]) -> Operation:
        """Have the gateway look into the values of variables.

        Raises:
            InvalidArgument: A NodeId is malformed, or there are too many or none.
            NotFound: There is no such server.
            FailedPrecondition: Its gateway is not connected.
        """
        if not 1 <= len(node_ids) <= _MOST_NODES:
            raise malformed("NODES_OUT_OF_RANGE", "node_ids", f"State 1 to {_MOST_NODES} variables.")
        for node_id in node_ids:
            check_node_id(node_id, "node_ids")
        async with self._database.transaction(server.tenant) as connection:
            await found_server(connection, server)
            request = ConnectResponse.Command(
                describe_values=DescribeValuesRequest(server=str(server), node_ids=list(dict.fromkeys(node_ids)))
            )
            await audit(connection, server.tenant, "server.describe_values", server, nodes=str(len(node_ids)))
            return await self._commands.submit(connection, server.parent, Work(request, server=server.server))

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        """Keep what the gateway found; what cannot be kept is left out of the answer too."""
        if not isinstance(outcome, DescribeValuesResponse):
            raise TypeError(f"the outcome of describe_values is not {type(outcome).__name__}")
        server = ServerName(command.gateway.tenant, command.gateway.gateway, command.server)
        found = {value.node_id: fields_of(value.fields) for value in outcome.values if not value.error}
        await value_fields.replace(connection, server, found)
        return outcome

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        """Nothing was kept, so there is nothing to undo."""


def fields_of(messages: Sequence[Any]) -> list[ValueField]:
    """The usable ones of what a gateway found in a value."""
    return [
        ValueField(message.path, storable(message.data_type, 200), message.kind, message.length, message.optional)
        for message in messages[:_MOST_FIELDS]
        if message.kind in _KINDS and 0 < len(message.path) <= MAX_PATH_CHARACTERS and "\x00" not in message.path
    ]
