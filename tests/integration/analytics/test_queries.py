"""Queries end to end: from samples that a gateway uploads to a table in each form."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pyarrow as pa
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from openpyxl import load_workbook

from dualspan.analytics.v1 import query_pb2 as contract
from dualspan.analytics.v1.query_pb2_grpc import QueryServiceStub
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_analytics.columns import PropertyRef
from dualspan_cli.commands.analytics.query import TableForm, write_table
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Plant, line, machine, site
from harness.historian import refused, stamp

pytestmark = pytest.mark.asyncio(loop_scope="module")

T0 = 1_760_000_000_000_000
SECOND = 1_000_000
GOOD = PropertyRef("imm01", "good-count")
CYCLE = PropertyRef("imm01", "cycle-time")
REASON = PropertyRef("imm01", "stop-reason-text")
BAD = 0x80000000
ASSETS = [
    site("wuhan"),
    line("moulding", "wuhan"),
    machine(
        "imm01",
        "injection-moulding-machine",
        ["good-count", "stop-reason-text", "running", "cycle-time"],
        "moulding",
    ),
]


def column(ref: PropertyRef, tenant: str, **more: Any) -> contract.QueryColumn:
    return contract.QueryColumn(
        asset=f"tenants/{tenant}/assets/{ref.asset}", property=ref.property, index=ref.index, **more
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(platform: AnalyticsPlatform) -> Plant:
    made = await platform.plant(ASSETS)
    times = T0 + np.arange(600) * SECOND
    await made.ingest(
        {
            GOOD: (times[::10], np.arange(60)),
            CYCLE: (times + SECOND // 4, 10.0 + np.arange(600) / 100, [0] * 300 + [BAD] * 300),
            REASON: (times[[0, 100]], ["", "=缺料"]),
        }
    )
    return made


def request(plant: Plant, *columns: contract.QueryColumn, seconds: float = 600, **more: Any) -> contract.QueryRequest:
    end = stamp(T0 + int(seconds * SECOND))
    return contract.QueryRequest(parent=plant.parent, columns=columns, start_time=stamp(T0), end_time=end, **more)


async def answer(plant: Plant, asked: contract.QueryRequest) -> tuple[list[contract.QueryResponse], bytes]:
    pages = [page async for page in QueryServiceStub(plant.channel).Query(asked)]
    return pages, b"".join(page.data for page in pages)


async def arrow(plant: Plant, asked: contract.QueryRequest) -> Any:
    return pa.ipc.open_stream((await answer(plant, asked))[1]).read_all()


async def test_columns_are_joined_in_time(plant: Plant) -> None:
    asked = request(
        plant,
        column(GOOD, plant.tenant, title="good"),
        column(CYCLE, plant.tenant, join=contract.JOIN_KIND_LINEAR, title="cycle"),
        column(REASON, plant.tenant, title="reason"),
        rows_of_column=1,
        quality=contract.QUALITY_COLUMNS_STATUS,
    )
    found = await arrow(plant, asked)
    assert found["good"].to_pylist() == list(range(60))
    assert found["cycle"][0].as_py() is None  # its first sample comes a quarter of a second later
    assert found["cycle"][1].as_py() == pytest.approx(10.0975)
    assert found["cycle"][40].as_py() is None
    assert found["cycle status"][40].as_py() == BAD
    assert found["reason"].to_pylist() == [""] * 10 + ["=缺料"] * 50


async def test_nothing_is_known_after_now(plant: Plant) -> None:
    hour = 3600 * SECOND
    start = time.time_ns() // 1000 - 2 * hour
    asked = contract.QueryRequest(
        parent=plant.parent,
        columns=[
            column(GOOD, plant.tenant, title="last"),
            column(GOOD, plant.tenant, title="mean", aggregate=historian.AGGREGATE_TIME_AVERAGE2),
        ],
        start_time=stamp(start),
        end_time=stamp(start + 8 * hour),
        interval=Duration(seconds=3600),
        quality=contract.QUALITY_COLUMNS_GOOD_SHARE,
    )
    found = await arrow(plant, asked)
    for name in ("last", "mean"):
        assert [each is None for each in found[name].to_pylist()[3:]] == [True] * 5
        assert found[name].to_pylist()[0] == 59
        shares = found[f"{name} good share"].to_pylist()
        assert shares[:2] == [1.0, 1.0]
        assert shares[3:] == [0.0] * 5


async def test_rows_are_every_time_that_there_is(plant: Plant) -> None:
    found = await arrow(plant, request(plant, column(GOOD, plant.tenant), column(CYCLE, plant.tenant), seconds=20))
    assert len(found) == 22
    assert found["imm01/good-count"].to_pylist()[-1] == 1


async def test_aggregates_stand_beside_joined_columns_with_units_converted(plant: Plant) -> None:
    asked = request(
        plant,
        column(CYCLE, plant.tenant, aggregate=historian.AGGREGATE_AVERAGE, unit="ms"),
        column(GOOD, plant.tenant),
        column(CYCLE, plant.tenant, aggregate=historian.AGGREGATE_COUNT),
        quality=contract.QUALITY_COLUMNS_GOOD_SHARE,
    )
    asked.interval.seconds = 60
    pages, data = await answer(plant, asked)
    found = pa.ipc.open_stream(data).read_all()
    assert len(found) == 10
    average = found["imm01/cycle-time average"].to_pylist()
    assert average[0] == pytest.approx(1000 * (10 + 29.5 / 100))
    assert average[7] is None
    assert found["imm01/cycle-time average good share"].to_pylist()[1:7] == pytest.approx([1, 1, 1, 1, 0, 0], abs=0.01)
    assert found["imm01/good-count"].to_pylist() == [6 * i for i in range(10)]
    assert [each.unit for each in pages[0].columns] == ["ms", "{piece}", "1"]
    assert pages[0].columns[0].good_share == pytest.approx(0.5, abs=0.01)
    assert pages[0].total_rows == 10


async def test_a_sample_that_is_too_far_is_not_used(plant: Plant) -> None:
    asked = request(plant, column(GOOD, plant.tenant, join=contract.JOIN_KIND_NEAREST), seconds=60)
    asked.interval.seconds = 1
    asked.tolerance.seconds = 2
    values = (await arrow(plant, asked))["imm01/good-count"].to_pylist()
    # The sample after the end is near enough to the last rows.
    assert values[:13] == [0, 0, 0, None, None, None, None, None, 1, 1, 1, 1, 1]
    assert values[-2:] == [6, 6]


async def test_pages_make_one_file(plant: Plant) -> None:
    pages, data = await answer(plant, request(plant, column(CYCLE, plant.tenant), page_rows=100))
    assert len(pages) >= 6
    assert len(pa.ipc.open_stream(data).read_all()) == 600


async def test_csv_and_a_workbook_in_local_time(plant: Plant) -> None:
    columns = [column(REASON, plant.tenant, title="reason"), column(GOOD, plant.tenant)]
    asked = request(plant, *columns, form=contract.TABLE_FORM_CSV, time_zone="Asia/Shanghai", rows_of_column=1)
    rows = list(csv.reader(io.StringIO((await answer(plant, asked))[1].decode())))
    assert rows[0] == ["time", "reason", "imm01/good-count"]
    assert rows[2] == ["2025-10-09T16:55:00.000+08:00", "'=缺料", "10"]
    asked.form = contract.TABLE_FORM_XLSX
    book = load_workbook(io.BytesIO((await answer(plant, asked))[1]))
    assert [str(row[0].value) for row in book["data"].iter_rows(min_row=3)] == ["2025-10-09 16:55:00"]
    assert book["about"]["B5"].value == "Asia/Shanghai"


async def test_a_property_without_samples_has_empty_cells(plant: Plant) -> None:
    asked = request(plant, column(PropertyRef("imm01", "running"), plant.tenant), column(GOOD, plant.tenant))
    pages, data = await answer(plant, asked)
    assert pa.ipc.open_stream(data).read_all()["imm01/running"].null_count == 60
    assert pages[0].columns[0].good_share == 0.0


async def refusal(plant: Plant, asked: contract.QueryRequest) -> str:
    return await refused(answer(plant, asked))


async def test_what_makes_no_sense_is_refused_with_a_reason(plant: Plant) -> None:
    good, cycle, reason = (column(ref, plant.tenant) for ref in (GOOD, CYCLE, REASON))
    aggregated = column(CYCLE, plant.tenant, aggregate=historian.AGGREGATE_AVERAGE)
    cases = {
        "COLUMN_COUNT": request(plant),
        "TITLE_REPEATED": request(plant, good, good),
        "INTERVAL_REQUIRED": request(plant, aggregated),
        "REVERSED_INTERVAL": request(plant, good, seconds=0),
        "UNITS_DO_NOT_FIT": request(plant, column(CYCLE, plant.tenant, unit="bar")),
        "UNKNOWN_UNIT": request(plant, column(CYCLE, plant.tenant, unit="lightyears")),
        "ASSET_NOT_FOUND": request(plant, column(PropertyRef("imm99", "state"), plant.tenant)),
        "PROPERTY_NOT_FOUND": request(plant, column(PropertyRef("imm01", "colour"), plant.tenant)),
        "PROPERTY_NOT_BOUND": request(plant, column(PropertyRef("imm01", "scrap-count"), plant.tenant)),
        "NOT_NUMERIC": request(plant, column(REASON, plant.tenant, join=contract.JOIN_KIND_LINEAR)),
        "UNKNOWN_TIME_ZONE": request(plant, good, time_zone="Mars/Base"),
        "INVALID_QUERY": request(plant, good, rows_of_column=2),
        "MALFORMED_NAME": request(plant, contract.QueryColumn(asset="imm01", property="state")),
    }
    for expected, asked in cases.items():
        assert await refusal(plant, asked) == expected
    assert await refusal(plant, request(plant, column(GOOD, "other"))) == "INVALID_QUERY"
    tiny = request(plant, good, cycle, reason)
    tiny.interval.nanos = 1000
    assert await refusal(plant, tiny) == "TABLE_TOO_LARGE"


async def test_units_that_do_not_fit_are_both_named(plant: Plant) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await answer(plant, request(plant, column(CYCLE, plant.tenant, unit="bar")))
    info = error_info(raised.value)
    assert info is not None
    assert dict(info.metadata) == {"have": "s", "want": "bar"}


async def test_another_tenants_assets_cannot_be_asked_for(platform: AnalyticsPlatform, plant: Plant) -> None:
    stranger = QueryServiceStub(await platform.channel("somebody-else"))
    asked = request(plant, column(GOOD, plant.tenant))

    async def first_page() -> None:
        async for _ in stranger.Query(asked):
            pass

    assert await refused(first_page()) == "FOREIGN_TENANT"


async def test_the_command_writes_a_file_and_objects(
    plant: Plant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = QueryServiceStub(plant.channel)
    asked = request(plant, column(GOOD, plant.tenant, title="good"), column(CYCLE, plant.tenant, title="cycle"))
    asked.interval.seconds = 300
    asked.form = contract.TABLE_FORM_CSV
    output = tmp_path / "table.csv"
    summary = await write_table(stub, asked, TableForm.CSV, output, as_json=False)
    assert output.read_text().splitlines()[1] == '"2025-10-09T08:53:20.000Z",0,'
    assert (summary.rows, summary.written) == (2, output.stat().st_size)
    assert not output.with_name(".table.csv.unfinished").exists()
    await write_table(stub, asked, TableForm.TABLE, None, as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"time": "2025-10-09T08:53:20Z", "good": 0, "cycle": None},
        {"time": "2025-10-09T08:58:20Z", "good": 30, "cycle": pytest.approx(12.99)},
    ]
