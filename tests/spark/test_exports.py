"""Spark reads what exports write, as it is."""
# pyspark is installed for this suite only.
# pyright: reportUnknownParameterType=false, reportMissingImports=false

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession, functions

from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.exports import layout, parquet
from dualspan_analytics.exports.model import Place

FIRST = 20_400
COUNT = 5000
TENANT = "acme"


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    warehouse = str(tmp_path_factory.mktemp("warehouse"))
    builder = SparkSession.builder.master("local[1]").appName("dualspan-exports")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": warehouse,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two assets and two days as a run writes them, with what a run leaves beside."""
    root = tmp_path_factory.mktemp("export")
    for asset in ("imm01", "imm02"):
        for day in (FIRST, FIRST + 1):
            place = Place(asset, day)
            path = root / layout.partition_path(TENANT, place)
            path.parent.mkdir(parents=True)
            file = parquet.SampleFile(path, smallest=2000, largest=3000)
            times = place.start_us + np.arange(COUNT) * 1_000_000
            good = np.zeros(COUNT, np.uint32)
            file.append(PropertyRef(asset, "good-count"), Series(times, 2**60 + np.arange(COUNT), good, "{piece}"))
            bad = np.where(np.arange(COUNT) < 7, 0x80000000, 0).astype(np.uint32)
            file.append(PropertyRef(asset, "melt-temperature", 1), Series(times, np.full(COUNT, 220.5), bad, "Cel"))
            words = np.array(["", "缺料"] * (COUNT // 2), object)
            file.append(PropertyRef(asset, "stop-reason-text"), Series(times, words, good, ""))
            file.close()
    (root / "_scratch").mkdir()
    (root / "_scratch" / "half").write_bytes(b"PAR1 half a file")
    (root / "_manifest.parquet").write_bytes(b"")
    return root


def test_partitions_types_and_values(spark: SparkSession, root: Path) -> None:
    frame = spark.read.parquet(str(root / "samples"))
    types = dict(frame.dtypes)
    assert types == {
        "property": "string",
        "index": "int",
        "timestamp": "timestamp",
        "value": "double",
        "integer": "bigint",
        "boolean": "boolean",
        "text": "string",
        "status": "bigint",
        "good": "boolean",
        "unit": "string",
        "tenant": "string",
        "asset": "string",
        "date": "date",
    }
    assert frame.count() == 2 * 2 * 3 * COUNT
    days = frame.groupBy("asset", "date").count().orderBy("asset", "date").collect()
    assert [(row["asset"], row["count"]) for row in days] == [(f"imm0{n}", 3 * COUNT) for n in (1, 1, 2, 2)]
    # A partition holds its own day and nothing else.
    assert frame.where(functions.to_date("timestamp") != functions.col("date")).count() == 0
    largest = frame.where("property = 'good-count'").agg(functions.max("integer")).first()
    assert largest is not None
    assert largest[0] == 2**60 + COUNT - 1
    bad = frame.where("NOT good").agg(functions.count("*"), functions.max("status"), functions.max("unit")).first()
    assert bad is not None
    assert tuple(bad) == (2 * 2 * 7, 0x80000000, "Cel")
    assert frame.where("text = '缺料'").count() == 2 * 2 * COUNT // 2


def test_a_day_is_read_from_its_own_files(spark: SparkSession, root: Path) -> None:
    day = dt.date(1970, 1, 1) + dt.timedelta(days=FIRST)
    frame = spark.read.parquet(str(root / "samples")).where(f"date = '{day}' AND asset = 'imm01'")
    assert frame.count() == 3 * COUNT
    # The plan has the partition's columns as filters of partitions: other folders are not opened.
    plan = frame._jdf.queryExecution().toString()
    assert "PartitionFilters: [isnotnull(" in plan
    assert {Path(row[0]).parent.name for row in frame.select(functions.input_file_name()).distinct().collect()} == {
        f"date={day}"
    }
