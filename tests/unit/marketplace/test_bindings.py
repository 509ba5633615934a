"""Matching of needs with plants, and what is granted of a choice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_manifest import Manifest, PropertyNeed, Requirement, ValueKind, parse
from dualspan_marketplace.bindings.matching import choose, propose
from dualspan_marketplace.bindings.model import Asset, AssetProperty, Slot
from harness.marketplace import MANIFEST

SAMPLE = parse(MANIFEST)


def manifest(*needs: PropertyNeed, models: tuple[str, ...] = (), minimum: int = 1, maximum: int = 9) -> Manifest:
    return replace(SAMPLE, requires=(Requirement("machine", models, minimum, maximum, needs),))


def asset(asset_id: str = "press-1", model: str = "press", **properties: AssetProperty) -> Asset:
    named = {name.replace("_", "-"): found for name, found in properties.items()}
    return Asset(asset_id, asset_id, frozenset({model, "production-machine"}), named)


def bound(kind: ValueKind = ValueKind.FLOAT64, unit: str = "", tag: int = 1, **slot: object) -> AssetProperty:
    made = replace(Slot(0, tag, 1.0, 0.0, unit_known=True), **slot)  # type: ignore[arg-type]
    return AssetProperty(kind, unit, (made,))


@pytest.mark.parametrize(
    ("need", "found", "reason"),
    [
        (PropertyNeed("p", ValueKind.NUMBER), bound(ValueKind.INT64), ""),
        (PropertyNeed("p", ValueKind.FLOAT64), bound(ValueKind.INT64), "float64 is needed"),
        (PropertyNeed("p", ValueKind.TEXT), AssetProperty(None, "", ()), "a structure"),
        (PropertyNeed("p", ValueKind.NUMBER), AssetProperty(ValueKind.FLOAT64, "", ()), "No tag is bound"),
        (PropertyNeed("p", ValueKind.NUMBER, unit="kW"), bound(unit="W"), ""),
        (PropertyNeed("p", ValueKind.NUMBER, unit="kW"), bound(unit="kvar"), "kW is needed"),
        (PropertyNeed("p", ValueKind.NUMBER, unit="kW"), bound(), "no unit"),
        (PropertyNeed("p", ValueKind.NUMBER, unit="kW"), bound(unit="W", unit_known=False), "Nobody knows"),
        (PropertyNeed("p", ValueKind.NUMBER), bound(unit="W", unit_known=False), ""),
        (PropertyNeed("p", ValueKind.NUMBER, dimension="temperature"), bound(unit="[degF]"), ""),
        (PropertyNeed("p", ValueKind.NUMBER, dimension="temperature"), bound(unit="bar"), "temperature is needed"),
        (PropertyNeed("q", ValueKind.NUMBER), bound(), "has no q"),
    ],
)
def test_what_does_not_fit_is_told(need: PropertyNeed, found: AssetProperty, reason: str) -> None:
    others = PropertyNeed("p", ValueKind.NUMBER, optional=True)
    wanted = manifest(need, others) if need.property == "q" else manifest(need)
    (proposal,) = propose(wanted, [asset(p=found)])
    (fit,) = proposal.fits
    assert fit.suits == (not reason)
    assert bool(fit.tags) == fit.suits
    if reason:
        assert reason in fit.missing[0].reason
        assert fit.missing[0].advice


def test_values_come_in_the_unit_that_was_asked_for() -> None:
    need = PropertyNeed("temperature", ValueKind.NUMBER, unit="Cel")
    # The tag counts tenths of a degree; the model has degrees Fahrenheit.
    found = bound(unit="[degF]", factor=0.1)
    (proposal,) = propose(manifest(need), [asset(temperature=found)])
    (tag,) = proposal.fits[0].tags
    assert 2120 * tag.factor + tag.offset == pytest.approx(100.0)
    assert tag.unit == "Cel"


def test_optional_properties_are_granted_where_they_are() -> None:
    needs = (PropertyNeed("a", ValueKind.NUMBER), PropertyNeed("b", ValueKind.NUMBER, optional=True))
    (proposal,) = propose(manifest(*needs), [asset("x", a=bound(tag=1)), asset("y", a=bound(tag=2), b=bound(tag=3))])
    assert {fit.asset.id: [tag.tag_id for tag in fit.tags] for fit in proposal.fits} == {"x": [1], "y": [2, 3]}
    assert [misfit.property for misfit in proposal.fits[0].without] == ["b"]


def test_models_and_what_extends_them_play_a_role_and_others_are_not_named() -> None:
    wanted = manifest(PropertyNeed("a", ValueKind.NUMBER), models=("production-machine",))
    other = replace(asset("meter", a=bound()), lineage=frozenset({"energy-meter"}))
    (proposal,) = propose(wanted, [asset("x", a=bound()), other, asset("z", c=bound())])
    assert [fit.asset.id for fit in proposal.fits] == ["x"]


def test_a_choice_grants_exactly_its_assets() -> None:
    plant = [asset(f"m{n}", a=bound(tag=n), b=bound(tag=100 + n)) for n in range(4)]
    proposals = propose(manifest(PropertyNeed("a", ValueKind.NUMBER), maximum=3), plant)
    tags, problems = choose(proposals, {"machine": ["m1", "m3", "m1"]}, 0)
    assert ([tag.tag_id for tag in tags], problems) == ([1, 3], ())
    assert choose(proposals, {}, 0)[1] == ("4 assets are machine, 1 to 3 are needed.",)
    assert choose(proposals, {"machine": ["m1", "m2"]}, 1)[1] == ("The plan allows 1 assets, 2 were chosen.",)
    assert choose(proposals, {"machine": ["m9"]}, 0) == (
        (),
        ("m9 cannot be machine: it is no asset that has any of the properties.",),
    )
    assert choose(proposals, {"robot": ["m1"], "machine": ["m1"]}, 0)[1] == ("The app has no role 'robot'.",)


PROPERTIES = st.sampled_from(["a", "b", "c"])


@given(
    st.dictionaries(PROPERTIES, st.booleans(), min_size=1),
    st.lists(st.dictionaries(PROPERTIES, st.integers(1, 999), max_size=3), max_size=5),
)
def test_nothing_is_granted_that_was_not_asked_for(needs: dict[str, bool], plant: list[dict[str, int]]) -> None:
    wanted = [PropertyNeed(name, ValueKind.NUMBER, optional=optional) for name, optional in needs.items()]
    assets = [
        replace(asset(f"m{n}"), properties={name: bound(tag=tag) for name, tag in has.items()})
        for n, has in enumerate(plant)
    ]
    proposals = propose(manifest(*wanted, minimum=0), assets)
    tags, _ = choose(proposals, {}, 0)
    has = {f"m{n}": found for n, found in enumerate(plant)}
    assert all(tag.property in needs and has[tag.asset_id][tag.property] == tag.tag_id for tag in tags)
    required = {name for name, optional in needs.items() if not optional}
    assert all(required <= has[tag.asset_id].keys() for tag in tags)
