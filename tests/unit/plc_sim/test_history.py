"""HistoryRead of plants (Part 11, 6.5.3), against the variable's own samples."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from plc_sim.model.machine import COMMISSIONED_US, DAY, HOUR, WEEK
from plc_sim.opcua.encoding import FILETIME_EPOCH
from plc_sim.plant_history import HISTORY_US, MAX_VALUES, PlantHistory
from plc_sim.plant_sampler import make_lookup
from plc_sim.plants import make_plant

PLANT = make_plant("curing", 5)
NOW = COMMISSIONED_US + 4 * WEEK + 500_001
NAME = "Press02/Hydraulics/Pressure"
VARIABLE = PLANT.variables[NAME]
NEVER = datetime(1601, 1, 1, tzinfo=UTC)
BOUND_NOT_FOUND = 0x80D7_0000


def moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


class Reader:
    def __init__(self) -> None:
        self.history = PlantHistory(make_lookup(PLANT, 2), lambda: 3, clock=lambda: NOW)
        self.calls = 0

    async def result(
        self,
        start: datetime,
        end: datetime,
        limit: int = 0,
        *,
        bounds: bool = False,
        point: bytes | None = None,
        name: str = NAME,
    ) -> ua.HistoryReadResult:
        self.calls += 1
        params = ua.HistoryReadParameters()
        params.HistoryReadDetails = ua.ReadRawModifiedDetails(False, start, end, limit, bounds)  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
        params.ReleaseContinuationPoints = False  # pyright: ignore[reportAttributeAccessIssue]
        node = ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2), ContinuationPoint=point)  # pyright: ignore[reportArgumentType]
        params.NodesToRead = [node]
        return (await self.history.read_history(params))[0]

    async def rows(
        self, start: datetime, end: datetime, limit: int = 0, *, bounds: bool = False
    ) -> list[tuple[int, float, int]]:
        rows: list[tuple[int, float, int]] = []
        point: bytes | None = None
        while True:
            result = await self.result(start, end, limit, bounds=bounds, point=point)
            assert result.StatusCode.is_good(), result.StatusCode
            data = struct_from_binary(ua.HistoryData, Buffer(result.HistoryData.Body))
            for value in data.DataValues:
                time = (ua.datetime_to_win_epoch(value.SourceTimestamp) - FILETIME_EPOCH) // 10
                rows.append((time, value.Value.Value if value.Value else np.nan, value.StatusCode.value))
            point = result.ContinuationPoint
            if not point:
                return rows


async def test_continuation_points_join_into_the_whole_story() -> None:
    reader = Reader()
    start, end = NOW - 2 * HOUR, NOW - HOUR
    rows = await reader.rows(moment(start), moment(end))
    times, values, _ = VARIABLE.samples(start, end)
    assert len(times) > MAX_VALUES
    assert reader.calls == -(-len(times) // MAX_VALUES)
    assert [row[0] for row in rows] == times.tolist()
    assert [row[1] for row in rows] == values.tolist()


async def test_backwards() -> None:
    start, end = NOW - 2 * HOUR, NOW - HOUR
    rows = await Reader().rows(moment(end), moment(start))
    assert [row[0] for row in rows] == VARIABLE.samples(start + 1, end + 1)[0][::-1].tolist()


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_a_limit_counts_from_the_start_in_either_direction(limit: int) -> None:
    start, end = NOW - HOUR, NOW - HOUR // 2
    times = VARIABLE.samples(start, end)[0].tolist()
    assert [row[0] for row in await Reader().rows(moment(start), moment(end), limit)] == times[:limit]
    assert [row[0] for row in await Reader().rows(moment(start), NEVER, limit)] == times[:limit]
    before = VARIABLE.samples(start - HOUR, end + 1)[0].tolist()[::-1]
    assert [row[0] for row in await Reader().rows(NEVER, moment(end), limit)] == before[:limit]


async def test_bounding_values() -> None:
    times = VARIABLE.samples(NOW - HOUR, NOW - HOUR + 5_000_000)[0].tolist()
    inside = moment(times[2] + 1), moment(times[6] + 1)
    rows = await Reader().rows(*inside, bounds=True)
    assert [row[0] for row in rows[:-1]] == times[2:7]
    assert rows[-1][0] == times[6] + 1
    assert rows[-1][2] == BOUND_NOT_FOUND


async def test_history_ends_now_and_begins_seven_days_ago() -> None:
    late = await Reader().rows(moment(NOW - 5_000_000), moment(NOW + DAY))
    assert [row[0] for row in late] == VARIABLE.samples(NOW - 5_000_000, NOW + 1)[0].tolist()
    early = await Reader().rows(moment(NOW - 8 * DAY), moment(NOW - HISTORY_US + 2_000_000))
    assert [row[0] for row in early] == VARIABLE.samples(NOW - HISTORY_US, NOW - HISTORY_US + 2_000_000)[0].tolist()


async def test_an_empty_span_is_good_no_data() -> None:
    result = await Reader().result(moment(NOW - 8 * DAY), moment(NOW - HISTORY_US - DAY // 2))
    assert result.StatusCode.value == ua.StatusCodes.GoodNoData


async def test_wrong_requests_are_refused() -> None:
    reader = Reader()
    soon = moment(NOW - HOUR)
    assert (await reader.result(NEVER, NEVER, 5)).StatusCode.value == ua.StatusCodes.BadHistoryOperationInvalid
    assert (await reader.result(soon, NEVER)).StatusCode.value == ua.StatusCodes.BadHistoryOperationInvalid
    forged = await reader.result(soon, moment(NOW), point=b"forged")
    assert forged.StatusCode.value == ua.StatusCodes.BadContinuationPointInvalid
    unknown = await reader.result(soon, moment(NOW), name="Press99/None")
    assert unknown.StatusCode.value == ua.StatusCodes.BadNodeIdUnknown


async def test_processed_and_modified_reads_are_unsupported() -> None:
    params = ua.HistoryReadParameters(NodesToRead=[ua.HistoryReadValueId()])
    params.HistoryReadDetails = ua.ReadProcessedDetails()  # pyright: ignore[reportAttributeAccessIssue]
    (result,) = await Reader().history.read_history(params)
    assert result.StatusCode.value == ua.StatusCodes.BadHistoryOperationUnsupported
