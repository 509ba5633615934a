import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.columns import Series
from dualspan_analytics.expressions import instants
from dualspan_analytics.expressions import windows as windows_
from dualspan_analytics.expressions.instants import Work, condition, evaluate
from dualspan_analytics.expressions.model import Property
from dualspan_analytics.expressions.parsing import parse
from dualspan_analytics.expressions.units import in_unit, mixed
from dualspan_analytics.expressions.windows import Windows, check_windowed, compute
from dualspan_analytics.kpis.measures import MEASURES, Measure
from dualspan_analytics.kpis.ratios import Figures
from dualspan_runtime.errors import DomainError, InvalidArgument, ResourceExhausted

BAD = 0x80000000
NO_WINDOW = np.zeros((1, MEASURES))


def series(t: list[int], value: list[object], bad: tuple[int, ...] = ()) -> Series:
    status = np.zeros(len(t), np.uint32)
    status[list(bad)] = BAD
    kind = object if value and isinstance(value[0], str) else None
    return Series(np.array(t, np.int64), np.array(value, kind), status, "")


SPEED = series([0, 10, 20, 30], [0.0, 5.0, 8.0, float("nan")])
RUNNING = series([0, 10, 30], [False, True, False])
GOOD = series([0, 10, 20, 30], [10, 14, 18, 2])
RECIPE = series([0, 20], ["lager", "wheat"])
DATA = {
    Property("speed"): SPEED,
    Property("running"): RUNNING,
    Property("good-count"): GOOD,
    Property("recipe"): RECIPE,
}


def held(text: str) -> list[int]:
    expression = parse(text)
    found = condition(expression, {each: DATA.get(each) for each in expression.properties}, 0, 40, Work())
    return found.at(np.array([0, 10, 20, 30])).tolist()


def window(text: str, measures: np.ndarray = NO_WINDOW, start: int = 0, end: int = 40) -> tuple[float, str, float]:
    expression = parse(text)
    windows = Windows(np.array([start], np.int64), np.array([end], np.int64), measures)
    found = compute(expression, {each: DATA.get(each) for each in expression.properties}, windows, Work())
    return float(found.value[0]), str(found.reason[0]), float(found.good_share[0])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("running", [0, 1, 1, 0]),
        ("speed > 6", [0, 0, 1, -1]),
        ("running and speed >= 5", [0, 1, 1, 0]),  # false and unknown is false
        ("running or speed > 6", [0, 1, 1, -1]),
        ("not running", [1, 0, 0, 1]),
        ('recipe == "wheat"', [0, 0, 1, 1]),
        ("missing_property > 1", [-1, -1, -1, -1]),
        ("missing_property > 1 or running", [-1, 1, 1, -1]),
        ("known(speed)", [1, 1, 1, 0]),
        ("1 / speed > 0.15", [-1, 1, 0, -1]),  # division by zero is unknown, not infinite
        ("if(running, speed, 100) > 50", [1, 0, 0, 1]),
        ("{good-count} == 14", [0, 1, 0, 0]),
        ("-2 ^ 2 == -4 and 2 ^ 3 ^ 2 == 512 and 1 - 2 - 3 == -4 and 12 / 2 / 3 == 2", [1, 1, 1, 1]),
    ],
)
def test_conditions(text: str, wanted: list[int]) -> None:
    assert held(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3", 7.0),
        ("mean(speed)", (0 * 10 + 5 * 10 + 8 * 10) / 30),
        ("max(speed) - min(speed)", 8.0),
        ("first(speed) + last(good_count)", 2.0),
        ("duration(running) * 1000000", 20.0),
        ("mean(abs(speed - 5))", (5 + 0 + 3) / 3),
        ("max(1, 2) * min(4, 3)", 6.0),
    ],
)
def test_windows(text: str, wanted: float) -> None:
    value, reason, _ = window(text)
    assert value == pytest.approx(wanted)
    assert reason == ""


def test_what_a_counter_counted_over_a_reset_is_told() -> None:
    value, reason, _ = window("increase(good_count)")
    assert value == 10.0  # 4 + 4, and 2 after the reset
    assert reason == "good-count was reset, set back or showed what cannot be true"
    assert window("increase(good_count)", end=30)[1] == ""
    measures = np.zeros((1, MEASURES))
    measures[0, [Measure.APT, Measure.GOOD, Measure.RESETS]] = 3600e6, 90, 1
    assert "reset once" in window("GQ / APT", measures)[1]
    assert window("APT", measures)[1] == ""


