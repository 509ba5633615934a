"""The mapping assistant: how names are read, what is proposed, and how good that is on labelled plants."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dualspan_onboarding.asset_models.library import built_in
from dualspan_onboarding.assets import asset_id_for
from dualspan_onboarding.mapping import calibration
from dualspan_onboarding.mapping.assignment import Option, assign
from dualspan_onboarding.mapping.evaluation import Evaluation, evaluate
from dualspan_onboarding.mapping.labelled import LabelledSetError, read_folder
from dualspan_onboarding.mapping.nodes import Plant, PlantObject, PlantVariable
from dualspan_onboarding.mapping.prefixes import common_prefixes
from dualspan_onboarding.mapping.proposals import Assistant, Example, Group
from dualspan_onboarding.mapping.tokens import read_name
from dualspan_runtime.names import SLUG
from plc_sim.plants import make_plant

LABELLED = Path(__file__).parents[2] / "data" / "mapping"


@pytest.fixture(scope="module")
def assistant() -> Assistant:
    return Assistant(built_in().wholes())


def meanings(name: str) -> list[set[str]]:
    return [set(slot.meanings) for slot in read_name(name).slots]


def variable(path: str, data_type: str = "Double", unit: str = "") -> PlantVariable:
    return PlantVariable(f"nsu=urn:x;s={path}", tuple(path.split("/")), data_type, unit=unit)


def proposed(groups: list[Group]) -> dict[str, tuple[str, int]]:
    return {m.variable.browse_path: (m.target.id, m.index) for group in groups for m in group.matches if m.sure}


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("UpperPlatenTemp", ["upper", "platen", "temperature"]),
        ("upr_pltn_tc", ["upper", "platen", "temperature"]),
        ("Zylindertemperatur", ["barrel", "temperature"]),
        ("Öltemperatur", ["oil", "temperature"]),
        ("料筒温度", ["barrel", "temperature"]),
        ("LiaoTongWenDu", ["barrel", "temperature"]),
        ("liaotongwendu", ["barrel", "temperature"]),
        ("N2SupplyPressure", ["nitrogen", "supply", "pressure"]),
        ("SetPoint", ["setpoint"]),
    ],
)
def test_names_of_many_plants_mean_the_same(name: str, concepts: list[str]) -> None:
    found = meanings(name)
    assert len(found) == len(concepts), found
    for have, want in zip(found, concepts, strict=True):
        assert want in have


def test_numbers_and_single_letters_are_kept_apart() -> None:
    assert read_name("ZoneTemp03").numbers == (3,)
    assert read_name("U_L1_N").numbers == (1,)
    assert read_name("CO2_Pressure").numbers == ()
    assert "b" in read_name("Current_b").letters


@given(st.text(max_size=200))
def test_every_name_can_be_read(name: str) -> None:
    read_name(name)


def test_flat_names_show_their_machines() -> None:
    names = [f"IMM{n:02}_{rest}" for n in (1, 2) for rest in ("State", "Cyc_Cnt", "Oil_Tmp", "Brl_Z1")]
    found = common_prefixes([("Tags", name) for name in names])
    assert set(found.values()) == {"IMM01", "IMM02"}
    single = common_prefixes([("IMM", name) for name in ("Brl_Z1", "Brl_Z2", "Brl_Z3", "Oil_Temp", "Cyc_Time")])
    assert single == {}, "a machine's own folder has no machines in it"


def test_each_variable_and_each_property_once() -> None:
    options = [Option(1, 7, 0, 0.9), Option(2, 7, 0, 0.8), Option(1, 8, 0, 0.85), Option(2, 8, 0, 0.3)]
    chosen = assign(options)
    assert {(option.variable, option.column) for option in chosen} == {(1, 7), (2, 8)}


def test_a_close_rival_makes_doubt() -> None:
    clear = assign([Option(1, 7, 0, 0.9), Option(2, 7, 0, 0.4)])[0]
    close = assign([Option(1, 7, 0, 0.9), Option(2, 7, 0, 0.89)])[0]
    assert clear.strength == 0.9
    assert close.strength < 0.6


def test_a_setpoint_is_not_what_is_measured(assistant: Assistant) -> None:
    plant = Plant(
        (
            variable("Press 1/InternalPressureSetpoint", unit="bar"),
            variable("Press 1/InternalPressureHighLimit", unit="bar"),
            variable("Press 1/UpperPlatenTemperature", unit="°C"),
            variable("Press 1/BladderTemperature", unit="°C"),
            variable("Press 1/CureStep", "Int32"),
            variable("Press 1/Setpoints/LowerPlatenTemperature", unit="°C"),
        )
    )
    found = proposed(assistant.propose(plant))
    assert "internal-pressure" not in {name for name, _ in found.values()}
    assert "lower-platen-temperature" not in {name for name, _ in found.values()}
    assert found["Press 1/UpperPlatenTemperature"] == ("upper-platen-temperature", 0)


def test_a_unit_that_measures_something_else_says_no(assistant: Assistant) -> None:
    lines = ["UpperPlaten", "LowerPlaten", "Jacket", "CureStep", "BladderPressure"]
    kinds = {"CureStep": ("Int32", ""), "BladderPressure": ("Double", "°C")}
    plant = Plant(tuple(variable(f"Press 1/{each}", *kinds.get(each, ("Double", "°C"))) for each in lines))
    found = proposed(assistant.propose(plant))
    assert "Press 1/BladderPressure" not in found
    assert found["Press 1/UpperPlaten"] == ("upper-platen-temperature", 0), "the unit says what the name does not"


def test_companion_types_go_before_names(assistant: Assistant) -> None:
    general = "nsu=http://opcfoundation.org/UA/PlasticsRubber/GeneralTypes/;"
    unit = "Unit/Zones/Zone_2"
    plant = Plant(
        variables=(
            variable(f"{unit}/ActualTemperature"),
            variable(f"{unit}/NominalTemperature"),
            variable("Unit/Jobs/Values/JobGoodPartsCounter", "UInt64"),
            variable("Unit/Jobs/Values/LastCycleTime"),
        ),
        objects=(
            PlantObject(("Unit",), "nsu=http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/;IMM_MES_InterfaceType"),
            PlantObject(tuple(unit.split("/")), f"{general}BarrelTemperatureZoneType"),
            PlantObject(("Unit", "Jobs", "Values"), f"{general}ActiveCyclicJobValuesType"),
        ),
    )
    (group,) = assistant.propose(plant)
    assert group.model.id == "injection-moulding-machine"
    assert "IMM_MES_InterfaceType" in group.reason
    found = proposed([group])
    assert found[f"{unit}/ActualTemperature"] == ("barrel-temperature", 2)
    assert found[f"{unit}/NominalTemperature"] == ("barrel-temperature-setpoint", 2)
    assert found["Unit/Jobs/Values/LastCycleTime"] == ("cycle-time", 0)
    (match,) = [m for m in group.matches if m.target.id == "good-count"]
    assert "ActiveCyclicJobValuesType" in match.reason


def test_an_accepted_machine_pulls_its_twins(assistant: Assistant) -> None:
    names = ["State", "GoodCount", "Bladder/Pressure", "Upper", "Lower", "Zweck7"]
    types = {"State": "Int32", "GoodCount": "UInt32"}
    plant = Plant(
        tuple(variable(f"Hall/Press {n}/{name}", types.get(name, "Double")) for n in (1, 2) for name in names)
    )
    places: dict[tuple[str, ...], tuple[str, int]] = {
        ("State",): ("state", 0),
        ("GoodCount",): ("good-count", 0),
        ("Upper",): ("jacket-temperature", 0),
        ("Zweck7",): ("cure-time", 0),
    }
    example = Example("press-9", "tyre-curing-press", places)
    before = proposed(assistant.propose(plant))
    assert "Hall/Press 1/Zweck7" not in before
    after = assistant.propose(plant, [example])
    found = proposed(after)
    assert found["Hall/Press 1/Zweck7"] == found["Hall/Press 2/Zweck7"] == ("cure-time", 0)
    assert found["Hall/Press 2/Upper"] == ("jacket-temperature", 0)
    reasons = {m.target.id: m.reason for m in after[0].matches}
    assert "press-9" in reasons["cure-time"]


NAMES = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12
) | st.sampled_from(["Press01", "Temp", "State", "IMM_1", "Count", "锁模力", "Z1", "Pressure", ".", "_", "Good"])
TYPES = st.sampled_from(["Double", "Int32", "Boolean", "String", "Structure", "DateTime", ""])
UNITS = st.sampled_from(["", "°C", "bar", "kWh", "%", "xyz"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=4), TYPES, UNITS), max_size=30))
def test_whatever_a_server_is_called_nothing_is_proposed_twice(
    assistant: Assistant, stated: list[tuple[list[str], str, str]]
) -> None:
    plant = Plant(
        tuple(
            PlantVariable(f"s={number}", tuple(path), data_type, unit=unit)
            for number, (path, data_type, unit) in enumerate(stated)
        )
    )
    groups = assistant.propose(plant)
    ids = [match.variable.node_id for group in groups for match in group.matches]
    assert len(ids) == len(set(ids))
    for group in groups:
        slots = [(match.target.id, match.index) for match in group.matches]
        assert len(slots) == len(set(slots))
        assert all(0.0 <= match.confidence <= 1.0 and match.reason for match in group.matches)
        here = [*(m.variable.node_id for m in group.matches), *(v.node_id for v in group.unmatched)]
        assert len(here) == len(set(here))


def measured(folder: str, assistant: Assistant) -> Evaluation:
    return evaluate(read_folder(LABELLED / folder), assistant)


def test_the_held_out_part_is_mapped_as_promised(assistant: Assistant) -> None:
    found = measured("held_out", assistant)
    assert found.total.labelled > 700
    assert found.total.precision >= 0.95
    assert found.total.recall >= 0.8
    assert found.error < 0.05, "what is said and what is right must be near each other"
    nothing = next(score for score in found.by_industry if score.name == "none")
    assert nothing.proposed == 0, "a building is no machine"


def test_the_simulated_plants_are_mapped(assistant: Assistant) -> None:
    found = measured("simulated", assistant)
    assert found.total.precision >= 0.97
    assert found.total.recall >= 0.97
    assert {score.name for score in found.by_industry} == {"bottling-packaging", "injection-moulding", "tyre-curing"}


@pytest.mark.parametrize("name", ["moulding", "curing", "packaging"])
def test_the_labels_are_those_of_the_simulator(name: str) -> None:
    (labelled,) = [p for p in read_folder(LABELLED / "simulated") if p.name == f"Simulated {name}"]
    signals = {f"Machines/{v.identifier}": v.signal for v in make_plant(name, 1).variables.values()}
    for each in labelled.plant.variables:
        if labelled.labels[each.node_id].property:
            assert each.browse_path in signals, f"{each.browse_path} is gone: label what came in its place"
            signal = signals[each.browse_path]
            assert each.unit == (signal.unit.symbol if signal.unit else "")
            assert each.display_name == signal.label
            assert (each.value_rank > 0) == bool(signal.length)


def test_the_calibration_is_what_the_development_set_gives(assistant: Assistant) -> None:
    found = measured("development", assistant)
    curve = calibration.fit([j.match.strength for j in found.judged], [j.right for j in found.judged])
    for strength in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        stored = calibration.MEASURED.confidence(strength)
        assert curve.confidence(strength) == pytest.approx(stored, abs=0.05), "run evaluate --fit and store the curve"


def test_all_right_or_all_wrong_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="right and matches that were wrong"):
        calibration.fit([0.5, 0.9], [True, True])


def test_a_file_that_is_no_labelled_plant_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelledSetError, match=r"has no \*\.yaml"):
        read_folder(tmp_path)
    (tmp_path / "broken.yaml").write_text("server: x\nvariables: 7\n")
    with pytest.raises(LabelledSetError, match=r"broken\.yaml"):
        read_folder(tmp_path)


@given(st.text(max_size=80), st.sets(st.text(alphabet="abc-1", min_size=1, max_size=5), max_size=20))
def test_every_machine_gets_an_id_of_its_own(name: str, taken: set[str]) -> None:
    made = asset_id_for(name, "tyre-curing-press", taken)
    assert SLUG.fullmatch(made)
    assert made not in taken


@pytest.mark.parametrize(
    ("name", "asset_id"),
    [
        ("Line1Filler", "line1-filler"),
        ("3号硫化机", "tyre-curing-press-3"),
        ("Press[12]", "press-12"),
        ("", "tyre-curing-press"),
    ],
)
def test_ids_are_readable(name: str, asset_id: str) -> None:
    assert asset_id_for(name, "tyre-curing-press", set()) == asset_id
