"""Tables as an Apache Parquet file, row group by row group."""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from dualspan_analytics.queries.arrow_file import batch, schema, slices, time_array
from dualspan_analytics.queries.model import Table


def parquet_pieces(table: Table, page_rows: int) -> Iterator[bytes]:
    """A Parquet file: a row group at a time, then the footer; columns and metadata as in Arrow."""
    sink = _Sink()
    with pq.ParquetWriter(sink, schema(table), compression="zstd") as writer:
        for start, end in slices(table, page_rows):
            writer.write_batch(batch(table, start, end, time_array(table.time[start:end])))
            if data := sink.taken():
                yield data
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Takes bytes, gives them away, and still knows where in the file it is: the footer names places."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._waiting += content
        self._written += len(content)
        return len(content)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data
