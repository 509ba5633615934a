"""From a proposal to assets, tags and bindings, and back: the difference, applying it, undoing it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dualspan_onboarding.asset_models.library import Library
from dualspan_onboarding.asset_models.model import SamplingDefault
from dualspan_onboarding.assets import (
    Application,
    ApplicationName,
    AssetLevel,
    AssetName,
    Binding,
    BindingChange,
    Difference,
    MadeBinding,
    MappingChoice,
    NewAsset,
    ProposalName,
    StoredGroup,
    StoredMatch,
    check_parent_level,
)
from dualspan_onboarding.errors.assets import (
    application_undone,
    application_unknown,
    groups_unknown,
    nothing_to_apply,
    proposal_unknown,
)
from dualspan_onboarding.mapping.calibration import SURE
from dualspan_onboarding.model import VariableChoice
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.sampling import Acquisition, DeadbandType
from dualspan_onboarding.service.asset_models import library_of
from dualspan_onboarding.service.assets import found_asset
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.tagging import Choice, Tagging
from dualspan_onboarding.store import assets, mappings, tags
from dualspan_runtime.database import Connection, Database


@dataclass(frozen=True, slots=True)
class _Plan:
    """What applying would do: each group with the asset that it becomes and the matches that are bound."""

    server: ServerName
    groups: tuple[tuple[StoredGroup, NewAsset, tuple[StoredMatch, ...]], ...]
    there: frozenset[str]
    tags: Mapping[str, int]

    @property
    def new_assets(self) -> tuple[NewAsset, ...]:
        """The assets that are not there yet."""
        return tuple(asset for _, asset, _ in self.groups if asset.asset_id not in self.there)

    @property
    def node_ids(self) -> tuple[str, ...]:
        """The variables that become tags, or are tags."""
        return tuple(dict.fromkeys(match.node_id for _, _, matches in self.groups for match in matches))


class MappingChanges:
    """The use cases that change assets by a proposal.

    Args:
        database: Where everything is.
        tagging: Makes and deletes tags.
    """

    def __init__(self, database: Database, tagging: Tagging) -> None:
        self._database = database
        self._tagging = tagging

    async def preview(self, name: ProposalName, choice: MappingChoice) -> Difference:
        """What applying would change; changes nothing.

        Raises:
            NotFound: There is no such proposal, group or parent.
            InvalidArgument: The parent is of no higher level than a machine.
            FailedPrecondition: Nothing would change.
        """
        async with self._database.transaction(name.tenant) as connection:
            plan = await self._plan(connection, name, choice)
            return await self._difference(connection, plan)

    async def variables(self, name: ProposalName, groups: Sequence[int]) -> Sequence[VariableChoice]:
        """What applying groups would have sampled, or all that are not applied; changes nothing.

        Raises:
            NotFound: There is no such proposal or group.
            FailedPrecondition: Nothing would change.
        """
        choice = MappingChoice(
            tuple(groups), with_twins=False, minimum_confidence=0.0, parent=None, accept_over_budget=False
        )
        async with self._database.transaction(name.tenant) as connection:
            plan = await self._plan(connection, name, choice)
            return _variables(plan, await library_of(connection, name.tenant))

    async def apply(self, name: ProposalName, choice: MappingChoice) -> tuple[Application, Difference]:
        """Make the assets, tags and bindings of chosen groups; all or nothing.

        Raises:
            NotFound, InvalidArgument, FailedPrecondition: As `preview`.
            ResourceExhausted: The gateway would have more tags than it may, or the server more load than it bears.
        """
        tenant = name.tenant
        async with self._database.transaction(tenant) as connection:
            plan = await self._plan(connection, name, choice)
            difference = await self._difference(connection, plan)
            variables = _variables(plan, await library_of(connection, tenant))
            wanted = Choice(variables, "", None, None, accept_over_budget=choice.accept_over_budget)
            await self._tagging.accept_within(connection, plan.server, wanted)
            ids = await tags.ids_by_node(connection, plan.server)
            await assets.insert(connection, tenant, plan.new_assets)
            made = await self._bind(connection, tenant, plan, ids)
            application = Application(
                name=ApplicationName(tenant, uuid.uuid4()),
                proposal=name,
                created_at=datetime.now(UTC),
                undone_at=None,
                assets=tuple(asset.asset_id for asset in plan.new_assets),
                tag_ids=tuple(sorted(ids[node] for node in plan.node_ids if node not in plan.tags)),
                groups=tuple(group.number for group, _, _ in plan.groups),
                bindings=len(made),
            )
            await mappings.insert_application(connection, application, made)
            await mappings.mark_applied(connection, name, [(g.number, a.asset_id) for g, a, _ in plan.groups])
            counts = {"assets": str(len(application.assets)), "bindings": str(len(made))}
            await audit(connection, tenant, "mapping.apply", application.name, **counts)
        return application, difference

    async def _bind(
        self, connection: Connection, tenant: str, plan: _Plan, ids: Mapping[str, int]
    ) -> list[MadeBinding]:
        before = await assets.bindings_of(connection, tenant, [asset.asset_id for _, asset, _ in plan.groups])
        bindings: dict[str, list[Binding]] = {}
        made: list[MadeBinding] = []
        for _, asset, matches in plan.groups:
            was = {binding.slot: binding for binding in before[asset.asset_id]}
            for match in matches:
                binding = Binding(match.slot, ids[match.node_id], match.conversion)
                if was.get(match.slot) != binding:
                    bindings.setdefault(asset.asset_id, []).append(binding)
                    made.append(MadeBinding(asset.asset_id, match.slot, binding.tag_id, was.get(match.slot)))
        await assets.bind(connection, tenant, bindings)
        return made

    async def _plan(self, connection: Connection, name: ProposalName, choice: MappingChoice) -> _Plan:
        """What a choice means now. Assets are locked, so that the answer holds until the transaction ends."""
        await assets.lock(connection, name.tenant)
        server = await mappings.lock(connection, name)
        if server is None:
            raise proposal_unknown(name)
        if choice.parent is not None:
            check_parent_level(AssetLevel.MACHINE, (await found_asset(connection, choice.parent)).level)
        groups = _chosen(await mappings.groups_after(connection, name, 0, None), choice)
        taken = await assets.ids(connection, name.tenant)
        least = choice.minimum_confidence or SURE
        planned = [
            (group, _asset_of(group, choice.parent), matches)
            for group in groups
            if (matches := tuple(m for m in group.matches if m.slot.property and m.confidence >= least))
        ]
        if not planned:
            raise nothing_to_apply()
        there = frozenset(asset.asset_id for _, asset, _ in planned) & taken
        return _Plan(server, tuple(planned), there, await tags.ids_by_node(connection, server))

    async def _difference(self, connection: Connection, plan: _Plan) -> Difference:
        tenant = plan.server.tenant
        before = await assets.bindings_of(connection, tenant, sorted(plan.there))
        bound = [binding.tag_id for each in before.values() for binding in each]
        facts = await assets.tag_facts(connection, tenant, bound)
        changes: list[BindingChange] = []
        for _, asset, matches in plan.groups:
            was = {binding.slot: binding.tag_id for binding in before.get(asset.asset_id, ())}
            for match in matches:
                now = was.get(match.slot)
                if now is None or now != plan.tags.get(match.node_id):
                    path = facts[now][1] if now is not None else ""
                    changes.append(BindingChange(asset.asset_id, match.slot, match.browse_path, path))
        return Difference(
            assets=plan.new_assets,
            bindings=tuple(changes),
            tags=sum(node_id not in plan.tags for node_id in plan.node_ids),
        )

    async def undo(self, name: ApplicationName) -> tuple[Application, Difference]:
        """Take back what an application made; what somebody has changed since stays, and is named.

        Raises:
            NotFound: There is no such application.
            FailedPrecondition: It was undone already.
        """
        tenant = name.tenant
        async with self._database.transaction(tenant) as connection:
            await assets.lock(connection, tenant)
            application = await mappings.lock_application(connection, name)
            if application is None:
                raise application_unknown(name)
            if application.undone_at is not None:
                raise application_undone(name)
            kept: list[str] = []
            changes = await self._unbind(connection, tenant, await mappings.made_bindings(connection, name), kept)
            gone = await self._remove_assets(connection, tenant, application, kept)
            removed = await self._remove_tags(connection, tenant, application, kept)
            await mappings.unmark_applied(connection, application.proposal, application.groups)
            undone_at = await mappings.mark_undone(connection, name)
            await audit(connection, tenant, "mapping.undo", name, assets=str(len(gone)), tags=str(removed))
        undone = Application(
            name=name,
            proposal=application.proposal,
            created_at=application.created_at,
            undone_at=undone_at,
            assets=application.assets,
            tag_ids=application.tag_ids,
            groups=application.groups,
            bindings=application.bindings,
        )
        return undone, Difference(gone, changes, removed, tuple(kept))

    async def _unbind(
        self, connection: Connection, tenant: str, made: Sequence[MadeBinding], kept: list[str]
    ) -> tuple[BindingChange, ...]:
        """Bindings that are still as they were made go, or become what they were before."""
        now = await assets.bindings_of(connection, tenant, sorted({each.asset for each in made}))
        held = {(asset, binding.slot): binding.tag_id for asset, each in now.items() for binding in each}
        facts = await assets.tag_facts(
            connection, tenant, [*held.values(), *(each.was.tag_id for each in made if each.was)]
        )
        ours = [each for each in made if held.get((each.asset, each.slot)) == each.tag_id]
        kept += [
            f"{each.asset} {each.slot.property}: somebody has bound it to another tag since."
            for each in made
            if held.get((each.asset, each.slot), each.tag_id) != each.tag_id
        ]
        await assets.unbind(connection, tenant, [(each.asset, each.slot) for each in ours])
        back: dict[str, list[Binding]] = {}
        for each in ours:
            if each.was is not None and each.was.tag_id in facts:
                back.setdefault(each.asset, []).append(each.was)
        await assets.bind(connection, tenant, back)
        return tuple(
            BindingChange(
                each.asset,
                each.slot,
                facts[each.was.tag_id][1] if each.was and each.was.tag_id in facts else "",
                facts[each.tag_id][1],
            )
            for each in ours
        )

    async def _remove_assets(
        self, connection: Connection, tenant: str, application: Application, kept: list[str]
    ) -> tuple[NewAsset, ...]:
        """Assets that it made go, if nothing was bound to them or put below them since."""
        gone: list[NewAsset] = []
        for asset_id in application.assets:
            asset = await assets.find(connection, AssetName(tenant, asset_id))
            if asset is None:
                continue
            if asset.bindings or len(await assets.subtree(connection, asset.name)) > 1:
                kept.append(f"{asset_id}: somebody has bound more to it, or put assets below it, since.")
                continue
            gone.append(
                NewAsset(asset_id, asset.display_name, asset.level, asset.parent, asset.model, asset.model_version)
            )
        await assets.delete(connection, tenant, [asset.asset_id for asset in gone])
        return tuple(gone)

    async def _remove_tags(self, connection: Connection, tenant: str, application: Application, kept: list[str]) -> int:
        """Tags that it made go, if no property is bound to them; their stored samples stay."""
        there = await assets.tag_facts(connection, tenant, application.tag_ids)
        bound = await assets.bound_tags(connection, tenant, application.tag_ids)
        kept += [f"tag {tag_id}: another property is bound to it." for tag_id in sorted(bound & there.keys())]
        gone = sorted(there.keys() - bound)
        if gone:
            await self._tagging.delete_within(connection, tenant, gone)
        return len(gone)

    async def applications(
        self, tenant: str, before: tuple[datetime, uuid.UUID] | None, limit: int
    ) -> Sequence[Application]:
        """What was applied before a (time, id), the latest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await mappings.applications(connection, tenant, before, limit)


