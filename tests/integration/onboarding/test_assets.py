"""Assets and asset models, on a real database."""

import asyncio

import pytest

from dualspan_onboarding.assets import AssetChange, AssetLevel, AssetName, NewAsset, Slot
from dualspan_onboarding.names import TagName
from dualspan_onboarding.service.asset_models import AssetModels
from dualspan_onboarding.service.assets import Assets
from dualspan_runtime.errors import AlreadyExists, DomainError, FailedPrecondition, InvalidArgument, NotFound
from harness.onboarding import UseCases, everything, variable

OWN = """
schema: dualspan.asset-model/1
id: retread-press
version: 1.0.0
industry: tyre-curing
names: {en: Retreading press, zh: 翻新硫化机}
extends: [tyre-curing-press]
properties:
  - id: envelope-pressure
    names: {en: Envelope pressure, zh: 包封套压力}
    kind: float64
    unit: bar
    role: measurement
    domain: production
"""


@pytest.fixture
def assets(use_cases: UseCases) -> Assets:
    return Assets(use_cases.database)


@pytest.fixture
def models(use_cases: UseCases) -> AssetModels:
    return AssetModels(use_cases.database)


def named(asset: str, tenant: str = "acme") -> AssetName:
    return AssetName(tenant, asset)


def machine(asset_id: str, model: str = "tyre-curing-press", parent: str | None = None) -> NewAsset:
    return NewAsset(asset_id, "", AssetLevel.MACHINE, parent, model, "")


async def tree(assets: Assets) -> None:
    await assets.create("acme", NewAsset("luoyang", "Luoyang", AssetLevel.SITE, None, "", ""))
    await assets.create("acme", NewAsset("hall-b", "", AssetLevel.AREA, "luoyang", "", ""))
    await assets.create("acme", machine("press-1", parent="hall-b"))


async def reason_of(coroutine: object) -> str:
    with pytest.raises(DomainError) as refused:
        await coroutine  # pyright: ignore[reportGeneralTypeIssues]
    return refused.value.reason


async def test_assets_form_the_tree_of_isa95(assets: Assets) -> None:
    await tree(assets)
    press = await assets.get(named("press-1"))
    assert (press.parent, press.model_version, press.display_name) == ("hall-b", "1.0.0", "press-1")
    assert await reason_of(assets.create("acme", machine("press-2", parent="press-1"))) == "LEVEL_MISMATCH"
    area = NewAsset("hall-c", "", AssetLevel.AREA, "hall-b", "", "")
    assert await reason_of(assets.create("acme", area)) == "LEVEL_MISMATCH"
    assert await reason_of(assets.create("acme", machine("press-1"))) == "ASSET_EXISTS"
    assert await reason_of(assets.create("acme", machine("press-2", model="teapot"))) == "ASSET_MODEL_NOT_FOUND"
    assert (
        await reason_of(assets.create("acme", machine("press-2", model="electrical-load"))) == "ASSET_MODEL_NOT_FOUND"
    )
    assert await reason_of(assets.create("acme", machine("press-2", parent="nowhere"))) == "ASSET_NOT_FOUND"
    assert await reason_of(assets.create("acme", machine("Press 2"))) == "MALFORMED_ID"


async def test_a_part_of_the_tree_is_listed_moved_and_deleted(assets: Assets) -> None:
    await tree(assets)
    await assets.create("acme", machine("press-2"))
    under = await assets.page("acme", under=named("luoyang"), model="", after="", limit=10)
    assert [asset.name.asset for asset in under] == ["hall-b", "luoyang", "press-1"]
    presses = await assets.page("acme", under=None, model="tyre-curing-press", after="press-1", limit=10)
    assert [asset.name.asset for asset in presses] == ["press-2"]
    moved = await assets.update(named("press-2"), AssetChange(parent="hall-b", display_name=" Press two "))
    assert (moved.parent, moved.display_name) == ("hall-b", "Press two")
    top = await assets.update(named("press-2"), AssetChange(parent=""))
    assert top.parent is None
    with pytest.raises(FailedPrecondition) as refused:
        await assets.delete(named("luoyang"), with_descendants=False)
    assert refused.value.reason == "ASSET_HAS_PARTS"
    await assets.delete(named("luoyang"), with_descendants=True)
    left = await assets.page("acme", under=None, model="", after="", limit=10)
    assert [asset.name.asset for asset in left] == ["press-2"]