def test_sums_of_iso_22400() -> None:
    measures = np.zeros((1, MEASURES))
    measures[0, Measure.APT], measures[0, Measure.GOOD], measures[0, Measure.ENERGY] = 3600e6, 90, 45
    assert window("GQ / (APT / 3600)", measures)[0] == 90
    assert window("E / PQ", measures)[0] == 0.5


def test_sums_of_which_little_is_known_are_marked() -> None:
    measures = np.zeros((1, MEASURES))
    measures[0, [Measure.APT, Measure.UNKNOWN]] = 3600e6, 1200e6
    measures[0, [Measure.GOOD, Measure.QUANTITY_BAD, Measure.ENERGY_BAD]] = 90, 2400e6, 3600e6
    assert [window(text, measures)[2] for text in ("APT", "GQ", "GQ / APT", "E + 1")] == [0.75, 0.5, 0.5, 0.25]
    assert window("APT + mean(speed)", measures)[2] == 0.75
    assert window("1 + 1", measures)[2] == 1.0


def test_text_is_compared_whole_however_long() -> None:
    long = "x" * 5000
    data = {Property("recipe"): series([0, 10], [long, "lager"])}
    expression = parse('recipe == "lager"')
    assert condition(expression, data, 0, 20, Work()).value.tolist() == [0, 1]  # type: ignore[arg-type]


def test_what_cannot_be_computed_is_marked() -> None:
    value, reason, _ = window("increase(good_count) / 0")
    assert np.isnan(value)
    assert reason.startswith("division by zero; ")
    value, reason, _ = window("PQ / APT")
    assert np.isnan(value)
    value, reason, share = window("mean(nothing)")
    assert (np.isnan(value), reason, share) == (True, "no good data", 0.0)
    assert window("10 ^ 300 * 10 ^ 300")[1] == "the result is not a finite number"
    assert window("sqrt(0 - 1)")[1] == "the result is not a finite number"
    assert window("mean(speed)")[2] == 0.75


@pytest.mark.parametrize("function", ["mean", "min", "duration"])
def test_time_in_which_a_function_has_no_number_to_look_at_is_told(function: str) -> None:
    told = f"{function}() leaves out time in which it divides by zero or is no number"
    text = f"{function}(good_count / speed{' > 1' if function == 'duration' else ''})"
    value, reason, _ = window(text)  # speed is 0 up to 10, and NaN from 30 on
    assert np.isfinite(value)
    assert reason == told
    assert window(text, start=10)[1] == ""  # what nobody knows is told by the share of good data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "speed.__class__",
        "lambda: 1",
        "[x for x in speed]",
        "while(1)",
        "exec(1)",
        "speed[99999]",
        "a; b",
        "speed = 1",
        "f'{speed}'",
        "speed ** 9",
        "mean(speed, 1)",
        "nosuch(speed)",
        "XYZ + 1",
        "1e999",
        "max2(1, 2)",
        "\x00",
        "speed > 1 > 0",
        "'a' 'b'",
    ],
)
def test_what_is_not_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="BAD_EXPRESSION"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["good_count", "recipe", "speed > 1", "mean(recipe) + 'x'", "duration(speed)", "increase(1 + 2)", "'text'", "true"],
)
def test_a_kpi_has_one_number_for_a_window(text: str) -> None:
    with pytest.raises(InvalidArgument, match="BAD_EXPRESSION"):
        check_windowed(parse(text))


@pytest.mark.parametrize(
    "text", ["speed", "recipe", "recipe > 1", "recipe + 1 == 2", "mean(speed) > 1", "PQ > 1", "not speed"]
)
def test_a_rule_is_a_condition_of_instants(text: str) -> None:
    with pytest.raises(InvalidArgument, match="BAD_EXPRESSION"):
        held(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "(" * 990 + "1" + ")" * 990,
        lambda: "not " * 400 + "running",
        lambda: "-" * 1500 + "1",
        lambda: "1" + "^1" * 600,
        lambda: "1" + "+1" * 900,
        lambda: "+".join(f"p{n}" for n in range(40)),
        lambda: "x" * 3000,
        lambda: "abs(" * 400 + "1" + ")" * 400,
    ],
)
def test_large_and_deep_expressions_end_soon(make: Callable[[], str]) -> None:
    started = time.monotonic()
    refused = ""
    try:
        parse(make())
    except InvalidArgument as err:
        refused = err.reason
    assert refused in {"", "EXPRESSION_TOO_LARGE", "BAD_EXPRESSION"}
    assert time.monotonic() - started < 2.0


