"""Gaps in bounded length, and how far a notification makes a subscription complete."""

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.decoder import DataChange, ItemRun, PublishResponse, RunForm
from dualspan_edge.gaps import coalesced, gap, pack_notes, unpack_gaps
from dualspan_edge.opcua.pump import complete_until

OVERFLOW, LOST = historian.GAP_CAUSE_SERVER_OVERFLOW, historian.GAP_CAUSE_CONNECTION_LOST
SECOND = 1_000_000
CAME = 1_795_000_000 * SECOND


def _many(count: int) -> list[historian.Gap]:
    return [
        gap(OVERFLOW, number, number + 10, server=f"s{number % 2}", tag_id=number, lost_samples=1, detail="x" * 50)
        for number in range(1, count + 1)
    ]


def test_a_few_gaps_stay_as_they_are() -> None:
    few = _many(100)
    assert unpack_gaps([pack_notes(few)]) == few


def test_many_gaps_become_one_for_each_server_and_cause() -> None:
    packed = pack_notes([*_many(50_000), gap(LOST, 3, 4, server="s0", detail="alone")])
    assert len(packed) < 200_000
    odd, even, alone = unpack_gaps([packed])
    assert (odd.server, odd.tag_id, odd.lost_samples) == ("s1", 0, 25_000)
    assert (odd.start_time.ToMicroseconds(), odd.end_time.ToMicroseconds()) == (1, 50_009)
    assert even.end_time.ToMicroseconds() == 50_010
    assert (alone.cause, alone.detail) == (LOST, "alone")


def test_too_many_servers_become_one_gap_for_each_cause() -> None:
    many = [gap(OVERFLOW, number, number, server=f"server-{number}") for number in range(1000)]
    (one,) = coalesced(many, 1000)
    assert (one.server, one.detail, one.end_time.ToMicroseconds()) == ("", "", 999)


@given(age=st.integers(0, 11 * SECOND), publishing=st.integers(10_000, SECOND))
def test_what_has_the_newest_value_s_time_may_still_come(age: int, publishing: int) -> None:
    """A pass over the server's variables may be published when half of it is done."""
    assume(age <= publishing + 10 * SECOND)
    claimed = complete_until(_response(CAME - age, publish_time=CAME), CAME, publishing) - publishing
    assert claimed <= CAME - age - publishing // 2


def _response(newest: int, **fields: Any) -> PublishResponse:
    numbers = np.zeros(2, np.int64)
    times = np.array([newest - SECOND, newest], np.int64)
    run = ItemRun(RunForm.NUMBER, 8, numbers, numbers.astype(np.uint32), numbers.astype(np.uint32), times, numbers)
    return PublishResponse(data_changes=(DataChange(2, (run,)),), **fields)


def test_a_server_that_has_more_is_complete_only_until_what_it_sent() -> None:
    there = CAME + 3600 * SECOND  # the server's clock is an hour ahead
    response = _response(there - 30 * SECOND, more_notifications=True, publish_time=there)
    assert complete_until(response, CAME, SECOND) == CAME - 30 * SECOND
    assert complete_until(_response(there, more_notifications=True), CAME, SECOND) == 0
    assert complete_until(PublishResponse(more_notifications=True), CAME, SECOND) == CAME, "a keep-alive"


def test_a_server_that_publishes_late_is_complete_only_until_what_it_sent() -> None:
    there = CAME - 3600 * SECOND
    half = SECOND // 2
    for age, late in ((0, 0), (half, 0), (SECOND, half), (3 * SECOND, 2 * SECOND + half), (30 * SECOND, 0)):
        response = _response(there - age, publish_time=there)
        assert complete_until(response, CAME, SECOND) == CAME - late, age
    assert complete_until(_response(there), CAME, SECOND) == CAME, "no publish time"