async def test_properties_are_bound_in_their_unit(assets: Assets, use_cases: UseCases) -> None:
    _, server = await use_cases.plant(
        [variable(1, unit="MPa"), variable(2, unit="°C"), variable(3, unit=""), variable(4, unit="kN")]
    )
    bar, celsius, unknown, _ = (await use_cases.tagging.accept(server, everything())).tag_ids
    await assets.create("acme", machine("press-1"))

    def tag(number: int) -> TagName:
        return TagName("acme", number)

    pressure, nitrogen = Slot("internal-pressure", 0), Slot("nitrogen-pressure", 0)
    bound = await assets.bind(named("press-1"), [(pressure, tag(bar)), (nitrogen, tag(unknown))], [])
    conversions = {binding.slot: binding.conversion for binding in bound.bindings}
    assert (conversions[pressure].factor, conversions[pressure].known) == (10.0, True)
    assert not conversions[nitrogen].known
    wrong = assets.bind(named("press-1"), [(nitrogen, tag(bar)), (pressure, tag(celsius))], [])
    assert await reason_of(wrong) == "UNIT_MISMATCH"
    assert (await assets.get(named("press-1"))).bindings == bound.bindings, "all or nothing"
    for slot in (Slot("teapot", 0), Slot("internal-pressure", 3), Slot("internal-pressure", -1)):
        assert await reason_of(assets.bind(named("press-1"), [(slot, tag(bar))], [])) == "PROPERTY_UNKNOWN"
    twice = assets.bind(named("press-1"), [(pressure, tag(bar)), (pressure, tag(unknown))], [])
    assert await reason_of(twice) == "PROPERTIES_REPEATED"
    assert await reason_of(assets.bind(named("press-1"), [(pressure, tag(999_999))], [])) == "TAG_NOT_FOUND"
    freed = await assets.bind(named("press-1"), [], [pressure])
    assert [binding.slot for binding in freed.bindings] == [nitrogen]
    await use_cases.tagging.delete("acme", [tag(unknown)])
    assert (await assets.get(named("press-1"))).bindings == (), "a tag that is gone is bound to nothing"


async def test_a_tenants_models_stand_beside_the_platforms(assets: Assets, models: AssetModels) -> None:
    made = await models.create("acme", OWN)
    assert not made.built_in
    assert {"envelope-pressure", "internal-pressure"} <= {each.id for each in made.model.properties}
    with pytest.raises(AlreadyExists):
        await models.create("acme", OWN)
    newer = OWN.replace("1.0.0", "1.10.0").replace("envelope-pressure", "hose-pressure")
    await models.create("acme", newer)
    await models.create("acme", OWN.replace("1.0.0", "1.9.0"))
    known = await models.get("acme", "retread-press", "")
    assert known.versions == ("1.10.0", "1.9.0", "1.0.0")
    await assets.create("acme", NewAsset("r1", "", AssetLevel.MACHINE, None, "retread-press", "1.9.0"))
    updated = await assets.update(named("r1"), AssetChange(model_version="1.10.0"))
    assert updated.model_version == "1.10.0"
    with pytest.raises(NotFound):
        await models.get("rival", "retread-press", "")
    assert await reason_of(models.create("acme", OWN.replace("retread-press", "cnc-machine"))) == "ASSET_MODEL_BUILT_IN"
    listed = await models.page("acme", "tyre-curing", "", 10)
    assert [each.model.id for each in listed] == ["retread-press", "tyre-curing-press"]


async def test_a_wrong_model_is_refused_with_every_problem(models: AssetModels) -> None:
    broken = OWN.replace("bar", "°C").replace("float64", "float")
    with pytest.raises(InvalidArgument) as refused:
        await models.create("acme", broken)
    assert refused.value.reason == "ASSET_MODEL_INVALID"
    assert "line 11" in refused.value.message
    assert "line 12" in refused.value.message
    known, problems = await models.validate("acme", broken)
    assert known is None
    assert [problem.line for problem in problems] == [11, 12]
    known, problems = await models.validate("acme", OWN)
    assert known is not None
    assert not problems
    with pytest.raises(NotFound):
        await models.get("acme", "retread-press", "")


async def test_two_people_who_move_assets_at_once_make_no_circle(assets: Assets) -> None:
    for asset_id in ("a", "b"):
        await assets.create("acme", NewAsset(asset_id, "", AssetLevel.LINE, None, "", ""))
    await assets.create("acme", NewAsset("s", "", AssetLevel.SITE, None, "", ""))
    moves = [assets.update(named("a"), AssetChange(parent="s")), assets.update(named("b"), AssetChange(parent="s"))]
    await asyncio.gather(*moves)
    under = await assets.page("acme", under=named("s"), model="", after="", limit=10)
    assert [asset.name.asset for asset in under] == ["a", "b", "s"]
