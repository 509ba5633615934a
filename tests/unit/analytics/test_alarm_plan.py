"""From rules and assets to conditions, what is wrong with rules, and checkpoints that survive."""

import dataclasses

import numpy as np
import pytest

from dualspan_analytics.alarms.beginning import begin
from dualspan_analytics.alarms.checkpoint import (
    CheckpointError,
    decode_conditions,
    decode_standing,
    encode_conditions,
    encode_standing,
)
from dualspan_analytics.alarms.evaluation import Samples, evaluate
from dualspan_analytics.alarms.model import alarm_id
from dualspan_analytics.alarms.plan import Texts, make_plan
from dualspan_analytics.alarms.rules import (
    AlarmRule,
    BadData,
    Condition,
    Direction,
    Limit,
    Limits,
    OpcUaConditions,
    Rate,
    Scope,
    Signal,
    SignalKind,
    Stale,
    States,
    Suppression,
    problems,
)
from dualspan_analytics.alarms.table import Measure, Purpose, Standing
from dualspan_analytics.assets import (
    Asset,
    AssetLevel,
    AssetModel,
    AssetTree,
    Binding,
    ModelProperty,
    PropertyRole,
)
from dualspan_frame import ValueKind

HOT = Limits((Limit("HH", 194.0), Limit("H", 176.0)), deadband=9.0)


def tree(*machines: str) -> AssetTree:
    kinds = {"temperature": ("Cel", True), "state": ("", False), "pressure": ("bar", False)}
    properties = {
        name: ModelProperty(name, name, name, ValueKind.FLOAT64, unit, PropertyRole.MEASUREMENT, indexed)
        for name, (unit, indexed) in kinds.items()
    }
    model = AssetModel("press", "1.0.0", "x", "Press", properties, (), ())
    binding = Binding(1, 1.0, 0.0, unit_known=True)
    slots = {("temperature", 1): binding, ("temperature", 2): binding, ("state", 0): binding}
    assets = {name: Asset(name, name, AssetLevel.MACHINE, "hall", "press", "1.0.0", slots) for name in sorted(machines)}
    assets["hall"] = Asset("hall", "hall", AssetLevel.LINE, "", "", "", {})
    return AssetTree(assets, {("press", "1.0.0"): model})


def rule(condition: Condition = HOT, **more: object) -> AlarmRule:
    given: dict[str, object] = {"scope": Scope(model="press"), "name": "temperature", "unit": "[degF]"}
    return AlarmRule("hot", "Too hot", condition=condition, response="Cool it.", **given | more)  # type: ignore[arg-type]


def test_a_rule_on_a_model_is_a_condition_for_each_asset_index_and_limit() -> None:
    plan = make_plan([rule()], tree("p1", "p2"))
    assert [alarm_id(row.key) for row in plan.table.rows] == [
        f"hot.{asset}.{index}.{level}" for asset in ("p1", "p2") for index in (1, 2) for level in ("h", "hh")
    ]
    # 194 °F are 90 °C, and 9 °F of deadband are 5 K.
    assert {(row.key.level, round(row.limit, 6), round(row.deadband, 6)) for row in plan.table.rows} == {
        ("HH", 90.0, 5.0),
        ("H", 80.0, 5.0),
    }


def test_one_bad_rule_leaves_the_others_alone() -> None:
    bad = dataclasses.replace(rule(), rule_id="bad", unit="bar")
    unbound = dataclasses.replace(rule(), rule_id="unbound", name="pressure", unit="bar")
    missing = dataclasses.replace(rule(), rule_id="missing", scope=Scope(("gone",)))
    plan = make_plan([bad, unbound, missing, rule()], tree("p1"))
    assert {row.key.rule for row in plan.table.rows} == {"hot"}
    assert {each.rule for each in plan.troubles} == {"bad", "unbound", "missing"}


def test_a_rule_that_watches_too_much_is_left_out_and_takes_no_others_place() -> None:
    huge = dataclasses.replace(rule(), rule_id="a-huge")
    small = dataclasses.replace(rule(), rule_id="small", scope=Scope(("p1",)))
    plan = make_plan([huge, small], tree("p1", "p2", "p3"), most=10)
    assert {row.key.rule for row in plan.table.rows} == {"small"}
    assert [(each.rule, "too much" in each.text) for each in plan.troubles] == [("a-huge", True)]
    assert {row.key.rule for row in make_plan([huge, small], tree("p1", "p2", "p3"), most=16).table.rows} == {
        "a-huge",
        "small",
    }


def test_rules_of_a_model_below_a_place_that_is_gone_are_all_in_trouble() -> None:
    lost = [dataclasses.replace(rule(), rule_id=name, scope=Scope(model="press", under="gone")) for name in "ab"]
    assert [each.rule for each in make_plan(lost, tree("p1")).troubles] == ["a", "b"]


def test_suppression_is_a_condition_of_its_own() -> None:
    quiet = Suppression("state", States(("idle", "3"), negated=True))
    plan = make_plan([rule(suppressed_while=quiet, index=1)], tree("p1"))
    found = [row for row in plan.table.rows if row.key.purpose is Purpose.SUPPRESSION]
    assert [(row.measure, row.sign) for row in found] == [(Measure.STATE, -1)]


