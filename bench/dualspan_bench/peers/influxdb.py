"""InfluxDB 1.6, from Debian."""

import json
import time

import numpy as np
from numpy.typing import NDArray

from dualspan_bench.data import Table
from dualspan_bench.peers.http import HttpPeer
from dualspan_bench.peers.install import Installed, from_debian
from dualspan_bench.peers.line_protocol import line_protocol
from dualspan_bench.workbench import Workbench, free_port, size_on_disk

NAME = "InfluxDB"
FSYNC = "its write-ahead log is fsynced at every write (wal-fsync-delay 0s, its default)"


class InfluxDb:
    """A running server with an empty database."""

    def __init__(self, bench: Workbench) -> None:
        self.installed: Installed = from_debian(bench.software, "influxdb")
        self._data = bench.folder(f"influxdb-{free_port()}")
        port = free_port()
        # It compacts what has not been written to for some seconds, instead of its hours: its best size.
        environment = {
            "INFLUXDB_META_DIR": str(self._data / "meta"),
            "INFLUXDB_DATA_DIR": str(self._data / "data"),
            "INFLUXDB_DATA_WAL_DIR": str(self._data / "wal"),
            "INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "2s",
            "INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION": "4s",
            "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
            "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
            "INFLUXDB_HTTP_LOG_ENABLED": "false",
            "INFLUXDB_REPORTING_DISABLED": "true",
            "INFLUXDB_MONITOR_STORE_ENABLED": "false",
        }
        self._process = bench.start(
            f"influxdb-{port}", [str(self.installed.folder / "usr" / "bin" / "influxd"), "run"], environment
        )
        self._http = HttpPeer(port)
        self._http.wait_until_ready("/ping")
        self._http.post("/query", b"", q="CREATE DATABASE bench")

    @property
    def version(self) -> str:
        """Name and version."""
        return f"{NAME} {self.installed.version}"

    def load(self, table: Table) -> None:
        """Store a table through its line protocol, with microseconds."""
        for request in line_protocol(table, divide_us=1):
            self._http.post("/write", request, db="bench", precision="u")

    def settled_size(self) -> int:
        """Bytes on disk, after it has compacted all it can."""
        sizes = [0, 0, 0, 0, 1]
        while len(set(sizes[-5:])) > 1:  # ten seconds without a change
            time.sleep(2.5)
            sizes.append(size_on_disk(self._data))
        return sizes[-1]

    def minute_means(self, tag: int, start_us: int, end_us: int) -> NDArray[np.float64]:
        """One tag's 1-minute averages over [start, end)."""
        where = f"\"tag\" = '{tag}' AND time >= {start_us * 1000} AND time < {end_us * 1000}"
        statement = f"SELECT mean(value) FROM temperature WHERE {where} GROUP BY time(1m)"
        answer = json.loads(self._http.get("/query", db="bench", epoch="u", q=statement))
        return np.array([value for _, value in answer["results"][0]["series"][0]["values"]], np.float64)

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self._process.stop(20)