def test_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instants, "MOST_STEPS", 10)
    with pytest.raises(ResourceExhausted, match="EXPRESSION_TOO_COSTLY"):
        held("speed > 6 and running")


def test_all_formulas_of_a_question_share_what_may_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instants, "MOST_STEPS", 100)
    expression, work = parse("mean(speed)"), Work()
    windows = Windows(np.array([0], np.int64), np.array([40], np.int64), NO_WINDOW)
    for _ in range(100 // (expression.nodes * len(SPEED))):
        compute(expression, {Property("speed"): SPEED}, windows, work)
    with pytest.raises(ResourceExhausted, match="EXPRESSION_TOO_COSTLY"):
        compute(expression, {Property("speed"): SPEED}, windows, work)


def test_a_formula_finds_its_instants_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    made = windows_.instants_of

    def counted(*given: Any) -> Any:
        found.append(1)
        return made(*given)

    monkeypatch.setattr(windows_, "instants_of", counted)
    text = " + ".join(f"mean(speed + {each})" for each in range(20))
    assert window(text)[0] == pytest.approx(20 * 13 / 3 + 190)
    assert len(found) == 1


def test_a_long_formula_over_much_data_ends_soon() -> None:
    many = series([*range(0, 500_000, 10)], [float(each % 7) for each in range(50_000)])
    part = f"({' + '.join(['mean(speed)'] * 10)})"
    expression, end = parse(" + ".join([part] * 6)), 500_000
    windows = Windows(np.array([0], np.int64), np.array([end], np.int64), NO_WINDOW)
    started = time.process_time()
    value = compute(expression, {Property("speed"): many}, windows, Work()).value
    assert float(value[0]) == pytest.approx(60 * 3, rel=1e-3)
    assert time.process_time() - started < 0.2


@given(st.text(alphabet="0123456789+-*/^()<>=!.,\"'[]{} abcpqANDTnotrue_speed", max_size=80))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        expression = parse(text)
        evaluate(expression.root, expression, {}, np.array([0], np.int64))
    except DomainError:
        pass


def test_a_mean_of_a_property_is_in_the_unit_of_its_kpi() -> None:
    def shown(text: str, have: str, unit: str) -> tuple[float, str]:
        expression = parse(text)
        figures = Figures(np.array([20.0]), np.ones(1), np.full(1, "", object))
        found = in_unit(figures, expression, dict.fromkeys(expression.properties, have), unit)
        return float(found.value[0]), str(found.reason[0])

    assert shown("mean(power)", "W", "kW") == (pytest.approx(0.02), "")
    assert shown("max(temperature)", "Cel", "[degF]") == (pytest.approx(68.0), "")
    assert shown("increase(temperature)", "Cel", "[degF]") == (pytest.approx(36.0), "")  # a difference has no offset
    value, why = shown("last(power)", "W", "Cel")
    assert (math.isnan(value), why) == (True, "power is in W, which does not convert to Cel")
    # Nobody knows what is made of several, or what has no unit is in.
    for text, have, unit in (("mean(power) * 2", "W", "kW"), ("mean(power)", "", "kW"), ("mean(power)", "W", "")):
        assert shown(text, have, unit) == (20.0, "")


def test_different_units_of_machines_are_told_unless_they_do_not_matter() -> None:
    def told(text: str, units: set[str], unit: str, counted_in: set[str]) -> str:
        expression = parse(text)
        return mixed(expression, dict.fromkeys(expression.properties, units), counted_in, unit)

    one, both = {"W"}, {"W", "kW"}
    assert told("mean(power) * 2", both, "kW", set()) == "machines have power in W and in kW; ask for each"
    assert told("duration(power > 5)", both, "s", set()) == "machines have power in W and in kW; ask for each"
    assert (
        told("E / PQ", set(), "kW.h", {"kg", "{piece}", ""})
        == "machines have quantities in kg and in {piece}; ask for each"
    )
    for text, units, unit, counted_in in (
        ("mean(power)", both, "kW", {"kg", "{piece}"}),  # each is converted
        ("mean(power) / max(power)", both, "1", set[str]()),
        ("mean(power) * 2", one, "kW", {"kg", ""}),
        ("E / PQ", one, "kW.h", {"kg", ""}),
    ):
        assert told(text, units, unit, counted_in) == ""
