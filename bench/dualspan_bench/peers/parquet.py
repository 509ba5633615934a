"""DuckDB over Parquet: the analyst's file, sorted and compressed."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dualspan_bench.data import Table
from dualspan_bench.workbench import Workbench

NAME = "DuckDB over Parquet"
FSYNC = "a file written once, no fsync"


class ParquetFile:
    """A table in one Parquet file, sorted by tag and time, zstd."""

    def __init__(self, bench: Workbench, table: Table) -> None:
        self._path: Path = bench.folder(f"parquet-{id(self)}") / "samples.parquet"
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")
        count = len(table.value)
        arrow = pa.table(
            {
                "tag": np.repeat(table.tag_ids, count),
                "time": pa.array(table.timestamp.T.ravel(), pa.timestamp("us", "UTC")),
                "status": np.zeros(table.samples, np.uint32),
                "value": table.value.T.ravel(),
            }
        )
        self._database.register("arrow", arrow)
        self._database.execute(f"COPY arrow TO '{self._path}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)")
        self._database.unregister("arrow")

    @property
    def version(self) -> str:
        """Name and version."""
        return f"DuckDB {duckdb.__version__}, in process, Parquet v2 with zstd, sorted by tag and time"

    def size(self) -> int:
        """Bytes of the file."""
        return self._path.stat().st_size

    def minute_means(self, tag: int, start_us: int, end_us: int) -> NDArray[np.float64]:
        """One tag's 1-minute averages over [start, end)."""
        answer = self._database.execute(
            f"""
            SELECT time_bucket(INTERVAL '1 minute', time) AS minute, avg(value) AS mean
            FROM '{self._path}'
            WHERE tag = ? AND time >= make_timestamptz(?) AND time < make_timestamptz(?)
            GROUP BY minute ORDER BY minute
            """,
            [tag, start_us, end_us],
        )
        return np.asarray(answer.fetchnumpy()["mean"], np.float64)

    def stop(self) -> None:
        """Close the database."""
        self._database.close()
