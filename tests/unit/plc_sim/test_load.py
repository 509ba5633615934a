"""The load server's sampler: what it says it sent is what its notifications hold."""

from collections import Counter

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from plc_sim.load import FIRST_NODE_ID, LoadPlan, LoadSampler
from plc_sim.load_statistics import LoadStatistics
from plc_sim.opcua.encoding import FILETIME_EPOCH, OVERFLOW, Stamps

NAMESPACE = 2
PLAN = LoadPlan.of(rate=1000.0, items=10)  # a tick of 10 ms
START = 1_790_000_000_000_000
Row = tuple[int, int, float, int]


def request(
    item: int, handle: int, *, queue: int = 1000, sampling_ms: float = 0.0, oldest: bool = True
) -> ua.MonitoredItemCreateRequest:
    parameters = ua.MonitoringParameters(handle, sampling_ms, None, queue, oldest)  # pyright: ignore[reportArgumentType]
    node = ua.NodeId(FIRST_NODE_ID + item, NAMESPACE)  # pyright: ignore[reportArgumentType]
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value),  # pyright: ignore[reportArgumentType]
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=parameters,
    )


def sampler() -> tuple[LoadSampler, LoadStatistics]:
    statistics = LoadStatistics()
    return LoadSampler(PLAN, NAMESPACE, statistics), statistics