@pytest.mark.parametrize("source", [SignalKind.KPI, SignalKind.ANOMALY])
def test_a_rule_on_a_kpi_or_a_score_is_suppressed_by_a_property_too(source: SignalKind) -> None:
    quiet = Suppression("state", States(("idle",)))
    plan = make_plan([rule(source=source, name="oee", unit="", suppressed_while=quiet)], tree("p1"))
    found = [row for row in plan.table.rows if row.key.purpose is Purpose.SUPPRESSION]
    assert [(row.signal, row.key.index) for row in found] == [(Signal(SignalKind.PROPERTY, "p1", "state"), 0)]
    watched = [row.signal for row in plan.table.rows if row.key.purpose is Purpose.ALARM]
    assert watched == [Signal(source, "p1", "oee")] * 2


def test_texts_numbers_and_truth_have_codes() -> None:
    texts = Texts()
    codes = [texts.code(text) for text in ("idle", "3", "true", "run", "idle")]
    assert codes[0] == codes[4] != codes[3]
    assert codes[1:3] == [3, 1]
    found = texts.columns(np.array(["run", "else", "3", "idle"], object))
    assert found.tolist() == [codes[3], Texts.OTHER, 3.0, codes[0]]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (rule(Limits(())), "limits"),
        (rule(Limits((Limit("H", 1.0), Limit("H", 2.0)))), "limits"),
        (rule(Limits((Limit("X", 1.0),))), "limits"),
        (rule(Limits((Limit("H", float("inf")),))), "limits"),
        (rule(Limits((Limit("H", 10.0), Limit("L", 20.0)))), "limits"),
        (rule(Limits((Limit("H", 10.0), Limit("L", 8.0)), deadband=2.0)), "deadband"),
        (rule(Limits((Limit("H", 10.0),), deadband=float("nan"))), "deadband"),
        (rule(Rate(-1.0, 60_000_000)), "rate.per_minute"),
        (rule(Rate(1.0, 5)), "rate.span"),
        (rule(Rate(1.0, 60_000_000, Direction.RISING, 1.0)), "deadband"),
        (rule(States(())), "states"),
        (rule(States((str(1 << 31),))), "states"),
        (rule(Stale(1)), "stale.after"),
        (rule(on_delay_us=-1), "on_delay"),
        (rule(escalate_after_us=8 * 86_400_000_000), "escalate_after"),
        (rule(scope=Scope()), "scope"),
        (rule(scope=Scope(("p1",), "press")), "scope"),
        (rule(name=""), "property"),
        (rule(index=-1), "index"),
        (rule(suppressed_while=Suppression("", States(("x",)))), "suppressed_while.property"),
        (rule(OpcUaConditions((1,)), suppressed_while=Suppression("state", States(("x",)))), "suppressed_while"),
    ],
)
def test_what_makes_no_sense_is_named(wrong: AlarmRule, field: str) -> None:
    assert field in {problem.field for problem in problems(wrong)}


@pytest.mark.parametrize("right", [rule(), rule(BadData()), rule(Stale(60_000_000)), rule(Rate(5.0, 60_000_000))])
def test_what_makes_sense_has_no_problems(right: AlarmRule) -> None:
    assert not problems(right)


def test_no_response_is_no_alarm() -> None:
    assert "response" in {problem.field for problem in problems(dataclasses.replace(rule(), response=" "))}


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    rows = [rule(), dataclasses.replace(rule(Rate(5.0, 60_000_000)), rule_id="fast", unit="")]
    table = make_plan([*rows, dataclasses.replace(rule(States(("idle",)), unit=""), rule_id="s")], tree("p1")).table
    samples = Samples(
        np.array([0, 1, 1], np.int64), np.array([5, 6, 7]), np.array([99.0, 1.0, np.nan]), np.zeros(3, np.uint32)
    )
    standing, _ = evaluate(table, Standing.beginning(table, 1), samples, 10, 100)
    again = decode_conditions(encode_conditions(table))
    assert again.rows == table.rows
    assert again.signals == table.signals
    read = decode_standing(encode_standing(standing), again)
    for field in dataclasses.fields(Standing):
        if field.name != "tail":
            assert np.array_equal(getattr(read, field.name), getattr(standing, field.name), equal_nan=True), field.name
    assert np.array_equal(read.tail.value, standing.tail.value)
    with pytest.raises(CheckpointError):
        decode_standing(encode_standing(standing), make_plan([rule()], tree("p1")).table)
    for broken in (b"", b"no checkpoint"):
        with pytest.raises(CheckpointError):
            decode_conditions(broken)


def test_conditions_that_begin_take_the_newest_sample_and_leave_the_others_alone() -> None:
    first = dataclasses.replace(rule(), index=1)
    old = make_plan([first], tree("p1")).table
    sample = Samples(np.zeros(1, np.int64), np.array([5]), np.array([99.0]), np.zeros(1, np.uint32))
    standing, _ = evaluate(old, Standing.beginning(old, 1), sample, 10, 100)
    second = dataclasses.replace(first, rule_id="warm", condition=Limits((Limit("H", 50.0),)), unit="")
    new = make_plan([first, second], tree("p1")).table
    standing, rows = standing.carried(old, new, 20)
    assert [new.rows[row].key.rule for row in rows.tolist()] == ["warm"]
    standing, changes = begin(new, standing, rows, sample, 20, 100)
    assert [(new.rows[row].key.rule, at) for row, at in zip(changes.row, changes.timestamp, strict=True)] == [
        ("warm", 20)
    ]
    assert standing.active.all()
    assert standing.heard.tolist() == [5]
