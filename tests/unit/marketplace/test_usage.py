"""Hours, counters, months, limits: what is used is counted to the last unit, in whatever turns."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_marketplace.deployments.docker.statistics import observed
from dualspan_marketplace.usage import limits, months
from dualspan_marketplace.usage.counters import Counter, Observation, used
from dualspan_marketplace.usage.hours import count, hour_of
from dualspan_marketplace.usage.limits import standing
from dualspan_marketplace.usage.lines import Month, Used, of_month
from dualspan_marketplace.usage.model import HOUR, Dimension, Event, Limit, Pricing, Stretch, Tariff
from dualspan_marketplace.usage.report import Amount, Step, added_up

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOURS = 6
FLAT = Tariff("flat", Pricing.FLAT, 99_000_000, "CNY")


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def total(events: list[Event], dimension: Dimension) -> int:
    return sum(each.quantity for each in events if each.dimension is dimension)


@st.composite
def lives(draw: st.DrawFn) -> list[Stretch]:
    cuts = sorted(draw(st.lists(st.integers(0, HOURS * 3_600_000_000), min_size=1, max_size=8)))
    return [
        Stretch(number, T0 + cut * MICROSECOND, draw(st.booleans()), draw(st.integers(0, 5)))
        for number, cut in enumerate(cuts, 1)
    ]


def test_an_hour_is_shared_by_what_changes_within_it() -> None:
    """10:20 one asset, 10:45 three, 11:30 none."""
    life = [Stretch(1, at(10 + 1 / 3), True, 1), Stretch(2, at(10.75), True, 3), Stretch(3, at(11.5), False, 3)]
    events = count(life, at(10), at(13))
    assert [(each.dimension, each.hour, each.source, each.quantity / 60_000_000) for each in events] == [
        (Dimension.RUNNING_HOURS, at(10), "1", 25),
        (Dimension.ASSET_HOURS, at(10), "1", 25),
        (Dimension.RUNNING_HOURS, at(10), "2", 15),
        (Dimension.ASSET_HOURS, at(10), "2", 45),
        (Dimension.RUNNING_HOURS, at(11), "2", 30),
        (Dimension.ASSET_HOURS, at(11), "2", 90),
    ]


@given(lives(), st.lists(st.integers(0, HOURS), max_size=5))
def test_hours_are_the_same_in_however_many_turns_they_are_counted(life: list[Stretch], turns: list[int]) -> None:
    edges = [0, *sorted(turns), HOURS]
    parts = [each for a, b in pairwise(edges) for each in count(life, at(a), at(b))]
    whole = count(life, at(0), at(HOURS))
    assert sorted(parts, key=repr) == sorted(whole, key=repr)
    assert len({(each.dimension, each.hour, each.source) for each in whole}) == len(whole)


@given(lives())
def test_every_microsecond_of_running_counts_once(life: list[Stretch]) -> None:
    events = count(life, at(0), at(HOURS))
    ends = [*(each.start for each in life[1:]), at(HOURS)]
    spans = [((end - each.start) // MICROSECOND, each) for each, end in zip(life, ends, strict=True) if each.running]
    assert total(events, Dimension.RUNNING_HOURS) == sum(length for length, _ in spans)
    assert total(events, Dimension.ASSET_HOURS) == sum(length * each.assets for length, each in spans)
    by_hour: defaultdict[datetime, int] = defaultdict(int)
    for each in events:
        assert each.quantity > 0
        assert hour_of(each.hour) == each.hour
        by_hour[each.hour] += each.quantity if each.dimension is Dimension.RUNNING_HOURS else 0
    assert max(by_hour.values(), default=0) <= HOUR // MICROSECOND


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 10**9)), min_size=1, max_size=8),
    st.data(),
)
def test_processor_time_counts_once_however_often_it_is_looked_at(
    looks: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Looks that are repeated or come late: what is counted is what the counter says in the end."""
    seen: list[Observation] = []
    time, cpu = T0, 0
    for seconds, added in looks:
        time, cpu = time + timedelta(seconds=seconds), cpu + added
        seen.append(Observation("i", T0, time, cpu, 1 << 20))
    places = st.lists(st.integers(0, len(seen) - 1), max_size=10)
    counter: Counter | None = None
    events: list[Event] = []
    for place in [*data.draw(places), len(seen) - 1, *data.draw(places)]:
        counter, more = used(counter, seen[place])
        events += more
    assert total(events, Dimension.CPU_HOURS) == cpu
    assert counter == Counter(cpu, time)
    assert all(each.quantity > 0 and each.hour < time for each in events)


def test_memory_counts_by_time_and_not_for_longer_than_anybody_looked() -> None:
    _, events = used(Counter(0, at(0.9)), Observation("i", at(0), at(1.1), 0, 1 << 30))
    assert [(each.hour, each.quantity / (1 << 30)) for each in events] == [(at(0), 360), (at(1), 360)]
    _, events = used(Counter(0, at(0)), Observation("i", at(0), at(5), 0, 1000))
    assert total(events, Dimension.MEMORY_HOURS) == 1000 * 15 * 60


