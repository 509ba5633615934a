"""Monitored items on plants: Part 4's rules of triggers, queues and deadbands."""

from collections import defaultdict, deque

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.model.plant import Variable
from plc_sim.opcua.encoding import FILETIME_EPOCH, OVERFLOW, Stamps
from plc_sim.plant_sampler import Loss, PlantSampler, make_lookup
from plc_sim.plants import make_plant

PLANT = make_plant("curing", 5)
NOW = COMMISSIONED_US + 4 * WEEK + 3_600_000_000 + 77
FAST = "Press03/Hydraulics/Pressure"
Row = tuple[int, object, int]


class Client:
    """A subscription's sampler, and what a client of it has received."""

    def __init__(self) -> None:
        self.losses: deque[Loss] = deque()
        self.sampler = PlantSampler(make_lookup(PLANT, 2), self._read, 3, self.losses)
        self.rows: dict[int, list[Row]] = defaultdict(list)
        self.attribute = 1

    def _read(self, node: ua.NodeId, attribute: ua.AttributeIds) -> ua.DataValue:
        if node.Identifier == 2259:
            return ua.DataValue(ua.Variant(self.attribute, ua.VariantType.Int32))
        unknown = ua.StatusCodes.BadNodeIdUnknown
        return ua.DataValue(StatusCode=ua.StatusCode(unknown))  # pyright: ignore[reportArgumentType]

    def monitor(self, name: str | int, handle: int = 1, **parameters: object) -> ua.MonitoredItemCreateResult:
        asked = ua.MonitoringParameters(handle, 0.0, None, 1000, True)  # pyright: ignore[reportArgumentType]
        for field, value in parameters.items():
            setattr(asked, field, value)
        node = ua.NodeId(name, 0 if isinstance(name, int) else 2)  # pyright: ignore[reportArgumentType]
        watched = ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value)  # pyright: ignore[reportArgumentType]
        request = ua.MonitoredItemCreateRequest(watched, ua.MonitoringMode.Reporting, asked)
        return self.sampler.add(request, Stamps.SOURCE, 250_000, NOW)

    def advance(self, now_us: int, limit: int = 0) -> None:
        while (batch := self.sampler.collect(now_us, limit)) is not None:
            notification = struct_from_binary(ua.DataChangeNotification, Buffer(batch.body))
            assert len(notification.MonitoredItems) == batch.count
            for item in notification.MonitoredItems:
                value = item.Value
                stamp = value.SourceTimestamp
                time = (ua.datetime_to_win_epoch(stamp) - FILETIME_EPOCH) // 10 if stamp is not None else 0
                status = value.StatusCode.value if value.StatusCode is not None else 0
                self.rows[item.ClientHandle].append((time, value.Value.Value if value.Value else None, status))
            self.sampler.sent(batch)

    def times(self, handle: int = 1) -> list[int]:
        return [row[0] for row in self.rows[handle]]


def filtered(trigger: ua.DataChangeTrigger, kind: ua.DeadbandType, value: float) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(trigger, int(kind), value)  # pyright: ignore[reportArgumentType]


def variable(name: str) -> Variable:
    return PLANT.variables[name]


@pytest.mark.parametrize(
    "name", [FAST, "Press03/Status/Step", "Press03/Production/LastResult", "Press03/Hydraulics/PumpVibration"]
)
@pytest.mark.parametrize("limit", [0, 3])
def test_live_is_the_last_sample_and_then_every_further_one(name: str, limit: int) -> None:
    client = Client()
    assert client.monitor(name, QueueSize=10_000).StatusCode.is_good()
    now = NOW
    for step in (0, 130_000, 250_000, 1, 777_777, 30_000_000, 400_000_000):
        now += step
        client.advance(now, limit)
    expected = [int(variable(name).last(NOW)[0][0]), *variable(name).samples(NOW + 1, now + 1)[0].tolist()]
    assert client.times() == expected
    assert not client.losses


def test_the_timestamp_trigger_reports_every_tick() -> None:
    client = Client()
    client.monitor(
        "Press03/Status/State", Filter=filtered(ua.DataChangeTrigger.StatusValueTimestamp, ua.DeadbandType.None_, 0.0)
    )
    client.advance(NOW)
    client.advance(NOW + 10_000_000)
    assert client.times()[1:] == variable("Press03/Status/State").ticks(NOW + 1, NOW + 10_000_001)[0].tolist()


def test_the_status_trigger_reports_no_values() -> None:
    client = Client()
    client.monitor(FAST, Filter=filtered(ua.DataChangeTrigger.Status, ua.DeadbandType.None_, 0.0))
    client.advance(NOW)
    client.advance(NOW + 10_000_000)
    assert len(client.times()) == 1


