"""Which variables are stored: accepted from a browse, listed, deleted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_onboarding.budget import Estimate, TagLoad
from dualspan_onboarding.choices import Defaults, chosen_tags, new_tag
from dualspan_onboarding.errors import malformed, too_many
from dualspan_onboarding.errors.browsing import nodes_repeated, tag_unknown
from dualspan_onboarding.model import Accepted, Limits, NewTag, Tag, VariableChoice
from dualspan_onboarding.names import GatewayName, ServerName, TagName
from dualspan_onboarding.rules import (
    below,
    check_browse_path,
    check_interval,
    check_node_id,
    check_queue_size,
    check_text,
)
from dualspan_onboarding.sampling import Acquisition
from dualspan_onboarding.sampling_rules import check_acquisition, check_address
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.browsing import snapshot_of
from dualspan_onboarding.service.budget import Budgets, LoadChange, enforce_budget, load_of_new
from dualspan_onboarding.service.servers import configuration_changed, lock_gateway
from dualspan_onboarding.store import browses, outbox, tags, value_fields
from dualspan_runtime.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person wants stored: these variables, or all below a path; and what goes for those that state nothing.

    Intervals in microseconds, None where the person left them open.
    """

    variables: Sequence[VariableChoice]
    browse_path_prefix: str
    sampling_interval_us: int | None
    publishing_interval_us: int | None
    acquisition: Acquisition | None = None
    accept_over_budget: bool = False

    @property
    def defaults(self) -> Defaults:
        """What goes for variables that state nothing."""
        return Defaults(self.sampling_interval_us, self.publishing_interval_us, self.acquisition)


def _check_variable(variable: VariableChoice) -> VariableChoice:
    check_node_id(variable.node_id, "variables.node_id")
    check_queue_size(variable.queue_size, "variables.queue_size")
    for field, interval in (
        ("variables.sampling_interval", variable.sampling_interval_us),
        ("variables.publishing_interval", variable.publishing_interval_us),
    ):
        if interval is not None:
            check_interval(interval, field)
    check_text(variable.display_name, "variables.display_name")
    check_address(variable.address)
    if variable.acquisition is not None:
        check_acquisition(variable.acquisition)
    return variable


def check_choice(choice: Choice, limits: Limits) -> Choice:
    """Return a choice that can be looked up; raises InvalidArgument."""
    if bool(choice.variables) == bool(choice.browse_path_prefix):
        raise malformed("CHOICE_MISSING", "variables", "State either variables or browse_path_prefix, not both.")
    check_browse_path(choice.browse_path_prefix)
    if len(choice.variables) > limits.variables_per_request:
        most = limits.variables_per_request
        raise malformed("TOO_MANY_VARIABLES", "variables", f"At most {most} variables at once. Send several requests.")
    for variable in choice.variables:
        _check_variable(variable)
    chosen = Counter((v.node_id, v.address, v.expand) for v in choice.variables)
    repeated = [node_id for (node_id, _, _), times in chosen.items() if times > 1]
    if repeated:
        raise nodes_repeated(repeated)
    if choice.acquisition is not None:
        check_acquisition(choice.acquisition)
    if choice.sampling_interval_us is not None:
        check_interval(choice.sampling_interval_us, "sampling_interval")
    if choice.publishing_interval_us is not None:
        check_interval(choice.publishing_interval_us, "publishing_interval")
    return choice


