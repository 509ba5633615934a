"""From frames of tags to columns of properties, held against one sample at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind
from dualspan_sdk import PropertyRef
from dualspan_sdk._assets import Source
from dualspan_sdk._columns import plain_values
from dualspan_sdk._routes import LiveRoutes, by_tag, columns_of

SAMPLES = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30), st.integers(-5, 5)), max_size=40)


def frame_of(rows: list[tuple[int, int, int]]) -> Frame:
    tag, time, value = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    return Frame((Block(ValueKind.INT64, tag, time, np.zeros(len(rows), np.uint32), value),))


def refs(count: int) -> list[PropertyRef]:
    return [PropertyRef("m1", f"p{n}") for n in range(count)]


@given(SAMPLES)
def test_samples_by_tag_are_in_order_of_time(rows: list[tuple[int, int, int]]) -> None:
    found = {
        tag: zip(block.timestamp, plain_values(block.value, block.kind), strict=True)
        for tag, block in by_tag(frame_of(rows)).items()
    }
    expected: dict[int, list[tuple[int, int]]] = {}
    for tag, time, value in rows:
        expected.setdefault(tag, []).append((time, value))
    in_order = {tag: sorted(samples, key=lambda each: each[0]) for tag, samples in expected.items()}
    assert {tag: [(int(time), int(value)) for time, value in samples] for tag, samples in found.items()} == in_order


@given(st.lists(SAMPLES, max_size=4), st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_each_sample_comes_once_to_every_property_of_its_tag(
    frames: list[list[tuple[int, int, int]]], bound: list[int]
) -> None:
    routes = LiveRoutes(refs(len(bound)), [Source(tag, 2.0, 1.0) for tag in bound])
    newest = dict.fromkeys(range(len(bound)), -1)
    for rows in frames:
        got = [
            (int(place), int(time), float(value))
            for columns in routes.take(frame_of(rows))
            for place, time, value in zip(columns.place, columns.timestamp, columns.value, strict=True)
        ]
        expected = [
            (place, time, value * 2.0 + 1.0)
            for tag, time, value in rows
            for place, mine in enumerate(bound)
            if mine == tag and time > newest[place]
        ]
        assert sorted(got) == sorted(expected)
        for place, time, _ in expected:
            newest[place] = max(newest[place], time)


def test_a_reader_that_fell_behind_knows_since_when() -> None:
    routes = LiveRoutes(refs(2), [Source(1, 1.0, 0.0), Source(2, 1.0, 0.0)])
    assert routes.since is None
    list(routes.take(frame_of([(1, 10, 0), (2, 20, 0)])))
    assert routes.since == 11


def test_text_is_decoded_and_structures_stay_bytes() -> None:
    column = BinaryColumn.from_list(["läuft", "steht", "läuft"])
    assert plain_values(column, ValueKind.TEXT).tolist() == ["läuft", "steht", "läuft"]
    assert plain_values(BinaryColumn.from_list([b"\xff\x00"]), ValueKind.BYTES).tolist() == [b"\xff\x00"]
    assert plain_values(BinaryColumn.from_list([b"\xff"]), ValueKind.TEXT).tolist() == ["\ufffd"]


def test_a_property_without_samples_has_columns_of_its_kind() -> None:
    empty = columns_of(None, PropertyRef("m1", "p"), Source(1, 1.0, 0.0), "kW", ValueKind.INT64)
    assert len(empty) == 0
    assert empty.value.dtype == np.int64
    assert empty.unit == "kW"
