"""What is said of a tag's part of a gap, whatever its server answers."""

import numpy as np
import pytest
from asyncua import ua

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.batch import bytes_of
from dualspan_edge.repair_parts import TagPart, Verdict, is_busy, judge, steps_of, unreadable
from dualspan_frame import BinaryColumn, Block, ValueKind

GAP = "tenants/acme/gaps/7"
SECOND = 1_000_000
START, END = 1_795_000_000 * SECOND, 1_795_000_100 * SECOND


def part(begin: int = START, kind: ValueKind = ValueKind.FLOAT64) -> TagPart:
    tag = gateway.TagConfiguration(tag_id=1, node_id="nsu=urn:a;s=x", kind=int(kind))  # pyright: ignore[reportArgumentType]
    return TagPart(tag, START, END, begin, ["", "urn:a"])


def block(*seconds: float, status: int = 0) -> Block:
    times = START + (np.array(seconds) * SECOND).astype(np.int64)
    count = len(seconds)
    return Block(
        ValueKind.FLOAT64,
        np.ones(count, np.int64),
        times,
        np.full(count, status, np.uint32),
        np.arange(count, dtype=np.float64),
    )


def test_all_that_history_has_fills_the_gap() -> None:
    one = part()
    one.reaches_back = True
    one.take(block(1, 2, 3), b"more", answered=1, asked=1000)
    (first,) = steps_of(GAP, [one])
    (step,) = first.repairs
    assert (step.done, step.until_time.ToMicroseconds()) == (False, START + 3 * SECOND)
    one.take(block(3, 50), b"", answered=1, asked=1000)
    (last,) = steps_of(GAP, [one])
    (step,) = last.repairs
    assert (step.done, list(step.missing), step.until_time.ToMicroseconds()) == (True, [], END)
    assert len(last.blocks[0]) == 2


def test_history_that_begins_later_leaves_the_beginning_missing() -> None:
    one = part()
    one.take(block(30, 40), b"", answered=1, asked=1000)
    (step,) = steps_of(GAP, [one])[0].repairs
    (missing,) = step.missing
    assert (missing.start_time.ToMicroseconds(), missing.end_time.ToMicroseconds()) == (START, START + 30 * SECOND)
    assert "does not reach back" in missing.detail


def test_history_that_has_nothing_is_said_to_have_nothing_unless_nothing_happened() -> None:
    silent, unchanged = part(), part()
    silent.take(block(), b"", answered=1, asked=1000)
    unchanged.take(block(), b"", answered=1, asked=1000)
    assert silent.is_silent
    assert unchanged.is_silent
    silent.unchanged_since(START + SECOND)
    unchanged.unchanged_since(START - SECOND)
    (missing,) = steps_of(GAP, [silent])[0].repairs[0].missing
    assert not missing.HasField("end_time")
    step = steps_of(GAP, [unchanged])[0].repairs[0]
    assert step.done
    assert not step.missing


def test_a_hole_in_the_servers_own_history_is_no_sample() -> None:
    one = part()
    one.reaches_back = True
    marked = block(10, 20, 30)
    marked.status[1] = ua.StatusCodes.BadDataLost
    one.take(marked, b"", answered=1, asked=1000)
    repaired = steps_of(GAP, [one])[0]
    assert len(repaired.blocks[0]) == 2
    (missing,) = repaired.repairs[0].missing
    assert missing.start_time.ToMicroseconds() == START + 20 * SECOND
    assert missing.end_time.ToMicroseconds() == START + 30 * SECOND


def test_a_full_answer_without_a_continuation_point_is_asked_on() -> None:
    one = part()
    one.reaches_back = True
    one.take(block(1, 2, 3), b"", answered=3, asked=3)
    assert (one.done, one.begin) == (False, START + 3 * SECOND)
    assert not steps_of(GAP, [one])[0].repairs[0].done
    one.take(block(3), b"", answered=1, asked=1000)
    assert one.done
    (step,) = steps_of(GAP, [one])[0].repairs
    assert (step.done, list(step.missing)) == (True, [])


def test_the_number_asked_for_may_go_for_all_answers_together() -> None:
    one = part()
    one.reaches_back = True
    one.take(block(1, 2, 3), b"more", answered=3, asked=6)
    one.take(block(4, 5, 6), b"", answered=3, asked=6)
    assert (one.done, one.begin) == (False, START + 6 * SECOND)
    one.take(block(6, 7), b"", answered=2, asked=6)
    assert one.done


def test_a_server_that_repeats_itself_is_given_up() -> None:
    one = part()
    one.reaches_back = True
    one.take(block(1), b"again", answered=1, asked=1000)
    for _ in range(3):
        assert not one.done
        one.take(block(1), b"again", answered=1, asked=1000)
    assert one.done
    (step,) = steps_of(GAP, [one])[0].repairs
    assert step.missing[0].start_time.ToMicroseconds() == START + SECOND


def test_what_an_earlier_attempt_has_read_is_not_doubted() -> None:
    one = part(begin=START + 60 * SECOND)
    one.take(block(70), b"", answered=1, asked=1000)
    (step,) = steps_of(GAP, [one])[0].repairs
    assert not step.missing


@pytest.mark.parametrize("sizes", [[60_000] * 100, [10] * 60 + [1_000_000] * 8 + [10] * 32], ids=["even", "uneven"])
def test_large_values_are_cut_into_frames_that_each_say_how_far(sizes: list[int]) -> None:
    one = part(kind=ValueKind.TEXT)
    one.reaches_back = True
    times = START + np.arange(100, dtype=np.int64) * SECOND
    texts = BinaryColumn.from_list([b"x" * size for size in sizes])
    one.take(
        Block(ValueKind.TEXT, np.ones(100, np.int64), times, np.zeros(100, np.uint32), texts),
        b"",
        answered=1,
        asked=1000,
    )
    frames = steps_of(GAP, [one])
    assert len(frames) >= 5
    assert sum(len(block) for frame in frames for block in frame.blocks) == 100
    assert max(sum(bytes_of(block) for block in frame.blocks) for frame in frames) < 1_300_000
    steps = [step for frame in frames for step in frame.repairs]
    assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
    untils = [step.until_time.ToMicroseconds() for step in steps]
    assert untils == sorted(untils)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (0, Verdict.READABLE),
        (ua.StatusCodes.GoodNoData, Verdict.READABLE),
        (ua.StatusCodes.BadNoData, Verdict.READABLE),
        (ua.StatusCodes.BadHistoryOperationUnsupported, Verdict.NEVER),
        (ua.StatusCodes.BadUserAccessDenied, Verdict.NEVER),
        (ua.StatusCodes.BadTimeout, Verdict.LATER),
        (ua.StatusCodes.BadTooManyOperations, Verdict.LATER),
    ],
)
def test_statuses(status: int, verdict: Verdict) -> None:
    assert judge(status) is verdict


def test_words_say_why() -> None:
    assert unreadable(ua.StatusCodes.BadUserAccessDenied).startswith("access denied")
    assert "no history" in unreadable(ua.StatusCodes.BadHistoryOperationUnsupported)


def test_a_server_that_is_busy_is_told_from_one_that_does_not_take_the_question() -> None:
    assert is_busy(ua.StatusCodes.BadOutOfMemory)
    assert not is_busy(ua.StatusCodes.BadInvalidTimestampArgument)