def test_a_counter_that_falls_adds_nothing_until_it_is_above_again() -> None:
    counter, events = used(Counter(100, at(0)), Observation("i", at(0), at(0.1), 60, 0))
    assert (counter, events) == (Counter(100, at(0.1)), [])
    counter, events = used(counter, Observation("i", at(0), at(0.2), 130, 0))
    assert (counter.cpu_us, total(events, Dimension.CPU_HOURS)) == (130, 30)


def test_what_the_engine_says_of_a_container() -> None:
    statistics = {
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_999}},
        "memory_stats": {"usage": 30 << 20, "stats": {"inactive_file": 10 << 20}},
    }
    assert observed("c" * 64, T0, at(1), statistics) == Observation(
        f"{'c' * 16}/{int(T0.timestamp())}", T0, at(1), 2_500_000, 20 << 20
    )
    assert observed("c", T0, at(1), {"cpu_stats": {}, "memory_stats": {}}) is None


ZONES = ["UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin", "Pacific/Apia"]


@given(st.integers(0, 250_000), st.sampled_from(ZONES))
def test_every_hour_is_in_one_month(hours: int, zone: str) -> None:
    hour = datetime(2012, 1, 1, tzinfo=UTC) + hours * HOUR
    start = months.beginning(hour, zone)
    end = months.end(start, zone)
    assert start <= hour < end
    assert months.beginning(end, zone) == end
    assert months.beginning(end - HOUR, zone) == start
    assert hour_of(start) == start
    assert start.astimezone(ZoneInfo(zone)).day == 1
    assert start.astimezone(ZoneInfo(zone)).hour == 0


def test_months_are_local_and_begin_with_a_full_hour_of_utc() -> None:
    assert months.beginning(datetime(2026, 3, 31, 16, tzinfo=UTC), "Asia/Shanghai") == datetime(
        2026, 3, 31, 16, tzinfo=UTC
    )
    # Midnight of India is 18:30 UTC.
    assert months.beginning(datetime(2026, 3, 31, 18, tzinfo=UTC), "Asia/Kolkata") == datetime(
        2026, 2, 28, 19, tzinfo=UTC
    )
    assert months.end(datetime(2026, 2, 28, 19, tzinfo=UTC), "Asia/Kolkata") == datetime(2026, 3, 31, 19, tzinfo=UTC)
    assert not months.is_zone("Asia/Nowhere")
    assert not months.is_zone("../etc/passwd")


@given(st.integers(0, 170), st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_hours_between_two_zones_are_no_month_that_is_paid_for(number: int, old: str, new: str) -> None:
    """Months have one price: a year of them has twelve, though another zone was chosen in it."""
    start = months.beginning(datetime(2012 + number // 12, number % 12 + 1, 5, tzinfo=UTC), old)
    found = [start]
    for _ in range(12):
        found.append(months.end(found[-1], new))
    paid = 0
    for begin, end in pairwise(found):
        month = Month(begin, end)
        assert month.microseconds > 27 * 24 * 3_600_000_000
        ran = Used("oee", "oee-board", FLAT, Dimension.RUNNING_HOURS, month.microseconds)
        (line,) = of_month([ran], month)
        paid += line.amount
    assert paid == 12 * 9900
    assert found[-1] - start > timedelta(days=363)


def test_a_soft_limit_warns_and_a_hard_one_refuses() -> None:
    both = [Limit(Dimension.READ_REQUESTS, 10, 20), Limit(Dimension.READ_SAMPLES, hard=100)]
    end = datetime(2026, 3, 31, 16, tzinfo=UTC)

    def stands(requests: int, samples: int) -> limits.Standing:
        return standing(
            both, {Dimension.READ_REQUESTS: requests, Dimension.READ_SAMPLES: samples}, end, "Asia/Shanghai"
        )

    assert stands(9, 99) == limits.Standing()
    warned = stands(10, 0)
    assert "Reads are refused at 20." in warned.notice
    assert not warned.exhausted
    refused = stands(0, 100)
    assert refused.notice == refused.exhausted
    assert "100 samples a month is reached" in refused.exhausted
    assert "2026-04-01 00:00 (Asia/Shanghai)" in refused.exhausted
    assert "20 reads" in stands(20, 0).exhausted


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([Limit(Dimension.CPU_HOURS, 1, 2)], "cannot be limited"),
        ([Limit(Dimension.READ_SAMPLES)], "each more than 0"),
        ([Limit(Dimension.READ_SAMPLES, -1, 2)], "each more than 0"),
        ([Limit(Dimension.READ_SAMPLES, 2, 2)], "below the hard one"),
        ([Limit(Dimension.READ_SAMPLES, 1), Limit(Dimension.READ_SAMPLES, 2)], "once"),
    ],
)
def test_limits_that_make_no_sense(wrong: list[Limit], words: str) -> None:
    assert any(words in each for each in limits.problems(wrong))


def test_usage_is_added_up_by_local_days() -> None:
    hours = [Amount(Dimension.READ_REQUESTS, at(hour), 1) for hour in range(48)]
    days = added_up(hours, Step.DAY, at(0), "Asia/Shanghai")
    assert [each.quantity for each in days] == [16, 24, 8]
    assert [each.start for each in days][1] == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert [each.quantity for each in added_up(hours, Step.WHOLE, at(0), "UTC")] == [48]
    assert added_up(hours, Step.HOUR, at(0), "UTC") == hours
