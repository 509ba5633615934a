"""The checker finds every way in which samples can go missing, come twice or change."""

import numpy as np
import pytest

from harness.completeness import Floats, Ints, Sent, Span, Stored, Tally, Verdict, judge

TICK_US = 1000
SINCE, UNTIL = 10_000, 110_000  # 100 ticks


def values(variable: Ints, tick: Ints) -> Floats:
    return (variable * 1e6 + tick).astype(np.float64)


SENT = Sent({7: 0, 8: 1}, TICK_US, values)


def everything() -> Stored:
    tick = np.arange(10, 110, dtype=np.int64)
    columns = [
        (np.full(100, tag, np.int64), tick * TICK_US, values(np.full(100, v), tick)) for tag, v in ((7, 0), (8, 1))
    ]
    return Stored(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))


def pick(stored: Stored, rows: Ints) -> Stored:
    return Stored(stored.tag[rows], stored.timestamp[rows], stored.value[rows])


def verdict(stored: Stored, *gaps: Span) -> Verdict:
    return judge(SENT, stored, gaps, since_us=SINCE, until_us=UNTIL)


def test_complete() -> None:
    assert verdict(everything()) == Verdict(kept=200, examples=[])


@pytest.mark.parametrize("row", [0, 50, 99, 100, 199])
def test_one_lost(row: int) -> None:
    found = verdict(pick(everything(), np.delete(np.arange(200), row)))
    assert (found.kept, found.lost, found.is_clean) == (199, 1, False)


def test_a_whole_tag_lost() -> None:
    assert verdict(pick(everything(), np.arange(100))).lost == 100


def test_lost_within_a_gap_is_admitted() -> None:
    stored = pick(everything(), np.delete(np.arange(200), [20, 21, 22]))
    gap = Span(7, (10 + 20) * TICK_US, (10 + 22) * TICK_US)
    assert verdict(stored, gap) == Verdict(kept=197, admitted=3, examples=[])
    assert verdict(stored, Span(0, gap.start_us, gap.end_us)).is_clean
    assert verdict(stored, Span(8, gap.start_us, gap.end_us)).lost == 3
    assert verdict(stored, Span(7, gap.start_us, gap.end_us - TICK_US)).lost == 1


def test_doubled() -> None:
    found = verdict(pick(everything(), np.sort(np.append(np.arange(200), [5, 5, 150]))))
    assert (found.kept, found.doubled, found.disordered, found.is_clean) == (200, 3, 0, False)


def test_out_of_order() -> None:
    rows = np.arange(200)
    rows[[3, 4]] = rows[[4, 3]]
    found = verdict(pick(everything(), rows))
    assert (found.lost, found.disordered, found.is_clean) == (0, 1, False)


def test_changed_value() -> None:
    stored = everything()
    stored.value[42] += 1
    found = verdict(stored)
    assert (found.wrong, found.lost, found.is_clean) == (1, 1, False)


def test_never_sent() -> None:
    stored = everything()
    stored.timestamp[42] += 1
    assert verdict(stored).wrong == 1
    stored = everything()
    stored.tag[42] = 9
    assert verdict(stored).wrong == 1


@pytest.mark.parametrize(
    ("tally", "repeated"),
    [
        (Tally(sealed=900, unsealed=100, dropped=0, stored=1000), 0),
        (Tally(sealed=900, unsealed=200, dropped=0, stored=1000), 100),
        (Tally(sealed=1000, unsealed=0, dropped=100, stored=1000), 100),
    ],
)
def test_a_frame_committed_twice_is_counted_before_and_after_it_is_sealed(tally: Tally, repeated: int) -> None:
    assert tally.repeated == repeated
