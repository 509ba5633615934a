"""KPIs against published worked examples, to the digits printed there, and their marks."""

import numpy as np
import pytest

from dualspan_analytics.kpis.measures import MEASURES, Measure, add_up, add_up_units, unit_codes
from dualspan_analytics.kpis.ratios import ALL, MIXED, NO_RUN_TIME, TAKEN_BACK, figures, unit_of

MINUTE = 60e6
HOUR = 60 * MINUTE


def row(**sums: float) -> np.ndarray:
    result = np.zeros((1, MEASURES))
    for name, value in sums.items():
        result[0, Measure[name.upper()]] = value
    return result


def value(kpi: str, measures: np.ndarray) -> float:
    return float(figures(kpi, measures).value[0])


def percent(kpi: str, measures: np.ndarray, digits: int) -> str:
    return f"{100 * value(kpi, measures):.{digits}f}"


def test_vorne_oee_com_calculation_example() -> None:
    """Vorne Industries, "How to calculate OEE", https://www.oee.com/calculating-oee/: a shift of 480 min with 60 min of
    breaks and 47 min of down time, an ideal cycle of 1.0 s, 19 271 pieces of which 423 were rejected."""
    shift = row(
        apt=373 * MINUTE,
        adot=47 * MINUTE,
        pdot=60 * MINUTE,
        good=18848,
        scrap=423,
        timed=19271,
        ideal=19271 * 1e6,
    )
    assert percent("availability", shift, 2) == "88.81"
    assert percent("effectiveness", shift, 2) == "86.11"
    assert percent("quality-ratio", shift, 2) == "97.80"
    assert percent("oee", shift, 2) == "74.79"


def test_willmott_and_mccarthy_example() -> None:
    """P. Willmott, D. McCarthy, "TPM: A Route to World-Class Performance" (2001), p. 127: 910 min planned, 115 min of
    unplanned stoppages and 12 min of changeovers; 203 cycles of 3 min."""
    day = row(apt=783 * MINUTE, adot=115 * MINUTE, aust=12 * MINUTE, good=203, timed=203, ideal=203 * 3 * MINUTE)
    assert percent("availability", day, 1) == "86.0"
    # Printed: 203 of 261 cycles, 77.7 %; 203 / 261 is 0.77778, which the book cuts.
    assert int(1000 * value("effectiveness", day)) == 777


def test_nakajima_example() -> None:
    """S. Nakajima, "Introduction to TPM" (1988), ch. 3: loading 460 min; stoppages 20 min, setup 20 min, adjustment 20
    min; 400 pieces at a theoretical 0.5 min, 2 % defective: 87 %, 50 %, 98 %, 42.6 % (of the rounded parts)."""
    day = row(
        apt=400 * MINUTE,
        adot=20 * MINUTE,
        aust=40 * MINUTE,
        good=392,
        scrap=8,
        timed=400,
        ideal=400 * 0.5 * MINUTE,
    )
    assert percent("availability", day, 0) == "87"
    assert percent("effectiveness", day, 0) == "50"
    assert percent("quality-ratio", day, 0) == "98"
    assert percent("oee", day, 1) == "42.6"
    # Setup counts as processing in NEE (ISO 22400-2), and the setup ratio is its share.
    assert value("nee", day) == pytest.approx(440 / 460 * 0.5 * 0.98)
    assert value("setup-ratio", day) == pytest.approx(40 / 440)


def test_smrp_machine_d() -> None:
    """SMRP Best Practices, 6th edition (2020), metric 2.1.1, table 1: of 16 h needed 1.66 h of scheduled down time,
    which this metric counts as lost, and 2.08 h of unscheduled: 12.26 h up, 76.63 % (76.625 rounded up)."""
    waiting, setups, failures = 0.46 + 0.50, 0.26 + 0.23 + 0.30, 0.33
    day = row(apt=12.26 * HOUR, adet=waiting * HOUR, aust=setups * HOUR, adot=(failures + 1.66) * HOUR)
    assert value("availability", day) == pytest.approx(0.76625, abs=1e-12)
    assert value("setup-ratio", day) == pytest.approx(0.79 / 13.05)


def test_chiller_mtbf_and_mttr() -> None:
    """Reliability Engineers Academy, "MTTR, MTBF, availability": a chiller with 3600 operating hours in two years, 12
    failures and 720 min of repair: MTBF 300 h, MTTR 1 h."""
    chiller = row(apt=3600 * HOUR, adot=720 * MINUTE, failures=12)
    assert value("mtbf", chiller) == 300.0
    assert value("mttr", chiller) == 1.0


def test_efficiencies_by_their_formulas() -> None:
    day = row(apt=6 * HOUR, aust=1 * HOUR, adet=0.5 * HOUR, adot=0.5 * HOUR, good=90, scrap=6, rework=4, energy=50)
    assert value("allocation-efficiency", day) == 7.5 / 8
    assert value("utilization-efficiency", day) == 6 / 7.5
    assert value("technical-efficiency", day) == 6 / 6.5
    assert value("scrap-ratio", day) == 0.06
    assert value("rework-ratio", day) == 0.04
    assert value("throughput-rate", day) == 100 / 8
    assert value("energy-per-unit", day) == 0.5


