"""The mapping assistant's use cases: propose, look, correct."""

import asyncio
import dataclasses
import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from dualspan_onboarding.asset_models.library import Library
from dualspan_onboarding.asset_models.model import AssetModel
from dualspan_onboarding.assets import (
    Correction,
    ProposalName,
    Slot,
    StoredGroup,
    StoredMatch,
    StoredProposal,
    UnitConversion,
    asset_id_for,
)
from dualspan_onboarding.browsed import BrowsedNode, BrowsedType
from dualspan_onboarding.errors.assets import (
    group_applied,
    groups_unknown,
    model_unknown,
    nodes_not_of_group,
    proposal_unknown,
    too_many_variables,
    too_many_words,
)
from dualspan_onboarding.mapping.calibration import SURE
from dualspan_onboarding.mapping.nodes import Plant, PlantObject, PlantVariable, names_below
from dualspan_onboarding.mapping.proposals import Assistant, Example, Group, Match
from dualspan_onboarding.mapping.vocabulary import VocabularyTooLargeError
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.rules import below, check_browse_path, check_text
from dualspan_onboarding.service.asset_models import library_of
from dualspan_onboarding.service.assets import check_slots, converted
from dualspan_onboarding.service.browsing import snapshot_of
from dualspan_onboarding.store import assets, browses, mappings
from dualspan_runtime.database import Connection, Database

_MOST_VARIABLES = 20_000
_KEPT_ASSISTANTS = 4
_SAID = "somebody has said so"


def plant_of(nodes: Sequence[BrowsedNode], objects: Sequence[BrowsedNode], types: Mapping[str, BrowsedType]) -> Plant:
    """What a browse found, as the assistant looks at it."""
    return Plant(
        variables=tuple(_variable(node) for node in nodes),
        objects=tuple(
            PlantObject(tuple(node.browse_path.split("/")), name) for node in objects for name in _types(node, types)
        ),
    )


def _variable(node: BrowsedNode) -> PlantVariable:
    path = tuple(node.browse_path.split("/"))
    stated = node.details.engineering_units
    return PlantVariable(
        node_id=node.node_id,
        path=path,
        data_type=node.data_type,
        display_name="" if node.display_name == path[-1] else node.display_name,
        description=node.description,
        value_rank=node.value_rank,
        unit=node.unit or (stated.display_name if stated else ""),
        unit_code=stated.unece_code if stated else "",
        states=tuple(each.name for each in node.details.enum_values),
    )


def _types(node: BrowsedNode, types: Mapping[str, BrowsedType]) -> list[str]:
    """The names of an object's type and of all that it is a subtype of; a loop ends where it closes."""
    names, here = ([node.type_name] if node.type_name else []), node.type_definition
    seen: set[str] = set()
    while here in types and here not in seen:
        seen.add(here)
        names.append(types[here].browse_name)
        here = types[here].supertype
    return list(dict.fromkeys(name for name in names if name.startswith("nsu=")))


def stored(group: Group, number: int, asset_id: str) -> StoredGroup:
    """A proposed machine as it is kept."""
    return StoredGroup(
        number=number,
        browse_path=group.path,
        display_name=group.name or group.model.names.en,
        asset_id=asset_id,
        model=group.model.id,
        model_version=group.model.version,
        confidence=group.confidence,
        reason=group.reason,
        family=group.family,
        matches=tuple(_stored_match(match) for match in group.matches),
        unmatched=tuple(variable.browse_path for variable in group.unmatched),
    )


def _stored_match(match: Match) -> StoredMatch:
    known = match.conversion
    return StoredMatch(
        node_id=match.variable.node_id,
        browse_path=match.variable.browse_path,
        slot=Slot(match.target.id, match.index),
        confidence=match.confidence,
        reason=match.reason,
        unit=match.variable.unit,
        conversion=UnitConversion(
            known.factor if known else 1.0, known.offset if known else 0.0, known=known is not None
        ),
    )


def _numbered(groups: Sequence[Group], taken: set[str]) -> list[StoredGroup]:
    """Groups with a number each, and an asset's id that is not taken."""
    found: list[StoredGroup] = []
    for number, group in enumerate(groups, 1):
        asset_id = asset_id_for(group.name or group.path, group.model.id, taken)
        taken.add(asset_id)
        found.append(stored(group, number, asset_id))
    return found