def test_slower_sampling_sees_fewer_samples() -> None:
    client = Client()
    result = client.monitor(FAST, SamplingInterval=900.0)
    assert result.RevisedSamplingInterval == 1000.0
    client.advance(NOW)
    client.advance(NOW + 60_000_000)
    assert len(client.times()) > 50
    assert all(time % 1_000_000 == 0 for time in client.times()[1:])


@pytest.mark.parametrize("oldest", [True, False])
def test_a_full_queue_loses_samples_and_says_which(oldest: bool) -> None:
    client = Client()
    client.monitor(FAST, QueueSize=10, DiscardOldest=oldest)
    client.advance(NOW)
    client.advance(NOW + 20_000_000)
    expected = variable(FAST).samples(NOW + 1, NOW + 20_000_001)[0].tolist()
    received = client.times()[1:]
    statuses = [row[2] for row in client.rows[1][1:]]
    assert len(received) == 10
    assert statuses == ([OVERFLOW, *[0] * 9] if oldest else [*[0] * 9, OVERFLOW])
    (loss,) = client.losses
    missing = sorted(set(expected) - set(received))
    assert (loss.variable, loss.first_us, loss.last_us, loss.count) == (FAST, missing[0], missing[-1], len(missing))


def test_an_absolute_deadband_holds_small_changes_back() -> None:
    client = Client()
    client.monitor(FAST, Filter=filtered(ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Absolute, 2.0))
    client.advance(NOW)
    client.advance(NOW + 60_000_000)
    values = np.array([row[1] for row in client.rows[1]], np.float64)
    assert 10 < len(values) < 200
    assert (np.abs(np.diff(values)) > 2.0).all()


def test_a_percent_deadband_is_of_the_range() -> None:
    client, other = Client(), Client()
    client.monitor(FAST, Filter=filtered(ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Percent, 1.0))
    other.monitor(FAST, Filter=filtered(ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Absolute, 2.5))
    for each in (client, other):
        each.advance(NOW)
        each.advance(NOW + 60_000_000)
    assert client.rows == other.rows


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [("Press03/Status/Alarm", 1, 1.0), ("Press03/Production/Article", 1, 1.0), (FAST, 2, 120.0), (FAST, 2, -1.0)],
)
def test_filters_that_make_no_sense_are_refused(name: str, kind: int, value: float) -> None:
    asked = filtered(ua.DataChangeTrigger.StatusValue, ua.DeadbandType(kind), value)
    assert not Client().monitor(name, Filter=asked).StatusCode.is_good()


def test_other_attributes_are_watched_by_reading() -> None:
    client = Client()
    assert client.monitor(2259, handle=9).StatusCode.is_good()
    client.advance(NOW)
    client.advance(NOW + 1_000_000)
    client.attribute = 2
    client.advance(NOW + 2_000_000)
    assert [row[1] for row in client.rows[9]] == [1, 2]
    assert not client.monitor(4711).StatusCode.is_good()


def test_modifying_and_removing() -> None:
    client = Client()
    result = client.monitor(FAST)
    client.advance(NOW)
    parameters = ua.MonitoringParameters(8, 1000.0, None, 5, True)  # pyright: ignore[reportArgumentType]
    request = ua.MonitoredItemModifyRequest(result.MonitoredItemId, parameters)
    changed = client.sampler.modify(request, Stamps.SOURCE, 250_000, NOW + 3_000_000)
    assert changed.RevisedSamplingInterval == 1000.0
    client.advance(NOW + 6_000_000)
    assert client.times(1)[1:] == variable(FAST).samples(NOW + 1, NOW + 3_000_001)[0].tolist()
    assert len(client.times(8)) == 3
    assert client.sampler.remove(result.MonitoredItemId)
    client.advance(NOW + 9_000_000)
    assert len(client.times(8)) == 3
    assert not client.sampler.remove(result.MonitoredItemId)


def test_a_pause_is_a_hole_and_what_follows_begins_anew() -> None:
    client = Client()
    result = client.monitor(FAST)
    client.advance(NOW)
    assert client.sampler.set_mode(result.MonitoredItemId, ua.MonitoringMode.Disabled, NOW)
    client.advance(NOW + 5_000_000)
    assert len(client.times()) == 1
    client.sampler.set_mode(result.MonitoredItemId, ua.MonitoringMode.Reporting, NOW + 9_000_000)
    client.advance(NOW + 10_000_000)
    assert client.times()[1:] == [int(variable(FAST).last(NOW + 10_000_000)[0][0])]