def test_a_line_is_the_sum_of_its_machines_not_the_mean_of_their_ratios() -> None:
    busy = row(apt=8 * HOUR, good=100, timed=100, ideal=100 * 0.08 * HOUR)
    idle = row(apt=0.5 * HOUR, adot=0.5 * HOUR, good=1, scrap=1, timed=2, ideal=2 * 0.1 * HOUR)
    line = add_up(np.concatenate([busy, idle]), np.array([0, 0]), 1)
    assert value("availability", line) == 8.5 / 9
    assert value("quality-ratio", line) == 101 / 102
    assert value("oee", line) == pytest.approx(8.5 / 9 * 8.2 / 8.5 * 101 / 102)
    assert value("oee", line) != pytest.approx((value("oee", busy) + value("oee", idle)) / 2, rel=0.05)


@pytest.mark.parametrize("kpi", ALL)
def test_nothing_is_never_a_silent_number(kpi: str) -> None:
    found = figures(kpi, row())
    assert np.isnan(found.value[0])
    assert found.reason[0]
    assert found.good_share[0] == 0.0


def test_unknown_time_is_neither_running_nor_stopped() -> None:
    half = row(apt=3 * HOUR, adot=1 * HOUR, unknown=4 * HOUR, either_bad=5 * HOUR, quantity_bad=1 * HOUR)
    found = figures("availability", half)
    assert (found.value[0], found.good_share[0]) == (0.75, 0.5)
    assert figures("oee", half).good_share[0] == pytest.approx(3 / 8)
    assert figures("quality-ratio", half).good_share[0] == pytest.approx(7 / 8)


def test_without_run_times_there_is_no_effectiveness_and_with_some_it_says_so() -> None:
    made = row(apt=HOUR, good=100)
    assert figures("effectiveness", made).reason[0] == NO_RUN_TIME
    assert np.isnan(figures("oee", made).value[0])
    some = row(apt=HOUR, good=100, timed=50, ideal=0.4 * HOUR)
    found = figures("effectiveness", some)
    assert found.value[0] == pytest.approx(0.8)
    assert "taken to need as much" in found.reason[0]


def test_sums_of_different_units_have_no_ratio_and_say_why() -> None:
    mixed = row(apt=HOUR, adot=HOUR, good=np.nan, scrap=1, energy=5)
    assert value("availability", mixed) == 0.5
    for kpi in ("quality-ratio", "scrap-ratio", "throughput-rate", "energy-per-unit", "oee"):
        found = figures(kpi, mixed)
        assert np.isnan(found.value[0]), kpi
        assert found.reason[0] in {MIXED, NO_RUN_TIME}, kpi


COUNTED = ("quality-ratio", "scrap-ratio", "throughput-rate", "effectiveness", "oee", "nee", "energy-per-unit")


@pytest.mark.parametrize("kpi", COUNTED)
def test_what_is_doubtful_of_counters_is_said_of_all_that_is_made_of_them(kpi: str) -> None:
    day = row(apt=HOUR, adot=HOUR, good=90, scrap=10, timed=100, ideal=0.9 * HOUR, energy=5)
    assert figures(kpi, day).reason[0] == ""
    day[0, Measure.RESETS], day[0, Measure.BACKWARDS] = 1, 2
    found = figures(kpi, day)
    assert np.isfinite(found.value[0])
    assert "a counter was reset once" in found.reason[0]
    assert "cannot be true 2 times" in found.reason[0]
    assert figures("availability", day).reason[0] == ""


def test_a_meter_is_doubtful_where_energy_is() -> None:
    day = row(apt=HOUR, good=90, timed=90, ideal=0.9 * HOUR, energy=5, meter_doubts=1)
    assert "the meter was reset" in figures("energy-per-unit", day).reason[0]
    assert figures("oee", day).reason[0] == ""


def test_more_taken_back_than_made_is_no_ratio() -> None:
    day = row(apt=HOUR, good=-5, scrap=1)
    for kpi in ("quality-ratio", "throughput-rate", "energy-per-unit"):
        found = figures(kpi, day)
        assert (np.isnan(found.value[0]), found.reason[0]) == (True, TAKEN_BACK), kpi


def test_quantities_of_different_units_are_not_added_up() -> None:
    day = row(apt=HOUR, good=100, scrap=1)
    units = unit_codes(["kg", "{piece}", "", "{piece}", "kg"])
    assert units.tolist() == [0, 1, -1, 1, 0]
    groups = np.array([0, 0, 0, 1, 2])
    found = add_up_units(np.repeat(day, 5, axis=0), units, groups, 3)
    assert figures("quality-ratio", found).reason.tolist() == [MIXED, "", ""]
    assert figures("availability", found).value.tolist() == [1, 1, 1]
    effectiveness = figures("effectiveness", found)
    assert np.isnan(effectiveness.value[0])
    assert effectiveness.reason[0] == MIXED
    alone = add_up_units(np.repeat(day, 2, axis=0), unit_codes(["", "kg"]), np.array([0, 0]), 1)
    assert figures("quality-ratio", alone).reason[0] == ""


def test_units_are_those_that_machines_count_in() -> None:
    assert [unit_of("throughput-rate", unit) for unit in ("", "{piece}", "kg")] == ["/h", "/h", "kg/h"]
    assert unit_of("energy-per-unit", "kg") == "kW.h/(kg)"
    assert unit_of("oee", "kg") == "1"


def test_a_shift_of_failure_has_an_oee_of_0() -> None:
    found = figures("oee", row(adot=8 * HOUR, failures=1))
    assert (found.value[0], found.reason[0], found.good_share[0]) == (0.0, "", 1.0)
