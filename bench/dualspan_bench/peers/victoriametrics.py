"""VictoriaMetrics, from Debian."""

import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualspan_bench.data import Table
from dualspan_bench.peers.http import HttpPeer
from dualspan_bench.peers.install import Installed, from_debian
from dualspan_bench.peers.line_protocol import line_protocol
from dualspan_bench.workbench import Workbench, free_port, size_on_disk
from dualspan_cli.processes import ChildProcess

NAME = "VictoriaMetrics"
FSYNC = "no fsync per write: memory is flushed to disk every few seconds (its only policy)"

_STORED_ROWS = ('vm_rows{type="storage/', 'vm_rows{type="inmemory')


class VictoriaMetrics:
    """A running server with an empty store."""

    def __init__(self, bench: Workbench) -> None:
        self.installed: Installed = from_debian(bench.software, "victoria-metrics")
        self._data = bench.folder(f"victoriametrics-{free_port()}")
        self._port = free_port()
        self._process = self._start(bench, self._data)
        self._http = HttpPeer(self._port)
        self._http.wait_until_ready("/health")

    def _start(self, bench: Workbench, data: Path) -> ChildProcess:
        program = self.installed.folder / "usr" / "bin" / "victoria-metrics"
        return bench.start(
            f"victoriametrics-{self._port}",
            [
                str(program),
                f"-storageDataPath={data}",
                f"-httpListenAddr=127.0.0.1:{self._port}",
                "-retentionPeriod=100y",
            ],
        )

    @property
    def version(self) -> str:
        """Name and version."""
        return f"{NAME} {self.installed.version}"

    def load(self, table: Table) -> None:
        """Store a table through its line protocol; it keeps milliseconds, whatever it is given."""
        for request in line_protocol(table, divide_us=1000):
            self._http.post("/write", request, precision="ms")
        self._http.get("/internal/force_flush")
        while self.count() < table.samples:
            time.sleep(0.2)

    def count(self) -> int:
        """Samples that it holds."""
        metrics = self._http.get("/metrics").decode().splitlines()
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in metrics if line.startswith(_STORED_ROWS))

    def settled_size(self) -> int:
        """Bytes on disk, after it has merged all it can."""
        self._http.get("/internal/force_merge")
        sizes = [0, 1]
        while sizes[-1] != sizes[-2]:
            time.sleep(2)
            sizes.append(size_on_disk(self._data))
        return sizes[-1]

    def minute_means(self, tag: int, start_us: int, end_us: int) -> NDArray[np.float64]:
        """One tag's 1-minute averages over [start, end), computed anew: its cache of answers is off."""
        # A range query looks back over (t - 60 s, t]: a millisecond earlier, of whole seconds, that is [t - 60 s, t).
        answer = self._http.get(
            "/api/v1/query_range",
            query=f'avg_over_time(temperature_value{{tag="{tag}"}}[1m])',
            start=f"{start_us / 1e6 + 59.999:.3f}",
            end=f"{end_us / 1e6 - 0.001:.3f}",
            step="60s",
            nocache="1",
        )
        values = json.loads(answer)["data"]["result"][0]["values"]
        return np.array([float(value) for _, value in values])

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self._process.stop(20)
