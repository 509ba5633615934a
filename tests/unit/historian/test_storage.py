"""Columns, order and merging plans, without a database."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dualspan_frame import BinaryColumn, Frame, ValueKind
from dualspan_historian.errors import CorruptSegmentError
from dualspan_historian.model import SEGMENT_BYTES
from dualspan_historian.storage.merge_plan import plan
from dualspan_historian.storage.order import sort_samples
from dualspan_historian.storage.segment_store import SegmentInfo
from dualspan_historian.storage.segments import seal
from dualspan_historian.storage.timestamps import decode_timestamps, encode_timestamps
from dualspan_historian.storage.values import decode_status, decode_values, encode_status, encode_values
from harness.historian import block, ramp

SHAPE = st.integers(1, 200)
DTYPES = {
    np.dtype(np.float64): ValueKind.FLOAT64,
    np.dtype(np.int64): ValueKind.INT64,
    np.dtype(np.bool_): ValueKind.BOOL,
}


@given(hnp.arrays(np.int64, SHAPE, elements=st.integers(0, 1 << 60)))
@settings(max_examples=200, deadline=None)
def test_any_timestamps_survive(ts: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    ts = np.sort(ts)
    np.testing.assert_array_equal(decode_timestamps(encode_timestamps(ts, 4), len(ts)), ts)


@given(
    st.integers(2, 400),
    st.sampled_from([1, 1000, 100_000, 1_000_000, 99_997]),
    st.sampled_from([0, 1, 499, 3_000]),
    st.sampled_from([1, 10, 1000]),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_sampled_timestamps_survive(count: int, step: int, jitter: int, unit: int, holes: int, random: Any) -> None:
    ts = 1_760_000_000_000_000 + np.arange(count) * step
    ts += np.array([random.randint(-jitter, jitter) * unit for _ in range(count)])
    for _ in range(holes):
        place = random.randrange(len(ts))
        ts = np.delete(ts, slice(place, place + random.randint(1, 10))) if len(ts) > 20 else ts
    ts = np.sort(ts)
    np.testing.assert_array_equal(decode_timestamps(encode_timestamps(ts, 4), len(ts)), ts)


@pytest.mark.parametrize("thorough", [True, False])
@given(
    st.one_of(
        hnp.arrays(np.float64, SHAPE),
        hnp.arrays(np.float64, SHAPE, elements=st.integers(-(10**9), 10**9).map(lambda number: number / 100)),
        hnp.arrays(
            np.float64, SHAPE, elements=st.sampled_from([0.0, -0.0, 0.1, 70.25, np.nan, np.inf, -np.inf, 1e300])
        ),
        hnp.arrays(np.int64, SHAPE),
        hnp.arrays(np.bool_, SHAPE),
    )
)
@settings(max_examples=200, deadline=None)
def test_any_values_survive_bit_for_bit(thorough: bool, values: Any) -> None:
    kind = DTYPES[values.dtype]
    back = decode_values(encode_values(values, 4, thorough=thorough), kind, len(values))
    assert not isinstance(back, BinaryColumn)
    assert back.dtype == values.dtype
    assert back.tobytes() == values.tobytes()


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_any_contents_survive(contents: list[bytes]) -> None:
    column = BinaryColumn.from_list(contents)
    assert decode_values(encode_values(column, 4), ValueKind.BYTES, len(column)) == column


@given(hnp.arrays(np.uint32, SHAPE, elements=st.sampled_from([0, 0, 0, 0x80000000, 0x40A40000])))
@settings(max_examples=100, deadline=None)
def test_any_status_survives(status: np.ndarray[Any, np.dtype[np.uint32]]) -> None:
    np.testing.assert_array_equal(decode_status(encode_status(status, 4), len(status)), status)


def test_good_status_takes_no_room() -> None:
    assert encode_status(np.zeros(1000, np.uint32), 4) is None


@pytest.mark.parametrize("values", [np.arange(500) / 4, np.arange(500), np.arange(500) % 40 < 20])
def test_a_damaged_column_is_found_or_decodes_to_as_many_values(values: Any) -> None:
    kind = DTYPES[values.dtype]
    data = encode_values(values, 4)
    for cut in (0, 1, 5, len(data) // 2):
        try:
            back = decode_values(data[:cut], kind, len(values))
        except CorruptSegmentError:
            continue
        assert len(back) == len(values)


def test_decimals_and_grids_are_small() -> None:
    random = np.random.default_rng(5)
    ts = 1_760_000_000_000_000 + np.arange(6000) * 100_000 + random.integers(-1, 2, 6000) * 1000
    value = np.round(70 + np.cumsum(random.normal(0, 0.02, 6000)), 2)
    # log2(3) bits is what a jitter of three equally likely values holds.
    assert len(encode_timestamps(ts, 4)) / 6000 < 0.22
    assert len(encode_values(value, 8)) / 6000 < 0.45


ROWS = st.lists(
    st.tuples(
        st.integers(1, 3), st.integers(0, 5), st.sampled_from([0.0, -0.0, 1.0]), st.sampled_from([0, 0x80000000])
    ),
    min_size=1,
    max_size=60,
)


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_sorting_is_stable_and_drops_exact_repeats(rows: list[tuple[int, int, float, int]]) -> None:
    tags, times, values, status = zip(*rows, strict=True)
    result = sort_samples(block(tags, times, values, status))
    seen: dict[tuple[int, int, bytes, int], None] = {}
    for tag, t, value, one in sorted(rows, key=lambda row: (row[0], row[1])):
        seen[tag, t, np.float64(value).tobytes(), one] = None
    bits = [np.float64(value).tobytes() for value in np.asarray(result.value).tolist()]
    assert list(zip(result.tag.tolist(), result.timestamp.tolist(), bits, result.status.tolist(), strict=True)) == list(
        seen
    )


def test_sealing_cuts_at_long_pauses_and_at_the_largest_size() -> None:
    hour = 3600
    frames = [ramp([1], 0, 100), ramp([1], 30 * 24 * hour, 100)]
    assert [segment.sample_count for segment in seal(frames).segments] == [100, 100]
    assert [segment.sample_count for segment in seal(frames, merging=True).segments] == [200]
    assert [segment.sample_count for segment in seal([ramp([1], 0, 70_000)]).segments] == [35_000, 35_000]
    assert seal([Frame()]).segments == []


def test_segments_of_text_are_cut_by_bytes_too() -> None:
    value = BinaryColumn.from_list([bytes([n % 251]) * 60_000 for n in range(700)])
    frame = Frame((block(np.full(700, 1), np.arange(700), value, kind=ValueKind.TEXT),))
    for merging in (False, True):
        segments = seal([frame], merging=merging).segments
        assert sum(segment.sample_count for segment in segments) == 700
        assert len(segments) == 3
        assert all(segment.sample_count * 60_000 <= SEGMENT_BYTES + 60_000 for segment in segments)
        assert all(segment.decoded_bytes >= segment.sample_count * 60_000 for segment in segments)


def _info(number: int, t: int, count: int, size: int = 0) -> SegmentInfo:
    return SegmentInfo(
        1, number, number, ValueKind.FLOAT64, t, t + count - 1, count, count, 0.0, 0.0, 0.0, size or 28 * count
    )


def test_merging_stops_at_the_bytes_of_a_segment() -> None:
    mebibyte = 1 << 20
    assert plan([_info(n, n * 10, 10, 9 * mebibyte) for n in range(20)]) == []
    (group,) = plan([_info(n, n * 10, 10, 5 * mebibyte) for n in range(20)])
    assert len(group) == 4


def test_a_sample_is_rewritten_a_bounded_number_of_times() -> None:
    segments: list[SegmentInfo] = []
    written, t, number = 0, 0, 0
    for _ in range(4000):
        segments.append(_info(number, t, 60))
        t, number = t + 60, number + 1
        for group in plan([one for one in segments if one.sample_count < 32768]):
            total = sum(one.sample_count for one in group)
            written += total
            segments = sorted(
                [one for one in segments if one not in group] + [_info(number, group[0].t_min, total)],
                key=lambda one: one.t_min,
            )
            number += 1
    assert written / t < 5
    assert len(segments) < 40
    assert max(one.sample_count for one in segments) <= 131_072
