"""Energy: from meters to profiles, tariffs, cost and carbon."""

import datetime as dt
import math
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.calendars.model import Daily
from dualspan_analytics.columns import Series
from dualspan_analytics.energy.carbon import EmissionFactor, built_in, check_factor, choose
from dualspan_analytics.energy.metering import Metered, from_counter, from_power
from dualspan_analytics.energy.profile import LoadProfile, added, interval_edges, load_profile, peaks, shaving
from dualspan_analytics.energy.tariffs import Rate, Rated, Tariff, Window, by_rate, check_tariff, rated
from dualspan_analytics.energy.use import demand_cost, use_of
from dualspan_analytics.kpis.counters import increments
from dualspan_runtime.errors import InvalidArgument, NotFound

HOUR = 3_600_000_000
MINUTE = 60_000_000
BAD = 0x80000000
WEEKDAYS = (0, 1, 2, 3, 4)
DAILY = tuple(range(7))


def series(values: Sequence[float], hours: Sequence[float], unit: str = "kW.h", bad: Sequence[int] = ()) -> Series:
    status = np.zeros(len(values), np.uint32)
    status[list(bad)] = BAD
    return Series((np.array(hours) * HOUR).astype(np.int64), np.array(values, np.float64), status, unit)


def micros(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1_000_000)


def edges(*hours: float) -> np.ndarray:
    return (np.array(hours) * HOUR).astype(np.int64)


def test_readings_are_joined_by_straight_lines() -> None:
    meter = from_counter(series([100, 110, 140], [-0.5, 0.5, 1.5]), 0, HOUR)
    assert meter.between(edges(0, 0.5, 1)).tolist() == [5.0, 15.0]
    assert meter.good_share(edges(0, 1)).tolist() == [1.0]


def test_a_meter_in_another_unit_is_converted_and_one_of_something_else_refused() -> None:
    meter = from_counter(series([0, 3.6], [0, 1], "GJ"), 0, HOUR)
    assert meter.between(edges(0, 1))[0] == pytest.approx(1000.0)
    with pytest.raises(InvalidArgument, match=r"kW\.h"):
        from_counter(series([0, 1], [0, 1], "L"), 0, HOUR)


def test_a_reset_is_counted_on_and_said() -> None:
    meter = from_counter(series([990, 1000, 4, 8], [0, 1, 2, 3]), 0, 3 * HOUR)
    assert meter.between(edges(0, 1, 2, 3)).tolist() == [10.0, 4.0, 4.0]
    assert meter.notes == ("The meter was reset once; what it counted just before is missing.",)


def test_what_was_used_in_a_gap_is_known_as_a_sum() -> None:
    meter = from_counter(series([0, 10, 0, 40], [0, 1, 1.5, 4], bad=[2]), 0, 4 * HOUR)
    assert meter.between(edges(0, 4)).tolist() == [40.0]
    assert meter.between(edges(0, 1, 2, 3, 4)).tolist() == [10.0, 10.0, 10.0, 10.0]
    assert meter.good_share(edges(0, 1, 2, 3, 4)).tolist() == [1.0, 0.5, 0.0, 0.0]


def test_a_meter_that_says_nothing_for_long_has_counted_nothing() -> None:
    switched_off = from_counter(series([0, 1, 2, 3], [0, 0.1, 0.2, 0.3]), 0, 10 * HOUR)
    assert switched_off.between(edges(0, 1, 5, 10)).tolist() == [3.0, 0.0, 0.0]
    just_read = from_counter(series([0, 1, 2], [0, 0.25, 0.5]), 0, HOUR)
    assert np.isnan(just_read.between(edges(0, 0.5, 0.75, 1.0))).tolist() == [False, True, True]
    then_bad = from_counter(series([0, 1, 2, 0], [0, 0.1, 0.2, 0.3], bad=[3]), 0, 10 * HOUR)
    assert np.isnan(then_bad.between(edges(0, 1, 5, 10))).tolist() == [False, True, True]


def test_power_holds_until_the_next_sample_and_counts_nothing_where_it_is_unknown() -> None:
    meter = from_power(series([10, 20, math.nan, 40], [-1, 1, 2, 3], "kW"), 0, 4 * HOUR)
    used = meter.between(edges(0, 1, 2, 3, 4))
    assert used[[0, 1, 3]].tolist() == [10.0, 20.0, 40.0]
    assert math.isnan(used[2])
    assert meter.good_share(edges(0, 4)).tolist() == [0.75]
    assert "What was drawn while there was no good data is not in it." in meter.notes


def test_power_that_flows_back_is_no_use_and_said() -> None:
    meter = from_power(series([10, -5, 10], [0, 1, 2], "kW"), 0, 3 * HOUR)
    assert meter.between(edges(0, 1, 2, 3)).tolist() == [10.0, 0.0, 10.0]
    assert "Power flowed back at times; that is counted as no use." in meter.notes


