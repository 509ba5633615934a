"""How samples become frames: nothing is lost or moved by it, and no frame is longer than what the historian takes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dualspan.frame.v1 import frame_pb2
from dualspan_edge.batch import Batch, bytes_of, encode_batch
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, decode_frame

LENGTHS = st.lists(st.integers(0, 300), min_size=1, max_size=40)


def texts(tag: int, lengths: list[int]) -> Block:
    column = BinaryColumn.from_list(bytes([65 + size % 26]) * size for size in lengths)
    return _block(ValueKind.TEXT, tag, column)


def numbers(tag: int, count: int) -> Block:
    return _block(ValueKind.FLOAT64, tag, np.arange(count, dtype=np.float64))


def _block(kind: ValueKind, tag: int, value: BinaryColumn | np.ndarray) -> Block:
    count = len(value)
    time = np.arange(count, dtype=np.int64)
    return Block(kind, np.full(count, tag, np.int64), time, np.zeros(count, np.uint32), value)


def frames_of(batch: Batch, most_samples: int, most_bytes: int) -> list[Frame]:
    stored = encode_batch(batch, most_samples, most_bytes)
    return [decode_frame(frame_pb2.Frame.FromString(frame.payload)) for frame in stored]


@given(st.lists(st.tuples(LENGTHS, st.integers(0, 60)), min_size=1, max_size=5))
def test_any_notifications_become_frames_that_hold_them_in_order(drawn: list[tuple[list[int], int]]) -> None:
    batch = Batch(blocks=[(texts(1, lengths), numbers(2, count)) for lengths, count in drawn])
    frames = frames_of(batch, 25, 1000)
    expected = Frame.concat(Frame((block,)) for blocks in batch.blocks for block in blocks if len(block))
    assert Frame.concat(frames).same_as(expected)
    for frame in frames:
        assert frame.sample_count <= 25
        assert frame.sample_count == 1 or sum(bytes_of(block) for block in frame.blocks) <= 1000


def test_a_notification_of_long_texts_is_many_frames() -> None:
    batch = Batch(blocks=[(texts(1, [60_000] * 200),)])
    stored = encode_batch(batch, 50_000, 1_500_000)
    assert [frame.sample_count for frame in stored] == [24] * 8 + [8]
