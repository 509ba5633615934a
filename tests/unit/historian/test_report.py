"""The figures of a report, against a plain count of moments."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dualspan_historian.model import GapState
from dualspan_historian.report.document import canonical
from dualspan_historian.report.model import (
    NEVER_RECORDED,
    Counted,
    LedgerGap,
    ReportTag,
    TagRecord,
    TagRepair,
    figures,
)
from dualspan_historian.report.spans import Span, clip, length, subtract, union

LAST = 60
spans = st.tuples(st.integers(0, LAST), st.integers(0, LAST)).map(lambda pair: (min(pair), max(pair)))
TAG = ReportTag(1, "a", "s")


def moments(some: Sequence[Span]) -> set[int]:
    return {moment for start, end in some for moment in range(start, end)}


@given(st.lists(spans), st.lists(spans), spans)
def test_spans_are_sets_of_moments(one: list[Span], other: list[Span], within: Span) -> None:
    joined = union(one)
    assert moments(joined) == moments(one)
    assert length(joined) == len(moments(one))
    assert all(before[1] < after[0] for before, after in pairwise(joined))
    assert moments(subtract(joined, union(other))) == moments(one) - moments(other)
    assert moments(clip(joined, within)) == moments(one) & moments([within])


@st.composite
def gaps(draw: st.DrawFn) -> tuple[list[LedgerGap], dict[int, TagRepair]]:
    found: list[LedgerGap] = []
    repairs: dict[int, TagRepair] = {}
    for gap_id, span in enumerate(draw(st.lists(spans.filter(lambda one: one[0] < one[1]), max_size=5))):
        found.append(LedgerGap(gap_id, 0, "g", "s", *span, draw(st.integers(1, 3)), 0, "", GapState.OPEN, "", 0))
        state = draw(st.sampled_from(list(GapState)))
        missing = tuple(clip([draw(spans)], span)) if state == GapState.PARTLY_REPAIRED else ()
        if state != GapState.OPEN:
            repairs[gap_id] = TagRepair(state, missing)
    return found, repairs


@given(
    gaps(), spans, st.integers(0, LAST), st.integers(0, LAST), st.none() | st.integers(0, LAST),
    st.none() | st.integers(0, LAST),
)  # fmt: skip
def test_every_moment_is_received_repaired_missing_or_pending(
    ledger: tuple[list[LedgerGap], dict[int, TagRepair]],
    period: Span,
    started: int,
    complete: int,
    hole: int | None,
    ended: int | None,
) -> None:
    found, repairs = ledger
    record = TagRecord(1, "g", "s", 0, started, None, 0, complete, hole)
    tag = ReportTag(1, "a", "s", ended or None)
    line = figures(tag, record, found, repairs, Counted(10, 4), period)
    expected = {m for m in moments([period]) if m >= started and (not ended or m < ended)}
    pending = {m for m in expected if m >= complete}
    told = expected - pending
    missing: set[int] = set()
    repaired: set[int] = set()
    for gap in found:
        whole = moments([] if gap.span is None else [gap.span])
        repair = repairs.get(gap.gap_id)
        if repair is None or repair.state == GapState.UNREPAIRABLE:
            missing |= whole
        else:
            repaired |= whole
            missing |= moments(repair.missing)
    if hole is not None:
        missing |= {m for m in expected if m >= hole}
    missing &= told
    repaired = (repaired & told) - missing
    times = line.times
    assert (times.expected, times.pending) == (len(expected), len(pending))
    assert (times.missing, times.repaired) == (len(missing), len(repaired))
    assert times.received == len(told) - len(missing) - len(repaired)
    assert sum(line.causes.values()) == len(missing)
    assert (line.received_samples, line.repaired_samples) == (6, 4)


def test_a_tag_that_was_never_recorded_misses_everything() -> None:
    record = TagRecord(1, "g", "", 10, None, None, 0, None, None)
    line = figures(TAG, record, [], {}, Counted(0, 0), (0, 100))
    assert (line.times.expected, line.times.missing, dict(line.causes)) == (90, 90, {NEVER_RECORDED: 90})
    assert not line.is_complete
    # Its gateway is of before such things were told; there are samples.
    line = figures(TAG, record, [], {}, Counted(5, 0), (0, 100))
    assert (line.times.pending, line.times.missing) == (90, 0)


def test_cyclic_reading_has_a_number_of_reads_that_were_due() -> None:
    record = TagRecord(1, "g", "s", 0, 0, None, 10, 100, None)
    lost = LedgerGap(1, 0, "g", "s", 35, 50, 1, 0, "", GapState.OPEN, "", 0)
    line = figures(TAG, record, [lost], {}, Counted(8, 1), (0, 100))
    assert (line.expected_samples, line.missing_samples, line.is_complete) == (10, 2, False)


def test_a_value_that_does_not_change_is_one_sample_however_often_it_is_read() -> None:
    record = TagRecord(1, "g", "s", 0, 0, None, 10, 100, None)
    line = figures(TAG, record, [], {}, Counted(1, 0), (0, 100))
    assert (line.expected_samples, line.missing_samples, line.is_complete) == (10, 0, True)


def test_canonical_json_is_that_of_rfc_8785() -> None:
    content = {"b": [True, None, 7], "a": 'é\u2028"\\\n\x01\x7f', "": {}}
    assert canonical(content) == '{"":{},"a":"é\u2028\\"\\\\\\n\\u0001\x7f","b":[true,null,7]}'.encode()