def test_power_in_watts_is_scaled() -> None:
    meter = from_power(series([1500], [0], "W"), 0, 2 * HOUR)
    assert meter.between(edges(0, 2)).tolist() == [3.0]


def test_nothing_is_known_without_samples() -> None:
    for meter in (from_counter(series([], []), 0, HOUR), from_power(series([], [], "kW"), 0, HOUR)):
        assert np.isnan(meter.between(edges(0, 1))).all()
        assert meter.good_share(edges(0, 1)).tolist() == [0.0]


@given(
    st.lists(st.floats(0.2, 100), min_size=2, max_size=30),
    st.lists(st.floats(0, 10), min_size=1, max_size=8, unique=True),
)
def test_parts_add_up_to_the_whole(steps: list[float], cuts: list[float]) -> None:
    readings = np.cumsum(steps)
    meter = from_counter(series(readings.tolist(), np.linspace(0, 10, len(steps)).tolist()), 0, 10 * HOUR)
    parts = meter.between(np.unique(edges(0, *(cut for cut in cuts if 0 < cut < 10), 10)))
    assert parts.sum() == pytest.approx(readings[-1] - readings[0], abs=1e-6)


def profile_of(power: Sequence[float], share: Sequence[float] | None = None) -> LoadProfile:
    energy = np.array(power, np.float64) / 4
    good = np.ones(len(power)) if share is None else np.array(share, np.float64)
    return load_profile(edges(*(quarter / 4 for quarter in range(len(power) + 1))), energy, good)


def test_a_profile_has_base_load_peak_and_load_factor() -> None:
    profile = profile_of([10.0] * 20 + [50.0, 60.0, 50.0] + [10.0] * 17)
    assert (profile.base_load, profile.peak) == (10.0, 60.0)
    assert profile.load_factor == pytest.approx((37 * 10 + 160) / 40 / 60)
    assert peaks(profile, 3).tolist() == [21, 0]


def test_intervals_with_little_good_data_are_no_peaks_and_no_base_load() -> None:
    profile = profile_of([10.0, 99.0, 10.0, math.nan, 1.0], [1.0, 0.5, 1.0, 0.0, 0.2])
    assert (profile.base_load, profile.peak) == (10.0, 10.0)
    assert peaks(profile, 5).tolist() == [0, 2]
    nothing = profile_of([math.nan], [0.0])
    assert math.isnan(nothing.peak)
    assert peaks(nothing, 5).tolist() == []


def test_a_cut_interval_is_no_peak() -> None:
    cut = load_profile(edges(0, 0.25, 0.5, 0.55), np.array([5.0, 2.5, 5.0]), np.ones(3))
    assert (cut.peak, cut.power.tolist()) == (20.0, pytest.approx([20.0, 10.0, 100.0]))


def test_a_lower_limit_says_what_it_would_have_needed() -> None:
    found = shaving(profile_of([10.0, 30, 40, 20, 10, 10]), 24.0)
    assert (found.intervals, found.power, found.longest_us) == (2, 16.0, 30 * MINUTE)
    assert found.energy == pytest.approx(22 / 4)
    assert found.capacity == pytest.approx(22 / 4)
    # Two peaks with little room between them need a larger store than either.
    twice = shaving(profile_of([10.0, 40, 20, 40, 10, 10, 10, 10]), 24.0)
    assert twice.capacity == pytest.approx((16 - 4 + 16) / 4)
    assert math.isnan(shaving(profile_of([40.0, 40, 40]), 24.0).capacity)


def test_a_sum_is_not_known_where_a_part_is_not() -> None:
    one, none = from_counter(series([0, 10], [0, 1]), 0, HOUR), from_counter(series([], []), 0, HOUR)
    energy, share = added([one, none], edges(0, 1))
    assert np.isnan(energy).all()
    assert share.tolist() == [0.0]
    assert added([one, one], edges(0, 1))[0].tolist() == [20.0]


@pytest.mark.parametrize("interval", [0, MINUTE - 1])
def test_intervals_that_are_too_short_are_refused(interval: int) -> None:
    with pytest.raises(InvalidArgument, match="a minute"):
        interval_edges(0, HOUR, interval)


def test_edges_are_multiples_and_the_ends() -> None:
    assert interval_edges(MINUTE, HOUR, 30 * MINUTE).tolist() == [MINUTE, 30 * MINUTE, HOUR]
    with pytest.raises(InvalidArgument, match="more than"):
        interval_edges(0, 100_002 * MINUTE, MINUTE)