def _chosen(groups: Sequence[StoredGroup], choice: MappingChoice) -> list[StoredGroup]:
    """The groups of a choice that are not applied yet, with their twins if asked."""
    known = {group.number: group for group in groups}
    unknown = [str(number) for number in choice.groups if number not in known]
    if unknown:
        raise groups_unknown(unknown)
    if not choice.groups:
        return [group for group in groups if group.applied_asset is None]
    families = {known[number].family for number in choice.groups} if choice.with_twins else set[int]()
    return [
        group
        for group in groups
        if group.applied_asset is None and (group.number in choice.groups or group.family in families)
    ]


def _asset_of(group: StoredGroup, parent: AssetName | None) -> NewAsset:
    return NewAsset(
        asset_id=group.asset_id,
        display_name=group.display_name,
        level=AssetLevel.MACHINE,
        parent=None if parent is None else parent.asset,
        model=group.model,
        model_version=group.model_version,
    )


def _variables(plan: _Plan, library: Library) -> list[VariableChoice]:
    """The variables of a plan, each sampled as its property's model says; the first property of a variable counts."""
    chosen: dict[str, VariableChoice] = {}
    for group, _, matches in plan.groups:
        model = library.whole(group.model, group.model_version)
        for match in matches:
            known = model.property(match.slot.property) if model is not None else None
            default = known.sampling if known is not None else None
            chosen.setdefault(match.node_id, _sampled(match.node_id, default))
    return list(chosen.values())


def _sampled(node_id: str, default: SamplingDefault | None) -> VariableChoice:
    if default is None:
        return VariableChoice(node_id, None, None, 0, "")
    kind = DeadbandType.PERCENT if default.deadband_percent else DeadbandType.ABSOLUTE
    acquisition = Acquisition(
        deadband_type=kind if default.deadband else DeadbandType.NONE,
        deadband_value=default.deadband,
        heartbeat_us=default.heartbeat_us,
    )
    return VariableChoice(
        node_id, default.interval_us, default.publishing_us, 0, "", acquisition=acquisition, lenient=True
    )
