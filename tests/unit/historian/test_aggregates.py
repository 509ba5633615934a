"""The aggregates of Part 13, against a slow and plain reference and against the standard's own example."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualspan.historian.v1 import resources_pb2
from dualspan_historian.model import BAD_NO_DATA
from dualspan_historian.read.aggregates import (
    BAD,
    CALCULATED,
    INTERPOLATED,
    KNOWN,
    PARTIAL,
    RAW,
    UNCERTAIN_DATA_SUB_NORMAL,
    Aggregate,
    Calculation,
    Series,
)
from dualspan_historian.read.intervals import Intervals
from dualspan_historian.read.samples import Rules, Samples
from harness.part13 import Reference, Sample

SECOND = 1_000_000


def compute(samples: list[Sample], aggregate: Aggregate, start: int, end: int, length: int, rules: Rules) -> Series:
    ts = np.array([sample.t for sample in samples], np.int64)
    arrays = Samples(
        ts,
        np.array([sample.value for sample in samples], np.float64),
        np.array([sample.status for sample in samples], np.uint32),
        int(ts[0]) if len(ts) else None,
        int(ts[-1]) if len(ts) else None,
        rules.treat_uncertain_as_bad,
    )
    return Calculation(arrays, Intervals.between(start, end, length), rules).compute(aggregate)


# Few distinct times and values: ties, edges that are hit exactly, equal extremes.
SAMPLE = st.builds(
    Sample,
    st.integers(0, 40).map(lambda second: second * SECOND // 2),
    st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6), st.just(math.nan)),
    st.sampled_from([0, 0, 0, 0, 0x40000000, 0x80000000, 0x80310000, 0x00000480]),
)
RULES = st.builds(
    Rules,
    sloped=st.booleans(),
    treat_uncertain_as_bad=st.booleans(),
    percent_good=st.sampled_from([100.0, 60.0, 0.0]),
    percent_bad=st.sampled_from([100.0, 40.0]),
    sloped_extrapolation=st.booleans(),
)


@pytest.mark.parametrize("aggregate", sorted(KNOWN), ids=resources_pb2.Aggregate.Name)
@given(
    samples=st.lists(SAMPLE, max_size=30),
    start=st.integers(-5, 25),
    span=st.integers(-20, 20).filter(bool),
    length=st.sampled_from([0, 1, 3, 7, 100]),
    rules=RULES,
)
@settings(max_examples=60, deadline=None)
def test_fast_is_plain(
    aggregate: Aggregate, samples: list[Sample], start: int, span: int, length: int, rules: Rules
) -> None:
    samples = sorted(samples, key=lambda sample: sample.t)
    begin, end, step = start * SECOND, (start + span) * SECOND, length * SECOND
    fast = compute(samples, aggregate, begin, end, step, rules)
    plain = Reference(samples, rules).compute(aggregate, begin, end, step)
    assert fast.timestamp.tolist() == [answer.t for answer in plain]
    assert [hex(status) for status in fast.status.tolist()] == [hex(answer.status) for answer in plain]
    # Cancelling sums of values up to 1e6 over 20 s leave this much.
    np.testing.assert_allclose(fast.value, [answer.value for answer in plain], rtol=1e-9, atol=1e-5)


# Part 13, Annex A: the data of "Historian 1", seconds after 12:00:00.
HISTORIAN_1 = [
    Sample(0, math.nan, 0x809B0000),
    *(Sample(second * SECOND, float(second)) for second in (10, 20, 30)),
    Sample(40 * SECOND, 40.0, 0x80000000),
    *(Sample(second * SECOND, float(second)) for second in (50, 60)),
    Sample(70 * SECOND, 70.0, 0x40000000),
    *(Sample(second * SECOND, float(second)) for second in (80, 90)),
]
HISTORIAN_1_RULES = Rules(sloped=True, treat_uncertain_as_bad=True)


def test_interpolative_of_historian_1() -> None:
    series = compute(HISTORIAN_1, resources_pb2.AGGREGATE_INTERPOLATIVE, 0, 100 * SECOND, 5 * SECOND, HISTORIAN_1_RULES)
    assert series.status[:2].tolist() == [BAD_NO_DATA, BAD_NO_DATA]
    assert np.isnan(series.value[:2]).all()
    assert series.value[2:].tolist() == [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 90]
    kinds = series.status[2:] & ~np.uint32(PARTIAL)
    raw, good = RAW, INTERPOLATED
    doubtful = UNCERTAIN_DATA_SUB_NORMAL | INTERPOLATED
    expected = [raw, good, raw, good, raw, *[doubtful] * 3, raw, good, raw, *[doubtful] * 3, raw, good, raw, doubtful]
    assert kinds.tolist() == expected


def test_average_and_count_of_historian_1() -> None:
    average = compute(HISTORIAN_1, resources_pb2.AGGREGATE_AVERAGE, 0, 96 * SECOND, 16 * SECOND, HISTORIAN_1_RULES)
    np.testing.assert_array_equal(average.value, [10, 25, math.nan, 55, math.nan, 85])
    assert average.status[2] == BAD_NO_DATA
    assert average.status[3] == CALCULATED
    count = compute(HISTORIAN_1, resources_pb2.AGGREGATE_COUNT, 0, 96 * SECOND, 16 * SECOND, HISTORIAN_1_RULES)
    np.testing.assert_array_equal(count.value, [1, 2, math.nan, 2, math.nan, 2])
    assert count.status[2] == BAD


def test_an_interval_without_samples() -> None:
    rules = Rules()
    assert (
        compute(HISTORIAN_1, resources_pb2.AGGREGATE_AVERAGE, 11 * SECOND, 19 * SECOND, 0, rules).status[0]
        == BAD_NO_DATA
    )
    count = compute(HISTORIAN_1, resources_pb2.AGGREGATE_COUNT, 11 * SECOND, 19 * SECOND, 0, rules)
    assert (count.value[0], count.status[0]) == (0, CALCULATED)
    held = compute(HISTORIAN_1, resources_pb2.AGGREGATE_TIME_AVERAGE2, 11 * SECOND, 19 * SECOND, 0, rules)
    assert (held.value[0], held.status[0]) == (10, CALCULATED)


def test_intervals_run_backwards_from_a_later_start() -> None:
    samples = [Sample(second * SECOND, float(second)) for second in range(30)]
    series = compute(samples, resources_pb2.AGGREGATE_START, 25 * SECOND, 5 * SECOND, 10 * SECOND, Rules())
    # (15, 25] and (5, 15]: the start is included, the end is not.
    assert series.value.tolist() == [16, 6]
    average = compute(samples, resources_pb2.AGGREGATE_AVERAGE, 25 * SECOND, 5 * SECOND, 10 * SECOND, Rules())
    assert average.timestamp.tolist() == [25 * SECOND, 15 * SECOND]
    assert average.value.tolist() == [20.5, 10.5]


def test_a_large_offset_does_not_cancel_the_deviation() -> None:
    samples = [Sample(i * SECOND, 1e9 + (i % 2)) for i in range(1000)]
    series = compute(samples, resources_pb2.AGGREGATE_STANDARD_DEVIATION_POPULATION, 0, 1000 * SECOND, 0, Rules())
    assert series.value[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [
        (resources_pb2.AGGREGATE_COUNT, 2.0),
        (resources_pb2.AGGREGATE_AVERAGE, 20.0),
        (resources_pb2.AGGREGATE_STANDARD_DEVIATION_POPULATION, 10.0),
        (resources_pb2.AGGREGATE_DELTA, 20.0),
        (resources_pb2.AGGREGATE_TIME_AVERAGE2, 12.0),
        (resources_pb2.AGGREGATE_PERCENT_GOOD, 100.0),
    ],
)
def test_what_was_only_repeated_counts_as_time_and_not_as_a_value(aggregate: Aggregate, value: float) -> None:
    held = [Sample(second * SECOND, 10.0, INTERPOLATED) for second in range(1, 9)]
    samples = [Sample(0, 10.0, 0), *held, Sample(9 * SECOND, 30.0, 0), Sample(10 * SECOND, 30.0, 0)]
    series = compute(samples, aggregate, 0, 10 * SECOND, 10 * SECOND, Rules(sloped=False))
    assert series.value.tolist() == [pytest.approx(value)]
    assert not series.status[0] & BAD


def test_every_aggregate_of_the_contract_can_be_asked_for() -> None:
    assert set(resources_pb2.Aggregate.values()) == KNOWN | {resources_pb2.AGGREGATE_UNSPECIFIED}
