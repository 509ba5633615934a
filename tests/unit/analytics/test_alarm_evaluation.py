"""The columnar evaluation against a plain one that takes one sample at a time, and its rules one by one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualspan_analytics.alarms.evaluation import MOST_CHANGES, Changes, Samples, evaluate
from dualspan_analytics.alarms.rules import Signal, SignalKind
from dualspan_analytics.alarms.table import (
    CLEAR,
    RAISED,
    UNKNOWN,
    ConditionKey,
    ConditionRow,
    ConditionTable,
    Measure,
    Standing,
)

GOOD, UNCERTAIN, BAD = 0, 0x40000000, 0x80000000
FAR = 1 << 60
NEVER = -(1 << 60)
S = 1_000_000

Sample = tuple[int, int, float, int]
"""Signal, time, value, status."""


def condition(number: int = 0, signal: int = 0, measure: Measure = Measure.VALUE, **more: object) -> ConditionRow:
    key = ConditionKey(f"rule{number:04}", "press", 0, "")
    return ConditionRow(key, 1, Signal(SignalKind.PROPERTY, f"asset{signal:04}", "p"), measure, **more)  # type: ignore[arg-type]


def samples_of(rows: Sequence[Sample]) -> Samples:
    signal, timestamp, value, status = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Samples(
        np.array(signal, np.int64),
        np.array(timestamp, np.int64),
        np.array(value, np.float64),
        np.array(status, np.uint32),
    )


def listed(table: ConditionTable, changes: Changes) -> list[tuple[str, bool, int, float]]:
    return [
        (table.rows[row].key.rule, raised, time, value)
        for row, raised, time, value in zip(
            changes.row.tolist(),
            changes.raised.tolist(),
            changes.timestamp.tolist(),
            changes.value.tolist(),
            strict=True,
        )
    ]


class Bench:
    """A table that is fed batch by batch."""

    def __init__(self, *rows: ConditionRow, begin: int = 0) -> None:
        self.table = ConditionTable.of(list(rows))
        self.standing = Standing.beginning(self.table, begin)

    def feed(self, *rows: Sample, horizon: int = NEVER, latest: int = FAR) -> list[tuple[str, bool, int, float]]:
        self.standing, changes = evaluate(self.table, self.standing, samples_of(rows), horizon, latest)
        return listed(self.table, changes)


@dataclass
class PlainCondition:
    """One condition, one sample at a time, as a reader of the rules would write it."""

    row: ConditionRow
    raw: int = UNKNOWN
    since: int = 0
    value: float = math.nan
    active: bool = False
    floor: int = 0
    changes: list[tuple[str, bool, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.row.measure is Measure.STALE:
            self.raw = RAISED

    def delay(self) -> int:
        if self.raw == RAISED:
            return self.row.on_delay_us
        return 0 if self.row.measure is Measure.STALE else self.row.off_delay_us

    def change(self) -> None:
        if self.raw != UNKNOWN and (self.raw == RAISED) != self.active:
            self.active, self.floor = self.raw == RAISED, self.since + self.delay()
            self.changes.append((self.row.key.rule, self.active, self.floor, self.value))

    def says(self, value: float, status: int) -> list[int]:
        unusable = status >= BAD or math.isnan(value) or (self.row.uncertain_is_bad and status == UNCERTAIN)
        match self.row.measure:
            case Measure.BAD_DATA:
                return [RAISED if unusable else CLEAR]
            case Measure.STALE:
                return [] if unusable else [CLEAR, RAISED]
            case _ if unusable:
                return [UNKNOWN]
            case Measure.STATE:
                return [RAISED if (value in self.row.states) == (self.row.sign > 0) else CLEAR]
            case _:
                beyond = self.row.sign * value - self.row.sign * self.row.limit
                return [RAISED] if beyond > 0 else [CLEAR] if beyond <= -self.row.deadband else []

    def sample(self, time: int, value: float, status: int) -> None:
        time = max(time, self.floor)
        said = self.says(value, status)
        if not said:
            self.wait(time)
        for raw in said:
            if raw == self.raw:
                self.wait(time)
                continue
            if time - self.since > self.delay():
                self.change()
            self.raw, self.since, self.value = raw, time, value
            if self.delay() == 0:
                self.change()

    def wait(self, until: int) -> None:
        if until - self.since >= self.delay():
            self.change()


def plain(rows: Sequence[ConditionRow], batches: Sequence[tuple[Sequence[Sample], int]]) -> list[object]:
    """Changes of each condition in order, of batches with their horizons."""
    signals = sorted({row.signal for row in rows})
    found: list[object] = []
    for row in rows:
        one, heard = PlainCondition(row), NEVER
        for batch, horizon in batches:
            newest: dict[int, Sample] = {}
            for sample in batch:
                if signals[sample[0]] == row.signal and sample[1] > heard:
                    newest[sample[1]] = sample
            for time in sorted(newest):
                one.sample(time, *newest[time][2:])
                heard = time
            one.wait(horizon)
        found += one.changes
    return found


levels = st.sampled_from([0.0, 8.0, 9.0, 9.5, 10.0, 10.5, 12.0, math.nan, math.inf, -math.inf])
statuses = st.sampled_from([GOOD, GOOD, GOOD, UNCERTAIN, BAD, 0xC0000000])
delays = st.sampled_from([0, 0, 1, 3, 7])


@st.composite
def conditions(draw: st.DrawFn) -> list[ConditionRow]:
    rows: list[ConditionRow] = []
    for number in range(draw(st.integers(1, 5))):
        measure = draw(st.sampled_from([Measure.VALUE, Measure.VALUE, Measure.STATE, Measure.STALE, Measure.BAD_DATA]))
        limit = 0.5 if measure is Measure.STATE else 10.0
        rows.append(
            condition(
                number,
                draw(st.integers(0, 2)),
                measure,
                sign=draw(st.sampled_from([1, -1])),
                limit=limit,
                deadband=draw(st.sampled_from([0.0, 1.0])) if measure is Measure.VALUE else 0.0,
                on_delay_us=draw(delays) + (4 if measure is Measure.STALE else 0),
                off_delay_us=draw(delays),
                states=(8, 12) if measure is Measure.STATE else (),
                uncertain_is_bad=draw(st.booleans()),
            )
        )
    return rows


@st.composite
def batches(draw: st.DrawFn, signals: int) -> list[tuple[list[Sample], int]]:
    """Batches whose samples may be repeated, late and out of order; no horizon runs ahead of samples to come."""
    found: list[tuple[list[Sample], int]] = []
    now = 0
    for _ in range(draw(st.integers(1, 5))):
        rows: list[Sample] = []
        for _ in range(draw(st.integers(0, 8))):
            time = max(now - 3, 0) + draw(st.integers(0, 12))
            rows.append((draw(st.integers(0, signals - 1)), time, draw(levels), draw(statuses)))
        now = max([now, *(time for _, time, _, _ in rows)])
        found.append((rows, now))
        now += draw(st.integers(0, 10))
    return found


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_it_does_what_one_sample_at_a_time_does(data: st.DataObject) -> None:
    rows = data.draw(conditions())
    bench = Bench(*rows)
    fed = data.draw(batches(len(bench.table.signals)))
    found: dict[str, list[object]] = {row.key.rule: [] for row in rows}
    for batch, horizon in fed:
        for change in bench.feed(*batch, horizon=horizon):
            found[change[0]].append(change)
    expected = plain(rows, fed)
    assert repr([change for changes in found.values() for change in changes]) == repr(expected)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_how_samples_are_batched_makes_no_difference(data: st.DataObject) -> None:
    rows = data.draw(conditions())
    times = sorted(data.draw(st.sets(st.integers(0, 60), min_size=1, max_size=20)))
    signals = len({row.signal for row in rows})
    stream = [(data.draw(st.integers(0, signals - 1)), time, data.draw(levels), data.draw(statuses)) for time in times]
    whole = Bench(*rows).feed(*stream, horizon=100)
    parts = Bench(*rows)
    found: list[tuple[str, bool, int, float]] = []
    for sample in stream:
        found += parts.feed(sample, horizon=sample[1])
    found += parts.feed(horizon=100)
    assert repr(sorted(found, key=lambda c: (c[0], c[2], repr(c)))) == repr(
        sorted(whole, key=lambda c: (c[0], c[2], repr(c)))
    )


def test_a_limit_is_raised_above_it_and_cleared_a_deadband_below() -> None:
    bench = Bench(condition(limit=10.0, deadband=2.0))
    assert bench.feed((0, 1, 10.0, GOOD), (0, 2, 10.1, GOOD)) == [("rule0000", True, 2, 10.1)]
    assert bench.feed((0, 3, 8.1, GOOD)) == []
    assert bench.feed((0, 4, 8.0, GOOD)) == [("rule0000", False, 4, 8.0)]


def test_a_delay_ends_with_the_clock_when_no_sample_comes() -> None:
    bench = Bench(condition(limit=10.0, on_delay_us=5 * S))
    assert bench.feed((0, S, 11.0, GOOD), horizon=6 * S - 1) == []
    assert bench.feed(horizon=6 * S) == [("rule0000", True, 6 * S, 11.0)]
    assert bench.feed(horizon=60 * S) == []


def test_a_spike_shorter_than_the_delay_is_none() -> None:
    bench = Bench(condition(limit=10.0, on_delay_us=5))
    assert bench.feed((0, 1, 11.0, GOOD), (0, 6, 9.0, GOOD), horizon=100) == []


def test_bad_data_never_raises_and_never_clears_a_limit() -> None:
    bench = Bench(condition(limit=10.0, on_delay_us=5))
    # Bad in the middle of the delay: it begins again.
    assert bench.feed((0, 1, 11.0, GOOD), (0, 4, 11.0, BAD), horizon=90) == []
    assert bench.feed((0, 91, 1e9, BAD), (0, 92, math.nan, GOOD), horizon=190) == []
    assert bench.feed((0, 191, 11.0, GOOD), horizon=196) == [("rule0000", True, 196, 11.0)]
    assert bench.feed((0, 200, 0.0, BAD), (0, 201, math.nan, GOOD), horizon=300) == []
    assert bench.feed((0, 301, 0.0, GOOD)) == [("rule0000", False, 301, 0.0)]


def test_bad_data_has_an_alarm_of_its_own() -> None:
    bench = Bench(condition(measure=Measure.BAD_DATA))
    assert bench.feed((0, 1, 11.0, GOOD), (0, 2, 11.0, BAD))[0][:3] == ("rule0000", True, 2)
    assert bench.feed((0, 3, math.nan, GOOD)) == []
    assert bench.feed((0, 4, 1.0, UNCERTAIN)) == [("rule0000", False, 4, 1.0)]


def test_silence_is_stale_from_the_beginning_and_any_good_sample_ends_it() -> None:
    bench = Bench(condition(measure=Measure.STALE, on_delay_us=10), begin=100)
    assert bench.feed(horizon=109) == []
    assert [change[:3] for change in bench.feed(horizon=110)] == [("rule0000", True, 110)]
    assert bench.feed((0, 120, 1.0, BAD), horizon=125) == []
    assert bench.feed((0, 130, 1.0, GOOD), horizon=135) == [("rule0000", False, 130, 1.0)]
    assert bench.feed(horizon=140) == [("rule0000", True, 140, 1.0)]


def test_late_and_repeated_samples_change_nothing_and_are_counted() -> None:
    bench = Bench(condition(limit=10.0))
    assert bench.feed((0, 100, 1.0, GOOD)) == []
    assert bench.feed((0, 100, 11.0, GOOD), (0, 50, 11.0, GOOD)) == []
    assert bench.standing.late.tolist() == [2]
    assert bench.feed((0, 101, 11.0, GOOD)) == [("rule0000", True, 101, 11.0)]


def test_a_sample_from_the_far_future_is_not_believed() -> None:
    bench = Bench(condition(limit=10.0))
    assert bench.feed((0, 10_000, 11.0, GOOD), latest=1000) == []
    assert bench.feed((0, 10, 12.0, GOOD), latest=1000) == [("rule0000", True, 10, 12.0)]


def test_of_two_values_at_the_same_time_the_last_to_arrive_counts() -> None:
    bench = Bench(condition(limit=10.0))
    assert bench.feed((0, 5, 11.0, GOOD), (0, 5, 9.0, GOOD)) == []


def test_a_sample_from_before_a_change_by_the_clock_counts_from_that_change_on() -> None:
    bench = Bench(condition(limit=10.0, on_delay_us=10))
    assert bench.feed((0, 0, 11.0, GOOD), horizon=20) == [("rule0000", True, 10, 11.0)]
    assert bench.feed((0, 5, 9.0, GOOD), horizon=20) == [("rule0000", False, 10, 9.0)]


def test_rates_are_taken_over_their_span() -> None:
    bench = Bench(condition(measure=Measure.RATE, limit=10.0, span_us=60 * S))
    ramp = [(0, second * S, second * 0.2, GOOD) for second in range(0, 120, 10)]
    found = [change for sample in ramp for change in bench.feed(sample)]
    # 0.2 a second are 12 a minute, and 60 s lie between the first and the seventh.
    assert [change[:3] for change in found] == [("rule0000", True, 60 * S)]
    flat = [(0, second * S, 24.0, GOOD) for second in range(130, 200, 10)]
    assert [change[:2] for sample in flat for change in bench.feed(sample)] == [("rule0000", False)]
    whole = Bench(condition(measure=Measure.RATE, limit=10.0, span_us=60 * S))
    assert [change[:2] for change in whole.feed(*ramp, *flat)] == [("rule0000", True), ("rule0000", False)]


def test_a_falling_rate_and_one_of_either_way() -> None:
    falling = condition(0, measure=Measure.RATE, sign=-1, limit=-10.0, span_us=S)
    either = condition(1, measure=Measure.RATE_EITHER_WAY, limit=10.0, span_us=S)
    bench = Bench(falling, either)
    down = [(0, 0, 0.0, GOOD), (0, 60 * S, -11.0, GOOD)]
    assert [change[:2] for change in bench.feed(*down)] == [("rule0000", True), ("rule0001", True)]
    bench = Bench(falling, either)
    up = [(0, 0, 0.0, GOOD), (0, 60 * S, 11.0, GOOD)]
    assert [change[:2] for change in bench.feed(*up)] == [("rule0001", True)]


def test_the_memory_of_rates_is_bounded() -> None:
    bench = Bench(condition(measure=Measure.RATE, limit=10.0, span_us=60 * S))
    for start in range(0, 600 * S, 60 * S):
        bench.feed(*((0, start + step * 6000, 1.0, GOOD) for step in range(10_000)))
    assert len(bench.standing.tail.row) < 140


def test_of_a_chattering_condition_changes_are_counted_and_the_end_is_right() -> None:
    bench = Bench(condition(limit=10.0))
    found = bench.feed(*((0, time, 11.0 if time % 2 else 9.0, GOOD) for time in range(1, 1002)))
    assert len(found) <= MOST_CHANGES + 1
    assert [change[1] for change in found] == [place % 2 == 0 for place in range(len(found))]
    assert found[-1][1:3] == (True, 1001)


def test_left_out_changes_add_up() -> None:
    table = ConditionTable.of([condition(limit=10.0)])
    rows = samples_of([(0, time, 11.0 if time % 2 else 9.0, GOOD) for time in range(1, 1002)])
    _, changes = evaluate(table, Standing.beginning(table, 0), rows, NEVER, FAR)
    assert int(changes.left_out.sum()) + len(changes) == 1001


def test_changes_that_are_spread_are_all_reported() -> None:
    bench = Bench(condition(limit=10.0))
    found = bench.feed(*((0, time * S // 20, 11.0 if time % 2 else 9.0, GOOD) for time in range(1, 2001)))
    assert len(found) == 2000


@pytest.mark.parametrize("uncertain_is_bad", [False, True])
def test_uncertain_data_is_used_unless_the_rule_says_no(uncertain_is_bad: bool) -> None:
    bench = Bench(condition(limit=10.0, uncertain_is_bad=uncertain_is_bad))
    assert bool(bench.feed((0, 1, 11.0, UNCERTAIN))) is not uncertain_is_bad


def test_what_has_not_changed_goes_on_and_a_changed_rule_keeps_its_alarm() -> None:
    kept, changed = condition(0, 0, limit=10.0), condition(1, 1, limit=10.0)
    bench = Bench(kept, changed)
    bench.feed((0, 1, 11.0, GOOD), (1, 1, 11.0, GOOD))
    old = bench.table
    bench.table = ConditionTable.of([kept, condition(1, 1, limit=20.0), condition(2, 0, limit=5.0)])
    bench.standing, begin = bench.standing.carried(old, bench.table, 5)
    assert [bench.table.rows[row].key.rule for row in begin.tolist()] == ["rule0002", "rule0001"]
    assert bench.standing.active.tolist() == [True, False, True]
    assert bench.standing.heard.tolist() == [1, 1]
    assert bench.feed((0, 6, 11.0, GOOD), (1, 6, 11.0, GOOD)) == [
        ("rule0002", True, 6, 11.0),
        ("rule0001", False, 6, 11.0),
    ]