class Tagging:
    """The use cases around tags.

    Args:
        database: Where they are.
        limits: How many a gateway may have, and a request may bring.
    """

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    async def accept(self, server: ServerName, choice: Choice) -> Accepted:
        """Make tags of browsed variables, all or none; those that are tags already stay as they are.

        The historian hears of them from the reconciler, and the gateway after it.

        Raises:
            InvalidArgument: the choice is malformed, or names a variable twice.
            NotFound: there is no such server, or the last browse did not find a variable.
            FailedPrecondition: the server has not been browsed, or a node has no readable value of a known kind.
            ResourceExhausted: the gateway would have more tags than it may, or the server more load than it bears.
        """
        check_choice(choice, self._limits)
        async with self._database.transaction(server.tenant) as connection:
            return await self.accept_within(connection, server, choice)

    async def accept_within(self, connection: Connection, server: ServerName, choice: Choice) -> Accepted:
        """The same as a part of something larger; the choice is checked already."""
        await lock_gateway(connection, server.parent)
        wanted = await self.chosen(connection, server, choice)
        known = await tags.ids_by_address(connection, server)
        fresh = [tag for tag in wanted if (tag.node.node_id, tag.address) not in known]
        await self._check_count(connection, server.parent, len(fresh))
        load = await enforce_budget(
            connection,
            server,
            LoadChange(added=[load_of_new(tag) for tag in fresh]),
            accept_over_budget=choice.accept_over_budget,
        )
        made = await tags.insert(connection, server, fresh)
        if made:
            await audit(connection, server.tenant, "server.accept_variables", server, created=str(len(made)))
            await outbox.notify_work(connection)
        ids = known | made
        of_wanted = tuple(ids[tag.node.node_id, tag.address] for tag in wanted)
        return Accepted(len(made), len(wanted) - len(made), of_wanted, load)

    async def estimate(
        self,
        server: ServerName,
        choice: Choice,
        thought_of: Sequence[TagLoad],
        profile: str,
        budgets: Budgets,
        proposed: Sequence[VariableChoice] = (),
    ) -> Estimate:
        """What the server's tags, those that a choice would make, and some more would ask of it; changes nothing.

        Args:
            server: Which.
            choice: What would become tags; neither variables nor a path for nothing.
            thought_of: Further tags.
            profile: The vendor profile to use; "" for the server's own.
            budgets: Knows what the server bears.
            proposed: Variables that become tags before those of the choice, which then leave them as they are.

        Raises:
            NotFound, FailedPrecondition, InvalidArgument: As `accept`; there is no such profile.
        """
        async with self._database.transaction(server.tenant, readonly=True) as connection:
            wanted: list[NewTag] = []
            if choice.browse_path_prefix or choice.variables:
                check_choice(choice, self._limits)
                wanted += await self.chosen(connection, server, choice)
            if proposed:
                wanted += await self.chosen(connection, server, Choice(proposed, "", None, None))
            fresh = {(tag.node.node_id, tag.address): tag for tag in wanted}
            known = await tags.ids_by_address(connection, server) if fresh else {}
            added = [load_of_new(tag) for address, tag in fresh.items() if address not in known]
            return await budgets.estimate(connection, server, [*thought_of, *added], profile)

    async def chosen(self, connection: Connection, server: ServerName, choice: Choice) -> Sequence[NewTag]:
        """The tags that a choice would make if none of them were there yet, in order of browse path.

        Raises:
            NotFound, FailedPrecondition, InvalidArgument: As `accept`.
        """
        snapshot = await snapshot_of(connection, server)
        if not choice.variables:
            path = below(choice.browse_path_prefix)
            nodes = await browses.nodes_below(connection, server.tenant, snapshot, path, self._limits.browsed_nodes)
            return [new_tag(node, choice.defaults) for node in nodes]
        node_ids = sorted({variable.node_id for variable in choice.variables})
        nodes = await browses.nodes_by_id(connection, server.tenant, snapshot, node_ids)
        parts = [v.node_id for v in choice.variables if v.expand or v.address.field_path]
        fields = await value_fields.of_nodes(connection, server, parts) if parts else {}
        return chosen_tags(nodes, choice.variables, choice.defaults, fields)

    async def _check_count(self, connection: Connection, gateway: GatewayName, more: int) -> None:
        most = self._limits.tags_per_gateway
        if more and await tags.count(connection, gateway) + more > most:
            raise too_many("TOO_MANY_TAGS", "tags at this gateway", most)

    async def get(self, name: TagName) -> Tag:
        """One tag; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            tag = await tags.find(connection, name)
        if tag is None:
            raise tag_unknown(name)
        return tag

    async def page(self, tenant: str, *, server: ServerName | None, query: str, after: int, limit: int) -> tags.TagPage:
        """The tags after an id, in order of it."""
        query = check_text(query, "query")
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await tags.page(connection, tenant, server=server, query=query, after=after, limit=limit)

    async def delete(self, tenant: str, names: Sequence[TagName]) -> None:
        """Stop storing tags, all or none; stored samples stay.

        The gateway drops them with its next configuration; the historian stops accepting them when nothing of them
        can be on its way any more.

        Raises:
            InvalidArgument: more than 10 000, or of another tenant than the parent.
            NotFound: there is no such tag.
        """
        if len(names) > self._limits.variables_per_request:
            most = self._limits.variables_per_request
            raise malformed("TOO_MANY_TAGS", "names", f"At most {most} tags at once. Send several requests.")
        if any(name.tenant != tenant for name in names):
            raise malformed("FOREIGN_NAME", "names", "Every tag must be one of the parent's.")
        ids = sorted({name.tag_id for name in names})
        async with self._database.transaction(tenant) as connection:
            await self.delete_within(connection, tenant, ids)

    async def delete_within(self, connection: Connection, tenant: str, ids: Sequence[int]) -> None:
        """The same as a part of something larger."""
        # Gateways are always locked before their tags, so that two changes cannot wait for each other.
        for gateway in await tags.gateways_of(connection, tenant, ids):
            await lock_gateway(connection, gateway)
        deleted = await tags.delete(connection, tenant, ids)
        missing = [tag_id for tag_id in ids if tag_id not in deleted]
        if missing:
            raise tag_unknown(TagName(tenant, missing[0]))
        await self._configurations_changed(connection, tenant, deleted)

    async def _configurations_changed(
        self, connection: Connection, tenant: str, deleted: dict[int, GatewayName]
    ) -> None:
        for gateway in sorted(set(deleted.values()), key=str):
            ids = [tag_id for tag_id, whose in deleted.items() if whose == gateway]
            revision = await configuration_changed(connection, gateway)
            await tags.set_deleted_revision(connection, tenant, ids, revision)
            await audit(connection, tenant, "gateway.delete_tags", gateway, deleted=str(len(ids)))
