"""Tables as an Arrow IPC stream, and as record batches for other writers."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dualspan_analytics.queries.model import Quality, Table, TableColumn
from dualspan_analytics.queries.plan import TIME, header
from dualspan_frame import ValueKind

_TYPES = {
    ValueKind.FLOAT64: pa.float64(),
    ValueKind.INT64: pa.int64(),
    ValueKind.BOOL: pa.bool_(),
    ValueKind.TEXT: pa.string(),
}
# A batch that a client takes in one message.
_BATCH_BYTES = 8 << 20


def arrow_pieces(table: Table, page_rows: int) -> Iterator[bytes]:
    """An Arrow IPC stream: the schema, a batch at a time, the end.

    Column `time` is timestamp[us, UTC]; each value column has its unit (UCUM) and share of good data as metadata.
    """
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema(table)) as writer:
        for start, end in slices(table, page_rows):
            writer.write_batch(batch(table, start, end, time_array(table.time[start:end])))
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    """What was written since the last time."""
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


def schema(table: Table) -> Any:
    """The columns of a table, a pyarrow.Schema."""
    fields = [pa.field(TIME, pa.timestamp("us", "UTC"), nullable=False)]
    names = iter(header([column.title for column in table.columns], table.quality)[1:])
    for column in table.columns:
        metadata = {"unit": column.unit, "good_share": f"{column.good_share:.6f}"}
        fields.append(pa.field(next(names), _TYPES[column.kind], metadata=metadata))
        if table.quality is not Quality.NOTHING:
            kind = pa.uint32() if table.quality is Quality.STATUS else pa.float64()
            fields.append(pa.field(next(names), kind, nullable=False))
    return pa.schema(fields)


def batch(table: Table, start: int, end: int, time: Any) -> Any:
    """Some rows, a pyarrow.RecordBatch, with times as they are given."""
    arrays = [time]
    for column in table.columns:
        arrays.append(_values(column, start, end))
        if table.quality is Quality.STATUS:
            arrays.append(pa.array(column.status[start:end]))
        elif table.quality is Quality.GOOD_SHARE:
            arrays.append(pa.array(column.row_share[start:end]))
    shape = schema(table)
    if not time.type.equals(shape.field(0).type):
        shape = shape.set(0, pa.field(TIME, time.type, nullable=False))
    return pa.RecordBatch.from_arrays(arrays, schema=shape)


def time_array(time: NDArray[np.int64]) -> Any:
    """Times as a pyarrow.Array."""
    return pa.array(time, pa.timestamp("us", "UTC"))


def slices(table: Table, page_rows: int) -> Iterator[tuple[int, int]]:
    """Pages of a table: rows `start` to `end`, not included; one empty page for an empty table."""
    row_bytes = 8 + 16 * len(table.columns)
    step = max(1, min(page_rows, _BATCH_BYTES // row_bytes))
    for start in range(0, max(len(table), 1), step):
        yield start, min(start + step, len(table))


def _values(column: TableColumn, start: int, end: int) -> Any:
    # NaN is a value that a machine sent; only what is missing is null.
    values: Any = column.value[start:end]
    return pa.array(values, _TYPES[column.kind], mask=column.missing[start:end], from_pandas=False)
