"""Exports and reports as they are made in production: by a Celery worker of its own, at their time, out of a queue."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
import grpc.aio
import numpy as np
import pypdfium2
import pytest
import pytest_asyncio
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import exports_pb2, reports_pb2
from dualspan.analytics.v1.exports_pb2_grpc import ExportServiceStub
from dualspan.analytics.v1.reports_pb2_grpc import ReportServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from harness.alarm_engine import environment
from harness.analytics import AnalyticsPlatform, Plant, machine, running_analytics, site
from harness.databases import clone, drop
from harness.historian import stamp

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.exports_pb2_grpc import ExportServiceAsyncStub
    from dualspan.analytics.v1.reports_pb2_grpc import ReportServiceAsyncStub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.timeout(180)]

T = TypeVar("T")
DAY = 86_400_000_000
TODAY = time.time_ns() // 1000 // DAY * DAY
COUNT, OTHER = PropertyRef("imm01", "good-count"), PropertyRef("imm02", "good-count")
MODEL = "injection-moulding-machine"
_names = (f"test_worker_{number}" for number in itertools.count(1))


@dataclass
class Working:
    """A platform with a worker beside it."""

    platform: AnalyticsPlatform
    folder: Path
    log: Path

    async def plant(self) -> Plant:
        """Two machines that counted for two days which are over."""
        machines = [machine(name, MODEL, ["good-count"], "works") for name in ("imm01", "imm02")]
        plant = await self.platform.plant([site("works"), *machines])
        times = TODAY - 3 * DAY + np.arange(200) * (864 * 1_000_000)
        await plant.ingest({ref: (times, np.arange(200)) for ref in (COUNT, OTHER)})
        return plant

    async def until(self, ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool], timeout: float = 60.0) -> T:
        """Ask again and again until the answer is as wanted."""
        end = time.monotonic() + timeout
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            assert time.monotonic() < end, f"{answer}\n{self.log.read_text()[-4000:]}"
            await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def working(
    migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Working]:
    """The worker's command is that of docker-compose.yml; what is due is looked for every second here."""
    database, folder = await clone(migrated_postgres, next(_names)), tmp_path_factory.mktemp("worker")
    exports, log = folder / "exports", folder / "log"
    command = [sys.executable, "-m", "celery", "--app=dualspan_analytics.tasks", "worker", "--beat"]
    command += [f"--schedule={folder / 'schedule'}", "--queues=analytics", "--concurrency=1", "--loglevel=INFO"]
    try:
        async with running_analytics(database, redis_server.url(), export_folder=str(exports)) as platform:
            more = {"DUALSPAN_ANALYTICS_EXPORT_FOLDER": str(exports), "DUALSPAN_ANALYTICS_SWEEP_SECONDS": "1"}
            with log.open("wb") as out:
                worker = await asyncio.create_subprocess_exec(
                    *command, env=environment(platform.parts.settings) | more, stdout=out, stderr=out
                )
            try:
                yield Working(platform, exports, log)
            finally:
                worker.terminate()
                await worker.wait()
    finally:
        await drop(database)


def read(root: Path, columns: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        files = f"{root}/samples/**/*.parquet"
        return connection.sql(f"SELECT {columns} FROM read_parquet('{files}', hive_partitioning = true)").fetchall()


async def test_an_export_runs_at_its_time_and_again_when_somebody_asks(working: Working) -> None:
    plant = await working.plant()
    stub: ExportServiceAsyncStub = ExportServiceStub(plant.channel)
    name, root = f"{plant.parent}/exports/lake", working.folder / plant.tenant / "lake"
    wanted = exports_pb2.Export(
        name=name,
        folder=exports_pb2.ExportFolder(),
        start_time=stamp(TODAY - 3 * DAY),
        end_time=stamp(TODAY - DAY),
        interval=Duration(seconds=3600),
    )
    await stub.UpdateExport(exports_pb2.UpdateExportRequest(export=wanted))

    async def ask() -> exports_pb2.Export:
        return await stub.GetExport(exports_pb2.GetExportRequest(name=name))

    await working.until(ask, lambda export: export.status.HasField("success_time"))
    assert read(root, "count(*), max(integer)") == [(400, 199)]
    files = {path: path.stat().st_mtime_ns for path in root.rglob("samples.parquet")}
    assert len(files) == 2 * 2

    await plant.ingest({COUNT: ([TODAY - 2 * DAY - 5], [77])})
    operation = await stub.RunExport(exports_pb2.RunExportRequest(name=name))
    operations = OperationsStub(plant.channel)

    async def progress() -> operations_pb2.Operation:
        return await operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))

    done = await working.until(progress, lambda each: each.done)
    result = exports_pb2.ExportResult()
    assert done.response.Unpack(result), done
    assert (result.partitions_written, result.partitions_rewritten, result.partitions_kept) == (1, 1, 3)
    assert read(root, "count(*)") == [(401,)]
    assert len([path for path in files if path.stat().st_mtime_ns != files[path]]) == 1


async def test_a_report_is_made_when_its_day_is_over(working: Working) -> None:
    plant = await working.plant()
    stub: ReportServiceAsyncStub = ReportServiceStub(plant.channel)
    report = reports_pb2.Report(
        name=f"{plant.parent}/reports/daily",
        display_name="Works, by day",
        period=reports_pb2.REPORT_PERIOD_DAILY,
        delay=Duration(),
        start_time=stamp(TODAY - 2 * DAY),
        sections=[reports_pb2.REPORT_SECTION_COMPLETENESS],
        languages=[reports_pb2.REPORT_LANGUAGE_EN],
    )
    await stub.UpdateReport(reports_pb2.UpdateReportRequest(report=report))

    async def ask() -> list[reports_pb2.ReportRun]:
        return list((await stub.ListReportRuns(reports_pb2.ListReportRunsRequest(parent=report.name))).runs)

    made = reports_pb2.REPORT_RUN_STATE_DONE
    runs = await working.until(ask, lambda found: bool(found) and all(run.state == made for run in found))
    assert [run.start_time.ToMicroseconds() for run in runs] == [TODAY - DAY, TODAY - 2 * DAY]
    assert all(run.attempts == 1 for run in runs)
    request = reports_pb2.DownloadReportRequest(
        name=runs[1].name, language=reports_pb2.REPORT_LANGUAGE_EN, format=reports_pb2.REPORT_FORMAT_PDF
    )
    with pypdfium2.PdfDocument((await stub.DownloadReport(request)).content) as pdf:
        words = pdf[0].get_textpage().get_text_range()
    assert "Works, by day" in words
    assert "imm01" in words
    request.format = reports_pb2.REPORT_FORMAT_HTML
    assert "imm02" in (await stub.DownloadReport(request)).content.decode()
    request.language = reports_pb2.REPORT_LANGUAGE_ZH
    with pytest.raises(grpc.aio.AioRpcError, match="no such file"):
        await stub.DownloadReport(request)