def tariff(*windows: Window, zone: str = "Europe/Berlin", holidays: tuple[dt.date, ...] = ()) -> Tariff:
    rates = (Rate("low", 0.1), Rate("high", 0.3))
    return Tariff("t", "Tariff", zone, "EUR", rates, windows, "low", holidays)


DAY_RATE = Window("high", Daily(6 * 60, 22 * 60, WEEKDAYS))


def hours_at(found: Rated, rate: int) -> float:
    return float(np.diff(found.edges)[found.rate == rate].sum() / HOUR)


@pytest.mark.parametrize(
    ("day", "low", "high"),
    [
        ("2026-03-27", 8.0, 16.0),  # a Friday
        ("2026-03-28", 24.0, 0.0),  # a Saturday
        ("2026-03-29", 23.0, 0.0),  # a Sunday, on which the clock goes forward
        ("2026-10-25", 25.0, 0.0),  # a Sunday, on which it goes back
    ],
)
def test_rates_hold_by_local_time_across_changes_of_the_clock(day: str, low: float, high: float) -> None:
    begin = dt.datetime.fromisoformat(day)
    zone = ZoneInfo("Europe/Berlin")
    start, end = (int(d.replace(tzinfo=zone).timestamp() * 1e6) for d in (begin, begin + dt.timedelta(days=1)))
    found = rated(tariff(DAY_RATE), start, end)
    assert (hours_at(found, 0), hours_at(found, 1)) == (low, high)


def test_a_night_rate_lasts_an_hour_less_in_spring() -> None:
    night = Window("high", Daily(22 * 60, 6 * 60, DAILY))
    found = rated(tariff(night), micros("2026-03-28T12:00:00Z"), micros("2026-03-29T12:00:00Z"))
    assert hours_at(found, 1) == 7.0


