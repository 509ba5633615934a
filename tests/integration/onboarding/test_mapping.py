"""From browsed variables to assets and back, on a real database."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from dualspan_onboarding.assets import (
    Asset,
    AssetLevel,
    AssetName,
    Correction,
    MappingChoice,
    NewAsset,
    ProposalName,
    Slot,
    StoredGroup,
)
from dualspan_onboarding.model import Limits, VariableChoice
from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.service.asset_models import AssetModels
from dualspan_onboarding.service.assets import Assets
from dualspan_onboarding.service.budget import Budgets
from dualspan_onboarding.service.mapping import Mappings
from dualspan_onboarding.service.mapping_changes import MappingChanges
from dualspan_onboarding.service.tagging import Choice
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound
from harness.onboarding import UseCases, variable
from harness.simulated import browsed_plant

ALL = MappingChoice((), with_twins=False, minimum_confidence=0.0, parent=None, accept_over_budget=True)


@dataclass(frozen=True, slots=True)
class Mapper:
    """The use cases of assets beside those of tags."""

    base: UseCases
    assets: Assets
    models: AssetModels
    mappings: Mappings
    changes: MappingChanges

    async def proposed(self, plant: str = "curing") -> tuple[ServerName, ProposalName, Sequence[StoredGroup]]:
        """A proposal for a simulated plant, and its groups."""
        _, server = await self.base.plant(browsed_plant(plant))
        proposal = await self.mappings.propose(server, "", ())
        return server, proposal.name, await self.mappings.page_of_groups(proposal.name, 0, 100)

    async def tree(self) -> dict[str, Asset]:
        found = await self.assets.page("acme", under=None, model="", after="", limit=1000)
        return {asset.name.asset: asset for asset in found}

    async def tag_count(self) -> int:
        return (await self.base.tagging.page("acme", server=None, query="", after=0, limit=1)).total


@pytest.fixture
def mapper(use_cases: UseCases) -> Mapper:
    database = use_cases.database
    return Mapper(
        base=use_cases,
        assets=Assets(database),
        models=AssetModels(database),
        mappings=Mappings(database),
        changes=MappingChanges(database, use_cases.tagging),
    )


def chosen(*groups: int, with_twins: bool = False, parent: AssetName | None = None) -> MappingChoice:
    return MappingChoice(groups, with_twins, 0.0, parent, accept_over_budget=True)


async def test_a_plant_becomes_assets_and_undoing_leaves_nothing(mapper: Mapper) -> None:
    _, name, groups = await mapper.proposed()
    assert [group.model for group in groups] == ["tyre-curing-press"] * 14
    assert len({group.family for group in groups}) == 1
    preview = await mapper.changes.preview(name, ALL)
    assert await mapper.tree() == {}, "a preview changes nothing"
    assert await mapper.tag_count() == 0
    application, difference = await mapper.changes.apply(name, ALL)
    assert (difference.assets, difference.bindings, difference.tags) == (
        preview.assets,
        preview.bindings,
        preview.tags,
    )
    tree = await mapper.tree()
    assert len(tree) == 14
    assert tree["press01"].model == "tyre-curing-press"
    bound = {binding.slot.property for binding in tree["press01"].bindings}
    assert {"state", "good-count", "internal-pressure", "upper-platen-temperature", "active-energy"} <= bound
    assert await mapper.tag_count() == difference.tags == application.bindings
    undone, gone = await mapper.changes.undo(application.name)
    assert undone.undone_at is not None
    assert (len(gone.assets), gone.tags, gone.kept) == (14, difference.tags, ())
    assert await mapper.tree() == {}
    assert await mapper.tag_count() == 0
    with pytest.raises(FailedPrecondition) as refused:
        await mapper.changes.undo(application.name)
    assert refused.value.reason == "APPLICATION_UNDONE"
    again, _ = await mapper.changes.apply(name, ALL)
    assert len(again.assets) == 14, "what was undone can be applied again"


async def test_what_a_proposal_asks_of_a_server_is_what_it_asks_once_it_is_applied(mapper: Mapper) -> None:
    server, name, groups = await mapper.proposed()
    budgets = Budgets(mapper.base.database, mapper.base.commands)
    first = groups[0]
    variables = await mapper.changes.variables(name, [first.number])
    # A person has chosen one of the machine's variables as well, far more slowly: the machine's own interval goes.
    slow = Choice([VariableChoice(variables[0].node_id, None, None, 0, "")], "", 60_000_000, None)
    thought = await mapper.base.tagging.estimate(server, slow, (), "", budgets, variables)
    assert await mapper.tag_count() == 0, "an estimate changes nothing"
    await mapper.changes.apply(name, chosen(first.number))
    applied = await mapper.base.tagging.estimate(server, Choice([], "", None, None), (), "", budgets)
    assert {each.quantity: each.wanted for each in thought.figures} == {
        each.quantity: each.present for each in applied.figures
    }
    with pytest.raises(FailedPrecondition) as refused:
        await mapper.changes.variables(name, [first.number])
    assert refused.value.reason == "NOTHING_TO_APPLY"


async def test_one_machine_pulls_its_twins(mapper: Mapper) -> None:
    _, name, groups = await mapper.proposed()
    one, _ = await mapper.changes.apply(name, chosen(groups[0].number))
    assert one.assets == ("press01",)
    rest, _ = await mapper.changes.apply(name, chosen(groups[1].number, with_twins=True))
    assert len(rest.assets) == 13
    with pytest.raises(FailedPrecondition) as refused:
        await mapper.changes.apply(name, ALL)
    assert refused.value.reason == "NOTHING_TO_APPLY"


async def test_a_correction_reaches_the_twins_and_the_next_proposal(mapper: Mapper) -> None:
    server, name, groups = await mapper.proposed()
    step = next(m for m in groups[0].matches if m.slot.property == "curing-step")
    moved = Correction(step.node_id, Slot("operating-mode", 0))
    changed = await mapper.mappings.correct(name, 1, [moved], "Press at the door", with_twins=True)
    assert len(changed) == 14
    assert changed[0].display_name == "Press at the door"
    for group in changed:
        slots = {match.slot.property: match for match in group.matches}
        assert "curing-step" not in slots
        assert slots["operating-mode"].reason == "somebody has said so"
    await mapper.changes.apply(name, chosen(1))
    again = await mapper.mappings.propose(server, "", ())
    twin = (await mapper.mappings.page_of_groups(again.name, 1, 1))[0]
    learnt = next(match for match in twin.matches if match.slot.property == "operating-mode")
    assert learnt.browse_path == "Machines/Press02/Status/Step"
    assert "press01" in learnt.reason
    assert learnt.confidence > 0.95


async def test_whoever_looks_later_finds_what_was_corrected_until_the_tree_is_read_again(mapper: Mapper) -> None:
    server, name, groups = await mapper.proposed()
    moved = Correction(groups[0].matches[0].node_id, Slot("", 0))
    await mapper.mappings.correct(name, 1, [moved], "Press at the door", with_twins=False)
    assert (await mapper.mappings.propose(server, "", (), reuse=True)).name == name
    await mapper.changes.apply(name, chosen(1))
    found = await mapper.mappings.propose(server, "", (), reuse=True)
    first, second, *_ = await mapper.mappings.page_of_groups(found.name, 0, 100)
    assert (found.name, first.display_name) == (name, "Press at the door")
    assert (first.applied_asset is None, second.applied_asset) == (False, None)
    assert (await mapper.mappings.propose(server, "Machines/Press02", (), reuse=True)).name != name
    session = await mapper.base.sessions.open(server.parent, "1.0", 0)
    await mapper.base.browsed(session, server, browsed_plant("curing"))
    assert (await mapper.mappings.propose(server, "", (), reuse=True)).name != name


async def test_who_asks_at_the_same_time_is_shown_the_same_proposal(mapper: Mapper) -> None:
    _, server = await mapper.base.plant(browsed_plant("curing"))
    one, other = await asyncio.gather(*(mapper.mappings.propose(server, "", (), reuse=True) for _ in range(2)))
    assert one.name == other.name


async def test_what_is_no_property_is_left_alone(mapper: Mapper) -> None:
    _, name, groups = await mapper.proposed()
    state = next(m for m in groups[0].matches if m.slot.property == "state")
    (changed,) = await mapper.mappings.correct(name, 1, [Correction(state.node_id, Slot("", 0))], "", with_twins=False)
    assert "state" not in {match.slot.property for match in changed.matches}
    assert state.browse_path in changed.unmatched
    await mapper.changes.apply(name, chosen(1))
    press = (await mapper.tree())["press01"]
    assert "state" not in {binding.slot.property for binding in press.bindings}


async def test_what_was_changed_since_survives_undoing(mapper: Mapper) -> None:
    _, name, groups = await mapper.proposed()
    application, _ = await mapper.changes.apply(name, chosen(groups[0].number, groups[1].number))
    press = AssetName("acme", "press01")
    before = {b.slot.property: b.tag_id for b in (await mapper.assets.get(press)).bindings}
    other = (await mapper.assets.get(AssetName("acme", "press02"))).bindings
    others_pressure = next(b.tag_id for b in other if b.slot.property == "internal-pressure")
    await mapper.assets.bind(press, [(Slot("internal-pressure", 0), TagName("acme", others_pressure))], ())
    _, gone = await mapper.changes.undo(application.name)
    tree = await mapper.tree()
    assert set(tree) == {"press01"}
    assert [b.slot.property for b in tree["press01"].bindings] == ["internal-pressure"]
    assert any("press01" in words for words in gone.kept)
    assert any(str(others_pressure) in words for words in gone.kept)
    assert await mapper.tag_count() == 1
    assert before["internal-pressure"] != others_pressure


async def test_assets_go_where_the_choice_says(mapper: Mapper) -> None:
    site = NewAsset("luoyang", "Luoyang", AssetLevel.SITE, None, "", "")
    await mapper.assets.create("acme", site)
    await mapper.assets.create("acme", NewAsset("line-1", "", AssetLevel.LINE, "luoyang", "", ""))
    _, name, _ = await mapper.proposed()
    await mapper.changes.apply(name, chosen(1, parent=AssetName("acme", "line-1")))
    under = await mapper.assets.page("acme", under=AssetName("acme", "luoyang"), model="", after="", limit=10)
    assert [asset.name.asset for asset in under] == ["line-1", "luoyang", "press01"]
    with pytest.raises(InvalidArgument) as refused:
        await mapper.changes.apply(name, chosen(2, parent=AssetName("acme", "press01")))
    assert refused.value.reason == "LEVEL_MISMATCH"


async def test_units_are_converted_where_they_differ(mapper: Mapper) -> None:
    nodes = [
        variable(1, browse_path="Hall/Press 1/Bladder Pressure", display_name="", unit="MPa"),
        variable(2, browse_path="Hall/Press 1/Bladder Temperature", display_name="", unit="°F"),
        variable(3, browse_path="Hall/Press 1/Upper Platen Temperature", display_name=""),
        variable(4, browse_path="Hall/Press 1/Lower Platen Temperature", display_name=""),
        variable(5, browse_path="Hall/Press 1/Cure Time", display_name="", unit="min"),
        variable(6, browse_path="Hall/Press 1/Clamping Force", display_name="", unit="furlongs"),
    ]
    _, server = await mapper.base.plant(nodes)
    proposal = await mapper.mappings.propose(server, "", ())
    await mapper.changes.apply(proposal.name, ALL)
    (asset,) = (await mapper.tree()).values()
    conversions = {b.slot.property: b.conversion for b in asset.bindings}
    assert conversions["internal-pressure"].factor == 10.0
    assert conversions["cure-time"].factor == 60.0
    assert conversions["internal-temperature"].offset == pytest.approx(-17.7777777778)
    assert not conversions["clamping-force"].known


async def test_ten_thousand_variables_take_seconds(mapper: Mapper, limits: Limits) -> None:
    curing = browsed_plant("curing")
    one = [node for node in curing if "/Press01/" in node.browse_path]
    nodes = [
        variable(
            number * 100 + n,
            browse_path=node.browse_path.replace("Press01", f"Press{number:03}"),
            display_name=node.display_name,
            data_type=node.data_type,
            unit=node.unit,
            kind=node.kind,
            value_rank=node.value_rank,
        )
        for number in range(10_000 // len(one))
        for n, node in enumerate(one)
    ]
    _, server = await mapper.base.plant(nodes)
    await mapper.mappings.propose(server, "Machines/Press001", ())  # the vocabulary is made once
    began = time.monotonic()
    proposal = await mapper.mappings.propose(server, "", ())
    seconds = time.monotonic() - began
    assert proposal.groups == 10_000 // len(one)
    assert proposal.matched > 0.7 * proposal.variables
    assert seconds < 20, f"took {seconds:.1f} s, which is long even for a busy machine"


async def test_what_is_not_there_is_said(mapper: Mapper) -> None:
    server = await mapper.base.server(await mapper.base.gateway())
    with pytest.raises(FailedPrecondition) as refused:
        await mapper.mappings.propose(server, "", ())
    assert refused.value.reason == "SERVER_NOT_BROWSED"
    with pytest.raises(NotFound):
        await mapper.mappings.propose(ServerName("acme", "g1", "nothing"), "", ())