class Mappings:
    """The use cases around proposals.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Making one takes longer than using it; models change seldom.
        self._assistants: OrderedDict[str, Assistant] = OrderedDict()

    async def propose(
        self, server: ServerName, prefix: str, model_ids: Sequence[str], *, reuse: bool = False
    ) -> StoredProposal:
        """Look at what the last browse of a server found, and keep what it probably is.

        Args:
            server: Which one.
            prefix: Only variables below this browse path; all if empty.
            model_ids: Only these models; all if empty.
            reuse: The last proposal that looked at the same is taken, with what people have corrected in it.

        Raises:
            InvalidArgument: No browse path begins like this.
            NotFound: There is no such server or model.
            FailedPrecondition: The server has not been browsed, or has too many variables for one look.
        """
        path = below(check_browse_path(prefix))
        tenant = server.tenant
        async with self._database.transaction(tenant, readonly=True) as connection:
            snapshot = await snapshot_of(connection, server)
            scope = mappings.Scope(snapshot, path, tuple(model_ids))
            if reuse and (known := await mappings.latest(connection, server, scope)) is not None:
                return await self._found(connection, known)
            nodes = await browses.nodes_below(connection, tenant, snapshot, path, _MOST_VARIABLES + 1)
            if len(nodes) > _MOST_VARIABLES:
                raise too_many_variables(_MOST_VARIABLES)
            objects = await browses.objects_below(connection, tenant, snapshot, path)
            types = await browses.types_of(connection, tenant, snapshot)
            library = await library_of(connection, tenant)
            examples = await self._examples(connection, tenant)
        assistant = self._assistant(_models(library, model_ids))
        # Numbers and words only: beside the loop that serves the gateways' streams.
        groups = await asyncio.to_thread(assistant.propose, plant_of(nodes, objects, types), examples)
        name = ProposalName(tenant, uuid.uuid4())
        async with self._database.transaction(tenant) as connection:
            await assets.lock(connection, tenant)
            # Who asked at the same time has one already; another one would take theirs away.
            if reuse and (known := await mappings.latest(connection, server, scope)) is not None:
                return await self._found(connection, known)
            kept = _numbered(groups, await assets.ids(connection, tenant))
            await mappings.insert(connection, name, server, scope, len(nodes), kept)
            return await self._found(connection, name)

    def _assistant(self, models: Sequence[AssetModel]) -> Assistant:
        """An assistant for these models; the last few are kept."""
        texts = "\0".join(f"{m.id} {m.version} {m.source}" for m in models)
        key = hashlib.sha256(texts.encode()).hexdigest()
        try:
            found = self._assistants.pop(key, None) or Assistant(models)
        except VocabularyTooLargeError as err:
            raise too_many_words() from err
        self._assistants[key] = found
        while len(self._assistants) > _KEPT_ASSISTANTS:
            self._assistants.popitem(last=False)
        return found

    async def _examples(self, connection: Connection, tenant: str) -> list[Example]:
        """What people have accepted: the places of bound tags, one example for each machine that was applied."""
        rows = await mappings.accepted_places(connection, tenant)
        places: dict[tuple[str, str], dict[tuple[str, ...], tuple[str, int]]] = {}
        for row in rows:
            below_root = names_below(row.root, row.browse_path)
            places.setdefault((row.asset, row.model), {})[below_root] = (row.slot.property, row.slot.number)
        return [Example(asset, model, each) for (asset, model), each in places.items()]

    async def _found(self, connection: Connection, name: ProposalName) -> StoredProposal:
        proposal = await mappings.find(connection, name, SURE)
        if proposal is None:
            raise proposal_unknown(name)
        return proposal

    async def get(self, name: ProposalName) -> StoredProposal:
        """One proposal in numbers; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await self._found(connection, name)

    async def page_of_groups(self, name: ProposalName, after: int, limit: int) -> Sequence[StoredGroup]:
        """The machines after a number, in order of browse path; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            await self._found(connection, name)
            return await mappings.groups_after(connection, name, after, limit)

    async def correct(
        self,
        name: ProposalName,
        group: int,
        corrections: Sequence[Correction],
        display_name: str,
        *,
        with_twins: bool,
    ) -> Sequence[StoredGroup]:
        """Change what is proposed for a machine, and for its twins at the same places if asked.

        Raises:
            InvalidArgument: The model has no such property, or it is named twice.
            NotFound: There is no such proposal, group or variable.
            FailedPrecondition: The machine is applied already.
        """
        display_name = check_text(display_name, "display_name")
        async with self._database.transaction(name.tenant) as connection:
            server = await mappings.lock(connection, name)
            if server is None:
                raise proposal_unknown(name)
            groups = {each.number: each for each in await mappings.groups_after(connection, name, 0, None)}
            chosen = groups.get(group)
            if chosen is None:
                raise groups_unknown([str(group)])
            if chosen.applied_asset is not None:
                raise group_applied(group, chosen.applied_asset)
            model = (await library_of(connection, name.tenant)).whole(chosen.model, chosen.model_version)
            if model is None:
                raise model_unknown(chosen.model, chosen.model_version)
            check_slots(model, [each.slot for each in corrections if each.slot.property])
            snapshot = await snapshot_of(connection, server)
            nodes = await browses.nodes_below(connection, name.tenant, snapshot, "", _MOST_VARIABLES)
            changed = [_corrected(chosen, corrections, model, nodes, display_name)]
            if with_twins:
                changed += _twins(changed[0], chosen, corrections, groups.values(), model, nodes)
            await mappings.replace(connection, name, changed)
            return sorted(changed, key=lambda each: each.number)


def _models(library: Library, model_ids: Sequence[str]) -> Sequence[AssetModel]:
    """The models that machines can be of: those that are named, or all."""
    models = library.wholes()
    unknown = [model_id for model_id in model_ids if all(model.id != model_id for model in models)]
    if unknown:
        raise model_unknown(unknown[0])
    return [model for model in models if not model_ids or model.id in model_ids]


def _corrected(
    group: StoredGroup,
    corrections: Sequence[Correction],
    model: AssetModel,
    nodes: Sequence[BrowsedNode],
    display_name: str = "",
) -> StoredGroup:
    """A group after corrections: a variable or property that is named anew loses what was proposed for it."""
    paths = {*(match.browse_path for match in group.matches), *group.unmatched}
    by_id = {node.node_id: node for node in nodes if node.browse_path in paths}
    missing = [each.node_id for each in corrections if each.node_id not in by_id]
    if missing:
        raise nodes_not_of_group(missing)
    freed_nodes = {each.node_id for each in corrections}
    freed_slots = {each.slot for each in corrections if each.slot.property}
    kept = [m for m in group.matches if m.node_id not in freed_nodes and m.slot not in freed_slots]
    made = [_said(by_id[each.node_id], each.slot, model) for each in corrections if each.slot.property]
    matched = {match.browse_path for match in (*kept, *made)}
    return dataclasses.replace(
        group,
        display_name=display_name or group.display_name,
        matches=tuple(sorted((*kept, *made), key=lambda match: (-match.confidence, match.browse_path))),
        unmatched=tuple(sorted(paths - matched)),
    )


def _said(node: BrowsedNode, slot: Slot, model: AssetModel) -> StoredMatch:
    target = model.property(slot.property)
    assert target is not None  # noqa: S101 - check_slots has looked
    variable = _variable(node)
    return StoredMatch(
        node.node_id, node.browse_path, slot, 1.0, _SAID, variable.unit, converted(variable.unit, target)
    )


def _twins(
    changed: StoredGroup,
    before: StoredGroup,
    corrections: Sequence[Correction],
    groups: Iterable[StoredGroup],
    model: AssetModel,
    nodes: Sequence[BrowsedNode],
) -> list[StoredGroup]:
    """The twins of a group, corrected at the same places."""
    path_of = {node.node_id: node.browse_path for node in nodes}
    node_at = {node.browse_path: node.node_id for node in nodes}
    found: list[StoredGroup] = []
    for twin in groups:
        if twin.family != before.family or twin.number == changed.number or twin.applied_asset is not None:
            continue
        moved = [
            Correction(node_at[path], each.slot)
            for each in corrections
            if (path := twin.browse_path + path_of[each.node_id].removeprefix(before.browse_path)) in node_at
        ]
        found.append(_corrected(twin, moved, model, nodes))
    return found