def test_months_and_holidays_choose() -> None:
    summer = Window("high", Daily(0, 0, DAILY), (7, 8, 9))
    july, june = micros("2026-07-15T00:00:00Z"), micros("2026-06-15T00:00:00Z")
    assert hours_at(rated(tariff(summer, zone="Asia/Shanghai"), july, july + 48 * HOUR), 1) == 48.0
    assert hours_at(rated(tariff(summer, zone="Asia/Shanghai"), june, june + 48 * HOUR), 1) == 0.0
    friday = micros("2026-05-01T00:00:00+02:00")
    labour_day = tariff(DAY_RATE, holidays=(dt.date(2026, 5, 1),))
    assert hours_at(rated(labour_day, friday, friday + 24 * HOUR), 1) == 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (tariff(DAY_RATE, Window("low", Daily(21 * 60, 23 * 60, DAILY))), "overlap on Monday"),
        (tariff(Window("high", Daily(0, 60, DAILY), (13,))), "a month is none"),
        (tariff(Window("dear", Daily(0, 60, DAILY))), "no rate 'dear'"),
        (tariff(Window("high", Daily(0, 1500, DAILY))), "time of the day"),
        (tariff(DAY_RATE, zone="Mars/Base"), "no time zone"),
        (Tariff("t", "", "UTC", "euro", (Rate("a", 1.0),), (), "a"), "no currency"),
        (Tariff("t", "", "UTC", "EUR", (Rate("a", math.nan),), (), "a"), "not a number"),
        (Tariff("t", "", "UTC", "EUR", (Rate("a", 1.0), Rate("a", 2.0)), (), "a"), "name of its own"),
        (Tariff("t", "", "UTC", "EUR", (), (), "a"), "1 to 16 rates"),
    ],
)
def test_a_tariff_that_cannot_be_is_refused(given: Tariff, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check_tariff(given)


def test_windows_of_different_months_may_overlap_on_the_clock() -> None:
    winter = Window("high", Daily(6 * 60, 22 * 60, DAILY), (1, 2, 12))
    summer = Window("low", Daily(8 * 60, 20 * 60, DAILY), (6, 7, 8))
    assert check_tariff(tariff(winter, summer))


def test_use_costs_and_emits_and_is_spread_over_what_was_made() -> None:
    start = micros("2026-03-27T00:00:00+01:00")
    meter = Metered(
        np.array([start, start + 24 * HOUR], np.int64),
        np.array([0.0, 240.0]),
        increments(series([0, 1], [0, 1]), 0, 1).bad,
        is_counted=True,
    )
    priced = tariff(DAY_RATE)
    factor = EmissionFactor("DE", 2023, "de-uba-2023", 0.38, "CO2", "UBA", "Germany")
    counted = increments(
        Series(np.array([start, start + HOUR]), np.array([0, 60]), np.zeros(2, np.uint32), ""), start, start + 24 * HOUR
    )
    found = use_of(
        meter,
        start,
        start + 24 * HOUR,
        tariff=priced,
        when=rated(priced, start, start + 24 * HOUR),
        factor=factor,
        counted=counted,
    )
    assert found.energy == 240.0
    assert found.rates == pytest.approx((80.0, 160.0))
    assert found.cost == pytest.approx(80 * 0.1 + 160 * 0.3)
    assert found.carbon == pytest.approx(91.2)
    assert (found.units, found.energy_per_unit) == (60.0, 4.0)


def test_nothing_made_has_no_energy_per_unit() -> None:
    meter = from_counter(series([0, 10], [0, 1]), 0, HOUR)
    counted = increments(series([5, 5], [0, 1], ""), 0, HOUR)
    found = use_of(meter, 0, HOUR, counted=counted)
    assert math.isnan(found.energy_per_unit)
    assert math.isnan(found.cost)
    assert math.isnan(found.carbon)


def test_demand_is_charged_by_the_highest_interval_of_each_month() -> None:
    priced = Tariff("t", "", "UTC", "CNY", (Rate("a", 1.0),), (), "a", demand_price=40.0)
    found = demand_cost(priced, edges(0, 10, 20), edges(*range(21)), np.array([5.0] * 9 + [math.nan] + [7.0] * 10))
    assert found == (5 + 7) * 40.0


def test_split_by_rate_is_not_known_where_a_part_is_not() -> None:
    found = rated(tariff(DAY_RATE, zone="UTC"), micros("2026-03-27T00:00:00Z"), micros("2026-03-28T00:00:00Z"))
    split = by_rate(tariff(), found, np.array([1.0, math.nan, 2.0]))
    assert split[0] == 3.0
    assert math.isnan(split[1])


def test_built_in_factors_name_their_sources() -> None:
    factors = built_in()
    assert len({(factor.region, factor.year) for factor in factors}) == len(factors) >= 60
    assert all(factor.source and factor.version for factor in factors)
    assert choose(factors, "CN", 2026).value == 0.5366
    assert choose(factors, "CN-YN", 2022).value == 0.1073
    # 823.149 lb per MWh.
    assert choose(factors, "US", 2024).value == pytest.approx(0.37337, abs=5e-6)


def test_no_factor_is_made_up() -> None:
    with pytest.raises(NotFound, match="XX"):
        choose(built_in(), "XX", 2026)
    with pytest.raises(NotFound, match="2021"):
        choose(built_in(), "CN", 2021)


@pytest.mark.parametrize(
    ("value", "year", "gas", "source", "words"),
    [
        (math.nan, 2024, "CO2", "me", "not between"),
        (-1.0, 2024, "CO2", "me", "not between"),
        (0.5, 24, "CO2", "me", "no year"),
        (0.5, 2024, "CO2", " ", "no source"),
        (0.5, 2024, "NOx", "me", "the gas"),
    ],
)
def test_a_factor_that_cannot_be_is_refused(value: float, year: int, gas: str, source: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check_factor(EmissionFactor("X", year, "1", value, gas, source, "X"))


WINDOW = st.tuples(st.integers(0, 47), st.integers(1, 47), st.sets(st.integers(0, 6), min_size=1), st.booleans())


@given(
    st.lists(WINDOW, max_size=3),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"]),
    st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31", "2026-07-01"]),
)
def test_every_quarter_of_an_hour_has_the_rate_of_its_local_time(
    drawn: list[tuple[int, int, set[int], bool]], zone: str, day: str
) -> None:
    windows = [
        Window("high", Daily(start * 30, (start + length) * 30 % 1440, tuple(sorted(days))), (3, 10) if dry else ())
        for start, length, days, dry in drawn
    ]
    given_tariff = tariff(*windows, zone=zone)
    try:
        check_tariff(given_tariff)
    except InvalidArgument:
        return
    start = int(dt.datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000
    found = rated(given_tariff, start, start + 72 * HOUR)
    assert (np.diff(found.edges) > 0).all()
    for time in range(start, start + 72 * HOUR, 15 * MINUTE):
        local = dt.datetime.fromtimestamp(time // 1_000_000, ZoneInfo(zone))
        rate = int(found.rate[np.searchsorted(found.edges, time, side="right") - 1])
        assert rate == int(any(_holds(window, local) for window in windows)), local


def _holds(window: Window, local: dt.datetime) -> bool:
    """Whether a window holds at a local time, its day looked up by the clock on the wall."""
    minute, hours = local.hour * 60 + local.minute, window.hours
    begins_today = minute >= hours.start_minute
    crosses = hours.end_minute <= hours.start_minute
    day = local.date() if begins_today else local.date() - dt.timedelta(days=1)
    inside = begins_today or minute < hours.end_minute if crosses else begins_today and minute < hours.end_minute
    return inside and day.weekday() in hours.weekdays and (not window.months or day.month in window.months)
