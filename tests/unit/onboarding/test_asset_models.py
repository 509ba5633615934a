"""Asset models: what is wrong with a document is said with line and remedy; the platform's own library."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_onboarding.asset_models import units
from dualspan_onboarding.asset_models.library import Library, built_in
from dualspan_onboarding.asset_models.model import AssetModel, Kind
from dualspan_onboarding.asset_models.schema import parse
from dualspan_standards.semver import Version

GOOD = """
schema: dualspan.asset-model/1
id: wave-soldering
version: 1.2.0
industry: electronics
names: {en: Wave soldering machine, zh: 波峰焊机}
extends: [production-machine]
properties:
  - id: solder-temperature
    names: {en: Solder temperature, zh: 锡炉温度}
    kind: float64
    unit: Cel
    role: measurement
    domain: quality
kpis:
  - {kpi: oee, standard: "ISO 22400-2, 9.9", inputs: {state: state, good-quantity: good-count}}
"""


def model_of(source: str) -> AssetModel:
    model, problems = parse(source)
    assert model is not None, problems
    return model


def test_a_model_is_whole_with_what_it_extends() -> None:
    library = built_in().with_models([model_of(GOOD)])
    assert library.problems(model_of(GOOD)) == ()
    whole = library.whole("wave-soldering")
    assert whole is not None
    ids = [each.id for each in whole.properties]
    assert {"solder-temperature", "good-count", "state"} <= set(ids)
    assert whole.state_property == "state"
    assert next(state.packml for state in whole.states) == "Execute"


@pytest.mark.parametrize(
    ("change", "line", "path", "reason", "remedy"),
    [
        (("kind: float64", "kind: float"), 11, "properties[1].kind", "float", "float64"),
        (("unit: Cel", "unit: °C"), 12, "properties[1].unit", "°C", "'Cel'"),
        (("role: measurement", "rule: measurement"), 13, "properties[1].rule", "rule", "role"),
        (("1.2.0", "v1.2"), 4, "version", "v1.2", "1.0.0"),
        (("id: solder-temperature", "id: Solder Temperature"), 9, "properties[1].id", "Solder", "a-z"),
        (
            ("domain: quality", "domain: quality\n    indexed: maybe"),
            15,
            "properties[1].indexed",
            "true or false",
            "quotes",
        ),
        (("    kind: float64\n", ""), 9, "properties[1]", "'kind' is missing", "Add"),
        (("zh: 波峰焊机", "en: Again"), 6, "names.en", "twice", "one"),
        (("schema: dualspan.asset-model/1", "schema: other/2"), 2, "schema", "other/2", "dualspan.asset-model/1"),
    ],
)
def test_a_problem_names_line_place_reason_and_remedy(
    change: tuple[str, str], line: int, path: str, reason: str, remedy: str
) -> None:
    model, problems = parse(GOOD.replace(*change, 1))
    assert model is None
    found = [each for each in problems if each.path == path]
    assert found, problems
    assert found[0].line == line
    assert reason in found[0].reason
    assert remedy in found[0].remedy


def test_every_problem_is_named_in_order_of_line() -> None:
    source = GOOD.replace("Cel", "furlong").replace("float64", "number").replace("1.2.0", "one")
    _, problems = parse(source)
    assert [each.line for each in problems] == [4, 11, 12]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "just words",
        "- a list",
        "[" * 100_000,
        "a: &x [1]\nb: [*x, *x]",
        "a: !!python/object/apply:os.system [ls]",
        "---\na: 1\n---\nb: 2",
        "a: \x00",
        "x" * 300_000,
        "{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}}}}}}",
        "\t- tabs: are\n no: yaml",
    ],
)
def test_what_is_no_model_is_refused_with_a_word(source: str) -> None:
    model, problems = parse(source)
    assert model is None
    assert problems
    assert all(each.reason and each.remedy for each in problems)


@given(st.text(max_size=300))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    model, problems = parse(text)
    assert (model is None) == bool(problems)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), st.integers(0, 30))
def test_no_line_in_a_good_model_makes_the_parser_fail(text: str, place: int) -> None:
    lines: list[str] = list(GOOD.splitlines())
    lines.insert(min(place, len(lines)), text)
    model, problems = parse("\n".join(lines))
    assert (model is None) == bool(problems)


def test_what_does_not_fit_together_is_said() -> None:
    library = built_in()
    stranger = model_of(GOOD.replace("[production-machine]", "[prodution-machine]"))
    assert "prodution-machine" in library.problems(stranger)[0].reason
    unbound = model_of(GOOD.replace("good-quantity: good-count", "good-quantity: goods"))
    assert "'goods'" in library.problems(unbound)[0].reason
    selfish = dataclasses.replace(model_of(GOOD), extends=("wave-soldering",))
    assert library.with_models([selfish]).problems(selfish)


def test_the_newest_version_is_the_one() -> None:
    library = Library([model_of(GOOD.replace("1.2.0", version)) for version in ("1.9.0", "1.10.0-rc.1", "1.10.0")])
    assert list(library.versions("wave-soldering")) == ["1.10.0", "1.10.0-rc.1", "1.9.0"]
    newest = library.find("wave-soldering")
    assert newest is not None
    assert newest.version == "1.10.0"
    assert library.find("wave-soldering", "2.0.0") is None


ORDERED = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]


def test_versions_have_the_order_of_the_standard() -> None:
    versions = [Version.parse(text) for text in [*ORDERED, "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0", "2.0.0"]]
    assert None not in versions
    shuffled = [v for v in versions if v]
    shuffled.reverse()
    assert sorted(shuffled) == versions


@pytest.mark.parametrize("text", ["1.0", "1.0.0.0", "01.0.0", "1.0.0-01", "v1.0.0", "1.0.0-", "1.0.0 ", "١.0.0", ""])
def test_what_is_no_version_is_none(text: str) -> None:
    assert Version.parse(text) is None


def test_the_library_covers_its_industries_with_units_and_standards() -> None:
    library = built_in()
    industries = {model.industry for model in library.wholes()}
    assert {
        "injection-moulding",
        "tyre-curing",
        "bottling-packaging",
        "cnc-machining",
        "compressed-air-energy",
    } <= industries
    for model in library.wholes():
        assert model.names.en
        assert model.names.zh
        for each in model.properties:
            assert each.names.zh, each.id
            if each.kind is Kind.FLOAT64 and not each.unit:
                assert each.id in {"power-factor", "tool-life"}, f"{model.id}.{each.id} has no unit"
    assert library.ancestors("bottle-filler") == {
        "bottle-filler", "packaging-machine", "production-machine", "electrical-load",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sign", "ucum"),
    [
        ("℃", "Cel"),
        ("degC", "Cel"),
        ("MPa", "MPa"),
        ("r/min", "{revolution}/min"),
        ("kW·h", "kW.h"),
        ("转/分", "{revolution}/min"),
    ],
)
def test_signs_of_units_are_known(sign: str, ucum: str) -> None:
    unit = units.recognise(sign)
    assert unit is not None
    assert unit.ucum == ucum


def test_an_unknown_sign_is_none_unless_its_code_is_known() -> None:
    assert units.recognise("furlong") is None
    unit = units.recognise("furlong", "BAR")
    assert unit is not None
    assert unit.ucum == "bar"


@given(st.sampled_from(sorted(units.table())), st.sampled_from(sorted(units.table())), st.floats(-1e6, 1e6))
def test_there_and_back_is_where_one_was(one: str, other: str, value: float) -> None:
    have, want = units.table()[one], units.table()[other]
    there, back = units.conversion(have, want), units.conversion(want, have)
    if have.dimension != want.dimension:
        assert there is None
        return
    assert there is not None
    assert back is not None
    converted = value * there.factor + there.offset
    assert converted * back.factor + back.offset == pytest.approx(value, rel=1e-6, abs=1e-4)


def test_known_conversions() -> None:
    def convert(value: float, have: str, want: str) -> float:
        conversion = units.conversion(units.table()[have], units.table()[want])
        assert conversion is not None
        return value * conversion.factor + conversion.offset

    assert convert(212.0, "[degF]", "Cel") == pytest.approx(100.0)
    assert convert(1.0, "MPa", "bar") == 10.0
    assert convert(2.0, "MW.h", "kW.h") == 2000.0
    assert convert(273.15, "K", "Cel") == pytest.approx(0.0)
    assert convert(1500.0, "ms", "s") == 1.5
