"""Values that a gateway has repeated after a silence are stored, and are in no statistics."""

import numpy as np

from dualspan_frame import Block, Frame, ValueKind
from dualspan_historian.model import HELD
from dualspan_historian.storage.segments import seal


def test_a_segment_with_repeated_values_cannot_stand_for_its_samples() -> None:
    status = np.array([0, HELD, HELD, 0], np.uint32)
    block = Block(
        ValueKind.FLOAT64, np.full(4, 7, np.int64), np.arange(4, dtype=np.int64), status, np.array([1.0, 1.0, 1.0, 4.0])
    )
    (segment,) = seal([Frame((block,))]).segments
    assert (segment.sample_count, segment.good_count, segment.v_sum) == (4, 2, 5.0)