def take(source: LoadSampler, now_us: int, limit: int = 0) -> list[Row]:
    """(handle, tick, value, status) of everything that is due, as asyncua decodes it."""
    rows: list[Row] = []
    while (batch := source.collect(now_us, limit)) is not None:
        notification = struct_from_binary(ua.DataChangeNotification, Buffer(batch.body))
        assert len(notification.MonitoredItems) == batch.count
        assert not limit or batch.count <= max(limit, 10)
        for item in notification.MonitoredItems:
            value = item.Value
            ticks = ua.datetime_to_win_epoch(value.SourceTimestamp) - FILETIME_EPOCH
            tick, rest = divmod(ticks // 10, PLAN.tick_us)
            assert rest == 0
            rows.append((item.ClientHandle, tick, value.Value.Value, value.StatusCode.value))
        source.sent(batch)
    return rows


def test_every_tick_of_every_item_comes_once_and_in_order() -> None:
    source, statistics = sampler()
    for item in range(10):
        result = source.add(request(item, 100 + item), Stamps.SOURCE, 100_000, START)
        assert result.StatusCode.is_good()
        assert result.RevisedSamplingInterval == 10.0
    rows: list[Row] = []
    for step in range(20):
        rows += take(source, START + step * 73_000, limit=25)
    assert max(Counter((handle, tick) for handle, tick, _, _ in rows).values()) == 1
    for item, stream in enumerate(statistics.streams()):
        ticks = [tick for handle, tick, _, _ in rows if handle == 100 + item]
        assert ticks == list(range(stream.first_tick, stream.last_tick + 1))
        assert stream.sent == len(ticks)
        assert (stream.item, stream.dropped) == (item, 0)
    expected = PLAN.values(np.array([h - 100 for h, _, _, _ in rows]), np.array([t for _, t, _, _ in rows]))
    assert [value for _, _, value, _ in rows] == expected.tolist()
    assert not any(status for _, _, _, status in rows)


def test_a_full_queue_drops_the_oldest_and_marks_the_next() -> None:
    source, statistics = sampler()
    source.add(request(0, 1, queue=5), Stamps.SOURCE, 100_000, START)
    first = take(source, START)[0][1]
    rows = take(source, START + 200_000)
    assert [tick for _, tick, _, _ in rows] == list(range(first + 16, first + 21))
    assert [status for _, _, _, status in rows] == [OVERFLOW, 0, 0, 0, 0]
    stream = statistics.streams()[0]
    assert (stream.sent, stream.dropped, stream.last_tick - stream.first_tick + 1) == (6, 15, 21)


def test_a_full_queue_can_keep_the_oldest() -> None:
    source, statistics = sampler()
    source.add(request(0, 1, queue=5, oldest=False), Stamps.SOURCE, 100_000, START)
    first = take(source, START)[0][1]
    rows = take(source, START + 200_000)
    assert [tick - first for _, tick, _, _ in rows] == [1, 2, 3, 4, 20]
    assert [status for _, _, _, status in rows] == [0, 0, 0, 0, OVERFLOW]
    stream = statistics.streams()[0]
    assert stream.sent + stream.dropped == stream.last_tick - stream.first_tick + 1


def test_a_queue_of_one_has_no_overflow_bit() -> None:
    source, statistics = sampler()
    source.add(request(0, 1, queue=1), Stamps.SOURCE, 100_000, START)
    take(source, START)
    assert [status for _, _, _, status in take(source, START + 100_000)] == [0]
    assert statistics.totals() == (2, 9)


def test_slower_sampling_takes_every_so_many_ticks() -> None:
    source, _ = sampler()
    result = source.add(request(0, 1, sampling_ms=25.0), Stamps.BOTH, 100_000, START)
    assert result.RevisedSamplingInterval == 30.0
    take(source, START)
    ticks = [tick for _, tick, _, _ in take(source, START + 300_000)]
    assert len(ticks) == 10
    assert all(tick % 3 == 0 for tick in ticks)


def test_items_can_join_leave_and_pause() -> None:
    source, _ = sampler()
    one = source.add(request(0, 1), Stamps.SOURCE, 100_000, START)
    take(source, START)
    two = source.add(request(1, 2), Stamps.SOURCE, 100_000, START)
    rows = take(source, START + 50_000)
    # A new item is sampled from its creation on, not from its first message on.
    assert Counter(handle for handle, _, _, _ in rows) == {1: 5, 2: 6}
    assert source.set_mode(one.MonitoredItemId, ua.MonitoringMode.Disabled, START)
    assert Counter(handle for handle, _, _, _ in take(source, START + 100_000)) == {2: 5}
    assert source.set_mode(one.MonitoredItemId, ua.MonitoringMode.Reporting, START)
    assert source.remove(two.MonitoredItemId)
    assert not source.remove(two.MonitoredItemId)
    assert [handle for handle, _, _, _ in take(source, START + 150_000)] == [1]


@pytest.mark.parametrize(("item", "attribute"), [(10, 13), (-1, 13), (0, 4)])
def test_what_is_not_there_is_refused(item: int, attribute: int) -> None:
    source, _ = sampler()
    asked = request(item, 1)
    asked.ItemToMonitor.AttributeId = ua.AttributeIds(attribute)  # pyright: ignore[reportAttributeAccessIssue]
    assert not source.add(asked, Stamps.SOURCE, 100_000, START).StatusCode.is_good()


@settings(max_examples=50, deadline=None)
@given(
    steps=st.lists(st.integers(0, 400_000), min_size=1, max_size=12),
    queue=st.integers(1, 60),
    oldest=st.booleans(),
    limit=st.sampled_from([0, 10, 30, 1000]),
)
def test_sent_and_dropped_always_add_up(steps: list[int], queue: int, oldest: bool, limit: int) -> None:
    source, statistics = sampler()
    for item in range(3):
        source.add(request(item, item, queue=queue, oldest=oldest), Stamps.SOURCE, 100_000, START)
    now = START
    rows: list[Row] = []
    for step in steps:
        now += step
        rows += take(source, now, limit)
    for item, stream in enumerate(statistics.streams()):
        ticks = [tick for handle, tick, _, _ in rows if handle == item]
        assert len(set(ticks)) == len(ticks) == stream.sent
        assert ticks == sorted(ticks)
        assert stream.sent + stream.dropped == stream.last_tick - stream.first_tick + 1
        assert stream.last_tick == now // PLAN.tick_us


def test_nonsense_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        LoadPlan.of(0.0, 10)
