"""Exports: written by day and asset, resumed, written again when samples come late; read by DuckDB as they are."""

import hashlib
import itertools
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import grpc
import numpy as np
import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from moto.server import ThreadedMotoServer

from dualspan.analytics.v1 import exports_pb2 as contract
from dualspan.analytics.v1.exports_pb2_grpc import ExportServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import exports as composition
from dualspan_analytics.exports import parquet
from dualspan_analytics.service import export_runs
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_frame import ValueKind
from dualspan_runtime.errors import Unavailable, error_info
from harness.analytics import AnalyticsPlatform, Bound, Plant, line, machine, running_analytics, site
from harness.databases import clone, drop

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = 86_400_000_000
SECOND = 1_000_000
FIRST = 20_400 * DAY
GOOD = PropertyRef("imm01", "good-count")
TEXT = PropertyRef("imm01", "stop-reason-text")
RUNNING = PropertyRef("imm01", "running")
HOT = PropertyRef("imm01", "mould-temperature", 1)
OTHER = PropertyRef("imm02", "good-count")
MODEL = "injection-moulding-machine"
ASSETS = [
    site("wuhan"),
    line("moulding", "wuhan"),
    machine(
        "imm01",
        MODEL,
        ["good-count", "stop-reason-text", "running", Bound("mould-temperature", 1, ValueKind.FLOAT64, "°F")],
        "moulding",
    ),
    machine("imm02", MODEL, ["good-count"], "moulding"),
]
_names = (f"test_exports_{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server in another thread, over HTTP: moto's."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(
    migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory, s3: str
) -> AsyncGenerator[AnalyticsPlatform]:
    database = await clone(migrated_postgres, next(_names))
    folder = tmp_path_factory.mktemp("exports")
    try:
        settings: dict[str, Any] = {"export_folder": str(folder), "export_endpoints": s3}
        async with running_analytics(database, redis_server.url(), **settings) as running:
            yield running
    finally:
        await drop(database)


@dataclass
class Exporting:
    """A plant with three days of samples, and an export of them."""

    plant: Plant
    stub: Any
    operations: Any
    name: str

    @property
    def root(self) -> Path:
        return Path(self.plant.parts.settings.export_folder) / self.plant.tenant / self.name.rpartition("/")[2]

    async def put(self, **changes: Any) -> contract.Export:
        given: dict[str, Any] = {"folder": contract.ExportFolder()} | changes
        export = contract.Export(name=self.name, **given)
        export.start_time.FromMicroseconds(FIRST)
        export.end_time.FromMicroseconds(FIRST + 3 * DAY)
        return await self.stub.UpdateExport(contract.UpdateExportRequest(export=export))

    async def run(self) -> contract.ExportResult:
        """A run, done by a worker in this process."""
        operation = await self.stub.RunExport(contract.RunExportRequest(name=self.name))
        await composition.runs(self.plant.parts).run(self.plant.tenant, self.name.rpartition("/")[2])
        ended = await self.operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
        assert ended.done, ended
        assert not ended.HasField("error"), ended.error
        result = contract.ExportResult()
        assert ended.response.Unpack(result)
        return result

    def samples(self, columns: str = "count(*)", where: str = "true") -> list[Any]:
        files = f"{self.root}/samples/**/*.parquet"
        query = f"SELECT {columns} FROM read_parquet('{files}', hive_partitioning = true) WHERE {where}"
        with duckdb.connect() as connection:
            return connection.sql(query).fetchall()


async def exporting(platform: AnalyticsPlatform, name: str = "all") -> Exporting:
    plant = await platform.plant(ASSETS)
    times = FIRST + np.arange(300) * (864 * SECOND)
    await plant.ingest(
        {
            GOOD: (times, np.arange(300)),
            TEXT: (times[:3], ["", "缺料", "NaN"]),
            RUNNING: (times, np.arange(300) % 2 == 0),
            HOT: (times, np.where(np.arange(300) == 7, np.nan, 212.0), [0x80000000] * 5 + [0] * 295),
            OTHER: (times[:100], 2**60 + np.arange(100)),
        }
    )
    await plant.seal()
    channel = plant.channel
    export = f"{plant.parent}/exports/{name}"
    return Exporting(plant, ExportServiceStub(channel), OperationsStub(channel), export)


async def test_duckdb_reads_it_as_it_is(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    made = await it.put()
    assert made.folder.path == str(it.root)
    result = await it.run()
    # imm02 has samples on the first day only: its other days are looked at and have no file.
    assert (result.partitions_written, result.rows) == (6, 300 * 3 + 3 + 100)
    assert it.samples("count(*), count(DISTINCT asset), count(DISTINCT date)") == [(1003, 2, 3)]
    assert it.samples("DISTINCT typeof(date), typeof(timestamp), typeof(value), tenant") == [
        ("DATE", "TIMESTAMP WITH TIME ZONE", "DOUBLE", it.plant.tenant)
    ]
    counts = it.samples(
        "date::text, count(*), min(integer), max(integer)",
        "property = 'good-count' AND asset = 'imm01' GROUP BY 1 ORDER BY 1",
    )
    first = datetime.fromtimestamp(FIRST / 1e6, UTC).date()
    days = [str(first + timedelta(days=day)) for day in range(3)]
    assert counts == [(days[0], 100, 0, 99), (days[1], 100, 100, 199), (days[2], 100, 200, 299)]
    # Exact beyond what a double holds, scaled to the model's unit, NaN and Bad kept, text as text.
    assert it.samples("max(integer)", "asset = 'imm02'") == [(2**60 + 99,)]
    assert it.samples(
        "round(avg(value), 6), any_value(unit), any_value(index)", "property = 'mould-temperature' AND NOT isnan(value)"
    ) == [(100.0, "Cel", 1)]
    assert it.samples(
        "count(*) FILTER (isnan(value)), count(*) FILTER (NOT good), max(status)", "property = 'mould-temperature'"
    ) == [(1, 5, 0x80000000)]
    assert it.samples("list(text ORDER BY timestamp)", "property = 'stop-reason-text'") == [(["", "缺料", "NaN"],)]
    assert it.samples("sum(value), bool_or(boolean)", "property = 'running'") == [(150.0, True)]
    with duckdb.connect() as connection:
        joined = connection.sql(
            f"""SELECT a.site, a.line, p.name_zh <> '', p.role, count(*)
            FROM read_parquet('{it.root}/samples/**/*.parquet', hive_partitioning = true) s
            JOIN read_parquet('{it.root}/assets/*/*.parquet') a USING (asset)
            JOIN read_parquet('{it.root}/properties/*/*.parquet') p USING (asset, property, index)
            WHERE property = 'good-count' GROUP BY ALL"""
        ).fetchall()
    assert joined == [("wuhan", "moulding", True, "counter", 400)]


async def test_the_manifest_lists_every_file_with_its_digest(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    await it.put()
    result = await it.run()
    assert result.manifest == f"{it.root}/_manifest.parquet"
    manifest = pq.read_table(result.manifest)
    there = sorted(path.relative_to(it.root).as_posix() for path in (it.root / "samples").rglob("*") if path.is_file())
    assert manifest["path"].to_pylist() == there
    for row in manifest.to_pylist():
        content = (it.root / row["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["bytes"], row["sha256"])
    assert (
        manifest.schema.metadata[b"dualspan.end_date"].decode()
        > manifest.schema.metadata[b"dualspan.first_date"].decode()
    )
    file = pq.ParquetFile(it.root / there[0])
    assert {file.metadata.row_group(0).column(i).compression for i in range(10)} == {"ZSTD"}
    assert not list(it.root.rglob("_scratch"))


async def test_a_second_run_writes_what_changed_and_nothing_else(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    await it.put()
    await it.run()
    before = {path: path.stat().st_mtime_ns for path in it.root.rglob("samples.parquet")}
    again = await it.run()
    assert (again.partitions_written, again.partitions_kept) == (0, 6)
    # A sample of the second day comes late.
    await it.plant.ingest({GOOD: ([FIRST + DAY + 5], [77])})
    late = await it.run()
    # Of both machines that day is due, as they are behind one gateway; of the other one the file is what it was.
    assert (late.partitions_written, late.partitions_rewritten, late.partitions_kept) == (1, 1, 5)
    after = {path: path.stat().st_mtime_ns for path in it.root.rglob("samples.parquet")}
    changed = [path for path in before if before[path] != after[path]]
    assert [(path.parent.name, path.parent.parent.name) for path in changed] == [(_date(1), "asset=imm01")]
    assert (await it.run()).partitions_kept == 6
    assert it.samples("count(*)", "integer = 77 AND asset = 'imm01'") == [(2,)]
    # A file that somebody removed is written again, and so is everything when a property is left out.
    next(iter(sorted(before))).unlink()
    assert (await it.run()).partitions_written == 1
    await it.put(properties=["good-count"])
    assert (await it.run()).partitions_rewritten == 6 - 3
    assert it.samples("count(DISTINCT property)") == [(1,)]


def _date(day: int) -> str:
    return f"date={datetime.fromtimestamp((FIRST + day * DAY) / 1e6, UTC).date()}"


async def test_a_crash_leaves_nothing_half_read_and_the_next_run_goes_on(
    platform: AnalyticsPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await exporting(platform)
    await it.put()
    await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    closes = itertools.count(1)
    close = parquet.SampleFile.close

    def dies(self: parquet.SampleFile) -> parquet.Content:
        if next(closes) == 3:
            raise MemoryError
        return close(self)

    runs = composition.runs(it.plant.parts)
    with monkeypatch.context() as patch:
        patch.setattr(parquet.SampleFile, "close", dies)
        with pytest.raises(MemoryError):
            await runs.run(it.plant.tenant, "all")
    assert not (it.root / "_manifest.parquet").exists()
    whole = it.samples("count(*)")
    assert whole[0][0] in {303 + 100, 303}
    # Its lease is still on: nobody else begins. Once it has run out, the run goes on where it stopped.
    await runs.run(it.plant.tenant, "all")
    assert not (it.root / "_manifest.parquet").exists()
    async with it.plant.parts.database.platform_transaction() as connection:
        await connection.execute("UPDATE export SET leased_until = now() WHERE tenant_id = $1", it.plant.tenant)
    kept = {path: path.stat().st_mtime_ns for path in it.root.rglob("samples.parquet")}
    await runs.run(it.plant.tenant, "all")
    assert it.samples() == [(1003,)]
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    assert len(pq.read_table(it.root / "_manifest.parquet")) == 4


async def test_a_run_gives_way_and_goes_on(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    await it.put()
    operation = await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    same = await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    assert same.name == operation.name
    parts = replace(it.plant.parts, settings=it.plant.parts.settings.model_copy(update={"export_slice_seconds": 0.0}))
    await composition.runs(parts).run(it.plant.tenant, "all")
    running = await it.operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    assert not running.done
    assert (await it.run()).partitions_written == 6


async def test_samples_that_do_not_fit_into_memory_come_in_parts(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    await it.put()
    parts = replace(it.plant.parts, settings=it.plant.parts.settings.model_copy(update={"export_samples_at_once": 60}))
    await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    await composition.runs(parts).run(it.plant.tenant, "all")
    assert it.samples() == [(1003,)]
    assert it.samples(
        "list(integer ORDER BY file_row_number) = range(100)",
        f"property = 'good-count' AND asset = 'imm01' AND filename LIKE '%{_date(0)}%'",
    ) == [(True,)]


async def test_to_s3_and_from_there_into_duckdb(platform: AnalyticsPlatform, s3: str) -> None:
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    client.create_bucket(Bucket="lake")
    it = await exporting(platform, "to-s3")
    bucket = contract.ExportBucket(
        bucket="lake", prefix="plants/raw", endpoint=s3, access_key_id="key", secret_access_key="secret"
    )
    made = await it.put(folder=None, bucket=bucket)
    assert made.bucket.secret_access_key == ""
    result = await it.run()
    assert result.manifest == "s3://lake/plants/raw/to-s3/_manifest.parquet"
    assert (await it.run()).partitions_kept == 6
    keys = [each["Key"] for each in client.list_objects_v2(Bucket="lake")["Contents"]]
    assert len(keys) == 4 + 3
    for key in keys:
        path = it.root / key.removeprefix("plants/raw/to-s3/")
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file("lake", key, str(path))
    assert it.samples() == [(1003,)]
    # The secret of before is good for the same place only.
    bucket.secret_access_key = ""
    assert (await it.put(folder=None, bucket=bucket)).bucket.access_key_id == "key"
    bucket.bucket = "elsewhere"
    with pytest.raises(grpc.aio.AioRpcError, match="secret_access_key"):
        await it.put(folder=None, bucket=bucket)


async def test_a_bucket_that_refuses_is_said_so_and_one_that_is_away_is_tried_again(
    platform: AnalyticsPlatform, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await exporting(platform, "nowhere")
    bucket = contract.ExportBucket(bucket="not-there", endpoint=s3, access_key_id="key", secret_access_key="secret")
    await it.put(folder=None, bucket=bucket)
    operation = await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    runs = composition.runs(it.plant.parts)
    await runs.run(it.plant.tenant, "nowhere")
    ended = await it.operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    assert "s3://not-there/nowhere does not take the files" in ended.error.message
    assert (await it.stub.GetExport(contract.GetExportRequest(name=it.name))).status.trouble == ended.error.message

    async def away(*_: object) -> None:
        raise Unavailable("EXPORT_DESTINATION_UNREACHABLE", "It does not answer.")

    monkeypatch.setattr(runs, "_slice", away)
    operation = await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    status = contract.ExportStatus()
    for attempt in range(1, export_runs.MOST_ATTEMPTS + 1):
        await runs.run(it.plant.tenant, "nowhere")
        status = (await it.stub.GetExport(contract.GetExportRequest(name=it.name))).status
        assert bool(status.operation) == (attempt < export_runs.MOST_ATTEMPTS)
        async with it.plant.parts.database.platform_transaction() as connection:
            await connection.execute("UPDATE export SET retry_at = now() WHERE tenant_id = $1", it.plant.tenant)
    assert "Given up after 10 attempts" in status.trouble


async def test_by_schedule(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    with pytest.raises(grpc.aio.AioRpcError, match="15 minutes"):
        await it.put(interval=timedelta(seconds=1))
    await it.put(interval=timedelta(hours=1))
    use_cases = composition.use_cases(it.plant.parts)
    await use_cases.sweep()
    status = (await it.stub.GetExport(contract.GetExportRequest(name=it.name))).status
    assert status.operation
    assert timedelta(minutes=59) < status.next_time.ToDatetime(UTC) - datetime.now(UTC) < timedelta(hours=1)
    await composition.runs(it.plant.parts).run(it.plant.tenant, "all")
    status = (await it.stub.GetExport(contract.GetExportRequest(name=it.name))).status
    assert (status.operation, status.rows, status.partitions) == ("", 1003, 4)
    await use_cases.sweep()
    assert not (await it.stub.GetExport(contract.GetExportRequest(name=it.name))).status.operation


async def test_stopped_by_a_person_and_forgotten(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    await it.put()
    operation = await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    await it.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
    await composition.runs(it.plant.parts).run(it.plant.tenant, "all")
    ended = await it.operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    assert "was stopped" in ended.error.message
    operation = await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    await it.stub.DeleteExport(contract.DeleteExportRequest(name=it.name))
    ended = await it.operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    assert ended.HasField("error")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await it.stub.RunExport(contract.RunExportRequest(name=it.name))
    info = error_info(raised.value)
    assert info is not None
    assert info.reason == "EXPORT_NOT_FOUND"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"assets": ["imm99"]}, "no asset 'imm99'"),
        ({"folder": None}, "say folder or bucket"),
        (
            {"folder": None, "bucket": contract.ExportBucket(bucket="lake", access_key_id="k", prefix="a/../b")},
            "prefix",
        ),
        (
            {
                "folder": None,
                "bucket": contract.ExportBucket(bucket="lake", access_key_id="k", endpoint="http://169.254.169.254"),
            },
            "none of the servers that are allowed",
        ),
        ({"folder": None, "bucket": contract.ExportBucket(bucket="lake")}, "whose key writes"),
    ],
)
async def test_what_cannot_work_is_refused(platform: AnalyticsPlatform, changes: dict[str, Any], words: str) -> None:
    it = await exporting(platform)
    with pytest.raises(grpc.aio.AioRpcError, match=words):
        await it.put(**changes)


async def test_pages(platform: AnalyticsPlatform) -> None:
    it = await exporting(platform)
    await it.put()
    await it.run()
    request = contract.ListExportPartitionsRequest(parent=it.name, page_size=4)
    first = await it.stub.ListExportPartitions(request)
    request.page_token = first.next_page_token
    second = await it.stub.ListExportPartitions(request)
    found = [(each.asset, each.date, each.rows) for each in (*first.partitions, *second.partitions)]
    assert found == sorted(found, key=lambda each: each[:2])
    assert [len(first.partitions), len(second.partitions)] == [4, 2]
    assert sum(each[2] for each in found) == 1003
    listed = await it.stub.ListExports(contract.ListExportsRequest(parent=it.plant.parent))
    assert [each.name for each in listed.exports] == [it.name]
